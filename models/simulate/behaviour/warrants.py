"""Warrants for various offences: executed later, recalled later, or outstanding for good."""

import numpy as np

from models.simulate.output.events import Emitted, emit
from models.simulate.world.days import DAY_S, Day, iso
from models.simulate.world.draws import generator, numbers, one_of, pick
from models.simulate.world.people import OFFENDERS, People

WARRANTS_PER_DAY = 0.16
OVER = {
    "violence_with_injury": 0.25,
    "violence_without_injury": 0.15,
    "shoplifting": 0.2,
    "criminal_damage": 0.1,
    "burglary_residential": 0.15,
    "drug_supply": 0.1,
    "robbery": 0.05,
}
POSSESSION_SHARE = 0.25  # of warrants: over possession, against people with no other offence
BENCH_SHARE = 0.6
STANDING_SHARE = 0.45  # neither executed nor recalled
EXECUTED_SHARE = 0.75  # of those that end; the others are recalled


def warrant_events(seed: int, day: Day, people: People) -> list[Emitted]:
    """Return the events of warrants issued on one day: each issue and each end."""
    rng = generator(seed, day.number, "warrants")
    n = rng.poisson(WARRANTS_PER_DAY)
    u = rng.random((6, n))
    is_possession = u[0] < POSSESSION_SHARE
    over = np.array(list(OVER))[pick(u[1], list(OVER.values()))]
    person = np.where(is_possession, one_of(people.of("user"), u[2]), one_of(people.of(*OFFENDERS), u[2]))
    issued_s = day.start_s + 10 * 3600
    ended_s = issued_s + ((3 - 70 * np.log1p(-u[5])) * DAY_S).astype(np.int64)
    outcome = np.select([u[4] < STANDING_SHARE, u[5] < EXECUTED_SHARE], ["outstanding", "executed"], "recalled")
    columns = (
        numbers(seed, day.number, "warrants", n).tolist(),
        people.ids[person].tolist(),
        np.where(u[3] < BENCH_SHARE, "bench", "arrest").tolist(),
        np.where(is_possession, "drug_possession", over).tolist(),
        ended_s.tolist(),
        outcome.tolist(),
    )
    events = []
    for number, person_id, kind, code, end_s, end in zip(*columns, strict=True):
        versions = [("outstanding", issued_s), *([] if end == "outstanding" else [(end, end_s)])]
        for version, (status, at_s) in enumerate(versions, start=1):
            issued_at, time = iso([issued_s, at_s])
            data = {
                "warrant_id": f"W{number:016x}",
                "version": version,
                "person_id": person_id,
                "kind": kind,
                "issued_at": issued_at,
                "status": status,
                "underlying_offence_code": code,
            }
            events.append(emit(seed, "warrants", data, time, at_s))
    return events
