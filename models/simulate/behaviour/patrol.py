"""Incidents made by patrol: stops, contacts and arrests to no further action, on people chosen at random."""

import numpy as np

from models.simulate.output.incident import SUSPECT, blank
from models.simulate.world.days import PROFILE, Day
from models.simulate.world.draws import Ints, generator, numbers, one_of, pick
from models.simulate.world.people import People
from models.simulate.world.sites import Sites
from models.simulate.world.vocabulary import CODE, DISCOVERY, ROLE

STOPS_PER_DAY = 2.6
DROPPED_ARRESTS_PER_DAY = 0.45
DROPPED_OVER = ("violence_with_injury", "public_order", "theft_other", "drug_supply", "robbery")


def patrol(seed: int, day: Day, sites: Sites, people: People) -> np.ndarray:
    """Return the stops and dropped arrests of one day; half are of the same few people, the others of anybody."""
    rng = generator(seed, day.number, "patrol")
    stops, arrests = rng.poisson([STOPS_PER_DAY, DROPPED_ARRESTS_PER_DAY])
    n = stops + arrests
    is_stop = np.arange(n) < stops
    u = rng.random((6, n))
    over = one_of(np.array([CODE[code] for code in DROPPED_OVER]), u[0])
    rows = blank(numbers(seed, day.number, "patrol", n))
    rows["code"] = np.where(is_stop, CODE["contact_stop"], over)
    rows["discovery"] = DISCOVERY["police"]
    rows["occurred_s"] = day.seconds(np.full(n, PROFILE["evening"]), u[1], u[2])
    rows["point"] = pick(u[3], sites.patrol_weights)
    rows["person"][:, SUSPECT] = _stopped_people(people, u[4], u[5])
    rows["role"][:, SUSPECT] = np.where(is_stop, ROLE["suspect"], ROLE["no_further_action"])
    return rows


def _stopped_people(people: People, u_pool: np.ndarray, u_person: np.ndarray) -> Ints:
    frequent, anybody = people.of("contacted"), people.of("contacted", "resident", "offender", "user", "victim")
    return np.where(u_pool < 0.5, one_of(frequent, u_person), one_of(anybody, u_person))
