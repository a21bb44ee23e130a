"""Actions on the town, checked and emitted as events; and routine visits and offers of treatment."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.simulate.output.events import Emitted, emit
from models.simulate.world.days import DAY_S, Day, iso, seconds_of
from models.simulate.world.draws import generator, numbers
from models.simulate.world.people import People
from models.simulate.world.town import Town

VISITS_PER_DAY, OFFERS_PER_DAY = 1.0, 0.08
# These change the town and need an area; `arrest` needs a subject; every other kind is only emitted as an event.
AREA_KINDS = ("announcement", "crackdown_start", "crackdown_end", "visit")


@dataclass(frozen=True, slots=True)
class Order:
    """One action as the simulator carries it out; area and subject are indexes, −1 where there is none."""

    at_s: int
    kind: str
    area: int
    subject: int
    hours: float
    data: Mapping[str, Any]


def read_actions(
    actions: Sequence[Mapping[str, Any]], town: Town, people: People, from_s: int, to_s: int
) -> list[Order]:
    """Check actions given as `data` of action events (`kind`, `at`, `area`, `subject`, `hours`, …); sort them by time.

    Raises
    ------
    ValueError
        An action is outside from_s … to_s, or its area or subject is not in the town.
    """
    orders = sorted(
        (_read(action, town, people) for action in actions), key=lambda order: (order.at_s, order.data["action_id"])
    )
    for order in orders:
        if not from_s <= order.at_s < to_s:
            raise ValueError(f"at={order.data['at']!r} of {order.kind}: expected a time within the days of this step")
    return orders


def action_events(seed: int, orders: Sequence[Order]) -> list[Emitted]:
    """Return the actions as events that arrive at once."""
    return [_emitted(seed, order.data, order.at_s) for order in orders]


def routine_actions(seed: int, day: Day, town: Town, people: People) -> list[Emitted]:
    """Return short patrol visits and offers of treatment to users with consent; neither changes the town."""
    rng = generator(seed, day.number, "actions")
    visits, offers = rng.poisson([VISITS_PER_DAY, OFFERS_PER_DAY])
    names = [f"N{number:016x}" for number in numbers(seed, day.number, "actions", visits + 3 * offers).tolist()]
    area, minute = rng.integers(0, len(town.area_ids), visits), rng.integers(0, 1440, visits + offers)
    at_s = day.start_s + 60 * minute
    actions = [
        (_data(name, "visit", "patrol", when, area=town.area_ids[where], hours=0.25), when)
        for name, where, when in zip(names, area.tolist(), at_s.tolist(), strict=False)
    ]
    willing = people.ids[people.consent == 1]
    asked = rng.choice(willing, offers)
    says_yes = rng.random((offers, 2)) < [0.6, 0.7]
    for turn, (person_id, when) in enumerate(zip(asked.tolist(), at_s[visits:].tolist(), strict=True)):
        actions += _referral(names[visits + 3 * turn :], person_id, when, 1 + int(says_yes[turn].cumprod().sum()))
    return [_emitted(seed, data, at) for data, at in actions]


def _read(action: Mapping[str, Any], town: Town, people: People) -> Order:
    kind, at_s = str(action["kind"]), seconds_of(action["at"])
    area = _index(town.area_ids, action.get("area"), "area", kind, kind in AREA_KINDS)
    subject = _index(people.ids.tolist(), action.get("subject"), "subject", kind, kind == "arrest")
    data = {"version": 1, "actor": "simulated", **action, "at": iso([at_s])[0]}
    content = zlib.crc32(json.dumps(data, sort_keys=True).encode())
    return Order(at_s, kind, area, subject, float(action.get("hours") or 0.0), {"action_id": f"N{content:08x}", **data})


def _index(known: Sequence[str], value: str | None, name: str, kind: str, is_needed: bool) -> int:
    if value is None and not is_needed:
        return -1
    if value is None or value not in known:
        # A person's id stays out of the message.
        shown = repr(value) if name == "area" else "not in this town"
        raise ValueError(f"{name} of {kind}: {shown}, expected one of this town")
    return list(known).index(value)


def _referral(names: list[str], person_id: str, at_s: int, steps: int) -> list[tuple[dict[str, Any], int]]:
    """Return the first `steps` of offer, acceptance and start, two days apart."""
    kinds = ("referral_offered", "referral_accepted", "referral_started")[:steps]
    moments = [at_s + 2 * DAY_S * turn for turn in range(steps)]
    return [
        (_data(name, kind, "treatment service", moment, subject=person_id), moment)
        for name, kind, moment in zip(names, kinds, moments, strict=False)
    ]


def _data(action_id: str, kind: str, actor: str, at_s: int, **rest: Any) -> dict[str, Any]:
    return {"action_id": action_id, "version": 1, "kind": kind, "actor": actor, **rest, "at": iso([at_s])[0]}


def _emitted(seed: int, data: Mapping[str, Any], at_s: int) -> Emitted:
    return emit(seed, "actions", data, str(data["at"]), at_s)
