"""Person events: the police register's entry on each resident at the start, and later changes."""

from typing import Any

import numpy as np

from models.simulate.output.events import Emitted, emit
from models.simulate.world.days import DAY_S, iso
from models.simulate.world.draws import Ints
from models.simulate.world.people import People


def person_events(seed: int, people: People, start_s: int) -> list[Emitted]:
    """Return first versions at the town's first second, then starts of treatment and deaths."""
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
        *_emit(seed, people, dying, 2 * one + will_engage, death_s, is_engaged | will_engage, is_dead=True),
    ]


def _noon(day: Ints) -> Ints:
    return day * DAY_S + DAY_S // 2


def _emit(
    seed: int, people: People, who: Ints, version: Ints, moment_s: Ints, is_engaged: np.ndarray, *, is_dead: bool
) -> list[Emitted]:
    """Return one event for each of `who`; the other columns are by person."""
    columns = zip(
        people.ids[who].tolist(),
        version[who].tolist(),
        moment_s[who].tolist(),
        iso(moment_s[who]),
        _births(people, who),
        _treatments(people, who, is_engaged),
        strict=True,
    )
    return [
        emit(
            seed,
            "persons",
            {
                "person_id": person_id,
                "version": number,
                **birth,
                **({"deceased_at": time} if is_dead else {}),
                **treatment,
            },
            time,
            arrives_s,
        )
        for person_id, number, arrives_s, time, birth, treatment in columns
    ]


def _births(people: People, who: Ints) -> list[dict[str, Any]]:
    """Return `birth_date`, only `birth_year`, or nothing, for each of `who`."""
    dates = people.birth[who].astype(str).tolist()
    flags = zip(dates, people.knows_date[who].tolist(), people.knows_year[who].tolist(), strict=True)
    return [
        {"birth_date": born} if knows_date else {"birth_year": int(born[:4])} if knows_year else {}
        for born, knows_date, knows_year in flags
    ]


def _treatments(people: People, who: Ints, is_engaged: np.ndarray) -> list[dict[str, Any]]:
    """Return consent where stated, and engagement in treatment only with consent."""
    return [
        {}
        if consent < 0
        else {"treatment": {"consent": True, "engaged": engaged}}
        if consent
        else {"treatment": {"consent": False}}
        for consent, engaged in zip(people.consent[who].tolist(), is_engaged[who].tolist(), strict=True)
    ]
