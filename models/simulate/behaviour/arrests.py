"""Arrests of the town: of those who are taken into custody for an incident, and, against the policy, of drug users.

Only towns with side effects have them. Their draws are keyed apart, so that no other draw of a town changes.
"""

import numpy as np

from models.simulate.behaviour.custody import Stays
from models.simulate.behaviour.health import SERVICE
from models.simulate.output.events import Emitted, emit
from models.simulate.output.incident import SUSPECT
from models.simulate.world.days import DAY_S, Day, iso
from models.simulate.world.draws import mix
from models.simulate.world.people import People
from models.simulate.world.sites import Sites
from models.simulate.world.town import Town
from models.simulate.world.vocabulary import CODES

_STREAM = 1002
POSSESSION_PER_DAY = 0.15  # of each area with a street market
INJURY_SHARE = 0.06  # of arrests in which an officer, and of those in which the arrested, is hurt
LEFT_SHARE, LEFT_DAYS = 0.2, 20  # of arrested users, who leave treatment some days later
BY = "response officers"


def arrest_events(
    seed: int, day: Day, stays: Stays, incidents: np.ndarray, town: Town, sites: Sites, people: People
) -> list[Emitted]:
    """Return the arrests of a day with what each was for, who was hurt, and who left treatment over it.

    Parameters
    ----------
    stays : Stays
        Stays of the day's incidents and of chance; those of custody and prison begin with an arrest.
    incidents : ndarray
        Incidents of known people on that day.
    """
    rng = np.random.default_rng([seed, day.number + 1, _STREAM])
    of_suspect = {int(person): row for row, person in enumerate(incidents["person"][:, SUSPECT])}
    made: list[tuple[int, str, str, str]] = []  # when, whom, where, what for
    for person, kind, at_s in zip(stays.person.tolist(), stays.kind.tolist(), stays.from_s.tolist(), strict=True):
        if kind in ("custody", "prison") and person in of_suspect:
            row = incidents[of_suspect[person]]
            made.append((at_s, str(people.ids[person]), town.area_ids[town.area[row["point"]]], CODES[row["code"]]))
    users = people.ids[people.consent == 1]
    for market in sites.markets:
        count = int(rng.poisson(POSSESSION_PER_DAY))
        for minute, person_id in zip(rng.integers(600, 1440, count), rng.choice(users, count), strict=True):
            made.append((day.start_s + 60 * int(minute), str(person_id), town.area_ids[market.area], "drug_possession"))
    hurt = rng.random((len(made), 2)) < INJURY_SHARE
    numbers = mix(seed, _STREAM, day.number, np.arange(3 * len(made))).reshape(-1, 3).tolist()
    events = []
    for (at_s, person_id, area, code), parties, names in zip(made, hurt.tolist(), numbers, strict=True):
        at = iso([at_s])[0]
        told = [{"kind": "arrest", "subject": person_id, "offence_code": code}]
        told += [
            {"kind": "injury", "party": side}
            for side, is_hurt in zip(("officer", "public"), parties, strict=True)
            if is_hurt
        ]
        if code == "drug_possession" and names[0] % 100 < 100 * LEFT_SHARE:
            left_s = at_s + LEFT_DAYS * DAY_S
            left = {"kind": "treatment_left", "subject": person_id, "at": iso([left_s])[0]}
            given = {"action_id": f"T{names[0]:016x}", "version": 1, "actor": SERVICE, **left}
            events.append(emit(seed, "actions", given, left["at"], left_s))
        for name, data in zip(names, told, strict=False):
            given = {"action_id": f"A{name:016x}", "version": 1, "actor": BY, "area": area, **data, "at": at}
            events.append(emit(seed, "actions", given, at, at_s))
    return events
