"""Person events: the police register's entry on each resident at the start, later changes, and ids found to be one."""

from typing import Any

import numpy as np

from models.simulate.output.events import SAME_PERSON, Emitted, emit
from models.simulate.world.days import DAY_S, iso
from models.simulate.world.draws import Ints
from models.simulate.world.people import People

JOINED_ON = 30  # day on which the register finds ids that are one person


def person_events(seed: int, people: People, start_s: int) -> list[Emitted]:
    """Return first versions at the town's first second, then joined ids, starts of treatment and deaths."""
    registered = np.flatnonzero(people.has_record)
    engaging = registered[people.engaged_day[registered] >= 0]
    dying = registered[people.death_day[registered] >= 0]
    is_engaged = people.engaged == 1
    will_engage = people.engaged_day >= 0
    one = np.ones(len(people.ids), dtype=np.int64)
    first_s, engaged_s, death_s = (
        start_s + noon for noon in (0 * one, _noon(people.engaged_day), _noon(people.death_day))
    )
    return [
        *_emit(seed, people, registered, one, first_s, is_engaged, is_dead=False),
        *_emit(seed, people, engaging, 2 * one, engaged_s, is_engaged | will_engage, is_dead=False),
        *_joins(seed, people, start_s + JOINED_ON * DAY_S),
        *_emit(seed, people, dying, 2 * one + will_engage, death_s, is_engaged | will_engage, is_dead=True),
    ]


def _joins(seed: int, people: People, moment_s: int) -> list[Emitted]:
    twice = np.flatnonzero(people.second_ids != people.ids)
    [time] = iso(np.array([moment_s]))
    events = []
    for one, other in zip(people.ids[twice].tolist(), people.second_ids[twice].tolist(), strict=True):
        data = {"person_id": one, "same_as": other, "version": 1, "status": "joined"}
        events.append(emit(seed, "persons", data, time, moment_s, part="same.1", event_type=SAME_PERSON))
    return events


def _noon(day: Ints) -> Ints:
    return day * DAY_S + DAY_S // 2


def _emit(
    seed: int, people: People, who: Ints, version: Ints, moment_s: Ints, is_engaged: np.ndarray, *, is_dead: bool
) -> list[Emitted]:
    """Return one event for each of `who`; the other columns are by person."""
    events = []
    for person, time in zip(who.tolist(), iso(moment_s[who]), strict=True):
        data = {
            "person_id": str(people.ids[person]),
            "version": int(version[person]),
            **_birth(people, person),
            **({"deceased_at": time} if is_dead else {}),
            **_treatment(int(people.consent[person]), bool(is_engaged[person])),
        }
        events.append(emit(seed, "persons", data, time, int(moment_s[person])))
    return events


def _birth(people: People, person: int) -> dict[str, Any]:
    """Return `birth_date`, only `birth_year`, or nothing."""
    born = str(people.birth[person])
    if people.knows_date[person]:
        return {"birth_date": born}
    return {"birth_year": int(born[:4])} if people.knows_year[person] else {}


def _treatment(consent: int, is_engaged: bool) -> dict[str, Any]:
    """Return consent if stated, and engagement in treatment only with consent."""
    if consent < 0:
        return {}
    return {"treatment": {"consent": True, "engaged": is_engaged} if consent else {"consent": False}}
