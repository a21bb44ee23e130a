"""Offending of known people: each offends at individual rates while at liberty, alone or with a companion."""

import numpy as np

from models.simulate.output.incident import COMPANION, SUSPECT, VICTIM, blank
from models.simulate.world.days import PROFILE, Day
from models.simulate.world.draws import Floats, Ints, generator, numbers, one_of, pick, pick_by_row
from models.simulate.world.people import KIND, RATE, RATE_TABLE, RATES, People
from models.simulate.world.sites import POINT_SHARES, Sites
from models.simulate.world.town import PLACE, Town
from models.simulate.world.vocabulary import CODE, DISCOVERIES, NONE, OFFENCES, ROLE, SETTING

_MIX = OFFENCES[[*RATES]].to_numpy(np.float64).T
_PROFILE = np.array([PROFILE[name] for name in RATE_TABLE["profile"]])
_FOUND_BY = RATE_TABLE[[*DISCOVERIES]].to_numpy()
_OUTCOME = RATE_TABLE[["suspect", "charged", "convicted"]].to_numpy()
_ALONE = [RATE["possession"], RATE["supply"], RATE["minors_high"]]
_WITHDRAWN_EVERY_DAYS = 60
HOME_SHARE = 0.7  # of incidents in the home area; the others anywhere


def offending(
    seed: int, day: Day, town: Town, sites: Sites, people: People, is_away: np.ndarray, dealing_share: Floats
) -> np.ndarray:
    """Return the incidents of one day by known people.

    Parameters
    ----------
    seed : int
        Seed of the town.
    day : Day
        The local day.
    town : Town
        Streets and areas.
    sites : Sites
        Planted places.
    people : People
        Residents.
    is_away : ndarray of bool
        By person, in custody, hospital or dead. Draws are made for all and kept for those at liberty, so that one
        person's absence does not change the draws of others.
    dealing_share : ndarray of float
        By market, the share of its sellers who deal today.

    Returns
    -------
    ndarray
        Rows of INCIDENT.
    """
    rng = generator(seed, day.number, "offending")
    n = rng.poisson(people.rates.sum() / 365.25)
    u = rng.random((10, n))
    person, rate = np.divmod(pick(u[0], people.rates.ravel()), len(RATES))
    rows = blank(numbers(seed, day.number, "offending", n))
    rows["code"] = pick_by_row(u[1], _MIX[rate])
    rows["occurred_s"] = day.seconds(_PROFILE[rate], u[2], u[3])
    rows["discovery"] = pick_by_row(u[4], _FOUND_BY[rate])
    rows["person"][:, SUSPECT] = person
    rows["role"][:, SUSPECT] = pick_by_row(u[5], _OUTCOME[rate])
    _add_companions(rows, people, rate, u[6])
    _add_used_minors(rows, people, rate, u[6])
    is_market_sale = (rate == RATE["supply"]) & (people.market[person] != NONE)
    rows["point"] = _points(town, sites, people, person, rate, is_market_sale, u[7:9])
    rows["setting"] = _settings(people, person, rate, is_market_sale)
    share = dealing_share[people.market[person]] if len(dealing_share) else np.zeros(n)
    is_done = ~is_away[person] & (~is_market_sale | (u[9] < share))
    return rows[is_done]


def expected_of(people: People, town: Town) -> Floats:
    """Return the expected incidents per day of known people at liberty, by area."""
    per_day = people.rates.sum(axis=1) / 365.25
    areas = len(town.area_ids)
    anywhere = np.bincount(town.area, town.weights[PLACE["anywhere"]], minlength=areas)
    at_home = np.bincount(people.home_area, per_day, minlength=areas)
    return HOME_SHARE * at_home + (1 - HOME_SHARE) * per_day.sum() * anywhere


def withdrawn_supply(seed: int, day: Day, town: Town, sites: Sites, people: People) -> np.ndarray:
    """Return supply charges against users, one every two months; each charge is withdrawn 25 days later."""
    turn, rest = divmod(day.number - 10, _WITHDRAWN_EVERY_DAYS)
    users = people.of("withdrawn")
    if rest or not 0 <= turn < len(users):
        return blank(numbers(seed, day.number, "withdrawn", 0))
    rows = blank(numbers(seed, day.number, "withdrawn", 1))
    rows["code"], rows["occurred_s"], rows["discovery"] = CODE["drug_supply"], day.start_s + 12 * 3600, 1
    rows["person"][:, SUSPECT], rows["role"][:, SUSPECT] = users[turn], ROLE["charged"]
    rows["point"] = pick(np.array([0.5]), sites.patrol_weights)
    rows["withdrawn_after_s"] = 25 * 86400
    return rows


def _add_companions(rows: np.ndarray, people: People, rate: Ints, u: Floats) -> None:
    """Add a second suspect from the first one's group to three incidents in ten."""
    companion = people.companion(rows["person"][:, SUSPECT], np.minimum(u / 0.3, 0.999999))
    is_joint = (u < 0.3) & (companion != NONE) & ~np.isin(rate, _ALONE)
    rows["person"][is_joint, COMPANION] = companion[is_joint]
    rows["role"][is_joint, COMPANION] = ROLE["suspect"]


def _add_used_minors(rows: np.ndarray, people: People, rate: Ints, u: Floats) -> None:
    """Add the minor as a victim to incidents in which an adult uses a minor."""
    is_used = rate == RATE["minors_high"]
    rows["person"][is_used, VICTIM] = one_of(people.of("used_minor"), u[is_used])
    rows["role"][is_used, VICTIM] = ROLE["victim"]
    rows["is_minor_used"], rows["is_minor_victim"] = is_used, is_used


def _points(
    town: Town, sites: Sites, people: People, person: Ints, rate: Ints, is_market_sale: np.ndarray, u: Floats
) -> Ints:
    """Return street points: mostly in the home area, else anywhere; possession on patrol, sales at market or house."""
    at_home = town.points_in(people.home_area[person], u[1])
    anywhere = town.points(np.zeros(len(person), dtype=np.int64), u[1])
    patrolled = pick(u[1], sites.patrol_weights)
    spot = pick(u[1], POINT_SHARES)
    middles = np.array([site.points for site in (*sites.markets, sites.house)])
    is_house_sale = (rate == RATE["supply"]) & (people.kind[person] == KIND["house_seller"])
    return np.select(
        [is_market_sale, is_house_sale, rate == RATE["possession"], u[0] < HOME_SHARE],
        [middles[people.market[person], spot], middles[-1, 0], patrolled, at_home],
        anywhere,
    )


def _settings(people: People, person: Ints, rate: Ints, is_market_sale: np.ndarray) -> Ints:
    is_house_sale = (rate == RATE["supply"]) & (people.kind[person] == KIND["house_seller"])
    return np.select([is_market_sale, is_house_sale], [SETTING["open_air"], SETTING["house"]], NONE)
