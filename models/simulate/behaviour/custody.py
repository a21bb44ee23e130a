"""Stays away from liberty: custody and prison after high-harm incidents, sometimes hospital or absence."""

from dataclasses import dataclass

import numpy as np

from models.simulate.output.events import Emitted, emit
from models.simulate.output.incident import SUSPECT
from models.simulate.world.days import DAY_S, Day, iso
from models.simulate.world.draws import Ints, generator, uniforms
from models.simulate.world.people import OFFENDERS, People
from models.simulate.world.vocabulary import CODE, DISCOVERY, ROLE

HELD_SHARE = 0.35  # of charged or convicted suspects of high-harm violence
PRISON_FROM_DAYS = 60
HOSPITAL_PER_DAY, ABSENCE_PER_DAY = 0.08, 0.04
_HIGH_HARM = [
    CODE[code]
    for code in ("homicide", "attempted_murder", "rape", "wounding_with_intent", "violence_with_injury", "robbery")
]


@dataclass(frozen=True, slots=True)
class Stays:
    """Stays by row: person, kind, first and last second."""

    person: Ints
    kind: np.ndarray
    from_s: Ints
    to_s: Ints

    def take(self, rows: np.ndarray) -> "Stays":
        """Return the stays of the given rows (a mask or indexes)."""
        return Stays(self.person[rows], self.kind[rows], self.from_s[rows], self.to_s[rows])


@dataclass(frozen=True, slots=True)
class Away:
    """Latest stay by person: first and last second, −1 if there was none."""

    from_s: Ints
    to_s: Ints

    def on(self, day: Day) -> np.ndarray:
        """Return by person whether they are away for any part of the day."""
        return (self.from_s < day.end_s) & (self.to_s > day.start_s)

    def with_stays(self, stays: Stays) -> "Away":
        """Return the table with new latest stays."""
        from_s, to_s = self.from_s.copy(), self.to_s.copy()
        from_s[stays.person], to_s[stays.person] = stays.from_s, stays.to_s
        return Away(from_s, to_s)


def nobody_away(people: int) -> Away:
    """Return the table of `people` persons without any stay."""
    return Away(np.full(people, -1), np.full(people, -1))


def new_stays(seed: int, day: Day, incidents: np.ndarray, people: People, away: Away) -> Stays:
    """Return stays from today's incidents and from chance; a new stay begins only after the last has ended."""
    held, chance = _held(incidents), _by_chance(seed, day, people)
    stays = Stays(
        np.concatenate([held.person, chance.person]),
        np.concatenate([held.kind, chance.kind]),
        np.concatenate([held.from_s, chance.from_s]),
        np.concatenate([held.to_s, chance.to_s]),
    )
    first = np.zeros(len(stays.person), dtype=bool)
    first[np.unique(stays.person, return_index=True)[1]] = True
    return stays.take(first & (away.to_s[stays.person] < day.start_s))


def arrested(person: Ints, at_s: int) -> Stays:
    """Return stays of three days in custody from the moment of an arrest."""
    n = len(person)
    return Stays(person, np.full(n, "custody"), np.full(n, at_s), np.full(n, at_s + 3 * DAY_S))


def custody_events(seed: int, stays: Stays, people: People) -> list[Emitted]:
    """Return two events for each stay: its start, and its end, each half an hour later."""
    events = []
    person_ids = people.ids[stays.person].tolist()
    columns = (person_ids, stays.kind.tolist(), stays.from_s.tolist(), stays.to_s.tolist())
    for person_id, kind, from_s, to_s in zip(*columns, strict=True):
        start, end = iso([from_s, to_s])
        for version, at_s, time, until in ((1, from_s, start, {}), (2, to_s, end, {"to": end})):
            data = {"person_id": person_id, "version": version, "from": start, **until, "kind": kind}
            events.append(emit(seed, "custody", data, time, at_s + 1800, part=f"{from_s}.{version}"))
    return events


def _held(incidents: np.ndarray) -> Stays:
    role, number = incidents["role"][:, SUSPECT], incidents["number"]
    is_held = (
        np.isin(incidents["code"], _HIGH_HARM)
        & np.isin(role, [ROLE["charged"], ROLE["convicted"]])
        & (incidents["discovery"] != DISCOVERY["sensor"])
        & (uniforms(number, 60) < HELD_SHARE)
    )
    number = number[is_held]
    days = np.clip(20 * np.exp(1.6 * uniforms(number, 61)), 7, 200)
    from_s = incidents["occurred_s"][is_held] + ((2 + 8 * uniforms(number, 62)) * DAY_S).astype(np.int64)
    kind = np.where(days < PRISON_FROM_DAYS, "custody", "prison")
    return Stays(incidents["person"][is_held, SUSPECT], kind, from_s, from_s + (days * DAY_S).astype(np.int64))


def _by_chance(seed: int, day: Day, people: People) -> Stays:
    rng = generator(seed, day.number, "custody")
    hospital, absence = rng.poisson([HOSPITAL_PER_DAY, ABSENCE_PER_DAY])
    n = hospital + absence
    person = rng.choice(people.of(*OFFENDERS), n)
    from_s = np.full(n, day.start_s + DAY_S // 2)
    kind = np.where(np.arange(n) < hospital, "hospital", "absence")
    return Stays(person, kind, from_s, from_s + rng.integers(3, 20, n) * DAY_S)
