"""Residents of interest: their kinds, their offence rates, and what the police know about their age.

Rates vary as gamma distributions with heavy tails: few people do most of the harm (Wolfgang, Figlio and Sellin 1972,
Delinquency in a Birth Cohort). The kind of a person is planted truth and is in no event.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from models.simulate.world.draws import Floats, Ints, generator
from models.simulate.world.sites import Sites
from models.simulate.world.town import Town
from models.simulate.world.vocabulary import read_table

SELLERS_PER_MARKET = 24
# Kinds of offending: hour, who finds it, and what becomes of its suspect.
RATE_TABLE = read_table("rates")
RATES: tuple[str, ...] = tuple(RATE_TABLE["rate"])
RATE = {name: number for number, name in enumerate(RATES)}
COUNTS = {
    "target": 20,  # high-rate and serious on all three axes
    "violent": 12,
    "exploiter": 12,  # adults using minors
    "disorderly": 16,
    "offender": 720,
    "market_seller": 3 * SELLERS_PER_MARKET,
    "outside_seller": 30,
    "house_seller": 4,
    "minor_offender": 60,
    "grave_minor": 6,
    "used_minor": 40,
    "age_unknown": 40,
    "user": 260,  # possession only
    "withdrawn": 12,  # users once charged with supply; the charge is withdrawn
    "victim": 1100,
    "witness": 200,
    "contacted": 200,  # stopped, and arrested to no further action, for reasons unrelated to harm
    "resident": 196,
}
KINDS = tuple(COUNTS)
KIND = {name: number for number, name in enumerate(KINDS)}
MINORS = ("minor_offender", "grave_minor", "used_minor")
OFFENDERS = ("target", "violent", "exploiter", "disorderly", "offender", "outside_seller")
USERS = ("user", "withdrawn")

# The first outside sellers are set by hand: much dealing and no harm, little dealing and much violence, use of minors.
_SELLERS = (
    {"supply": 40.0},
    {"supply": 1.5, "violence_high": 3.0, "violence_low": 2.0},
    {"supply": 2.0, "minors_high": 2.5},
)
_GROUP_SIZE = 6
RECORDED_TWICE = 6  # offenders with a second id


@dataclass(frozen=True, slots=True)
class People:
    """Residents as columns; index i is person `ids[i]`.

    second_ids: the ids under which half of their incidents are recorded, other ones for a few only.
    kind: index into KINDS, ascending. birth: datetime64[D]; knows_date, knows_year, has_record: content of the person
    event. adult_s: the 18th birthday in UTC seconds. market: of a market seller, else −1. group: row of `groups`
    [g, 6], people who offend together, else −1. rates [n, RATES]: events per year at liberty. consent, engaged: 1, 0,
    or −1 if not stated. engaged_day, death_day: day of the change, −1 for never.
    """

    ids: np.ndarray
    second_ids: np.ndarray
    kind: Ints
    birth: np.ndarray
    knows_date: np.ndarray
    knows_year: np.ndarray
    has_record: np.ndarray
    adult_s: Ints
    home_area: Ints
    market: Ints
    group: Ints
    groups: Ints
    rates: Floats
    consent: Ints
    engaged: Ints
    engaged_day: Ints
    death_day: Ints

    def of(self, *kinds: str) -> Ints:
        """Return the indexes of everybody of these kinds."""
        ends = [np.searchsorted(self.kind, [KIND[kind], KIND[kind] + 1]) for kind in kinds]
        return np.concatenate([np.arange(first, end) for first, end in ends])

    def companion(self, person: Ints, u: Floats) -> Ints:
        """Return another member of each person's group; −1 for people who offend alone."""
        group = self.group[person]
        chosen = self.groups[np.maximum(group, 0), (u * self.groups.shape[1]).astype(np.int64)]
        return np.where((group >= 0) & (chosen != person), chosen, -1)


def people_town(seed: int, town: Town, sites: Sites, start: date) -> People:
    """Return the residents of a town."""
    rng, rates_rng = generator(seed, -1, "people"), generator(seed, -1, "rates")
    kind = np.repeat(np.arange(len(KINDS)), list(COUNTS.values()))
    n = len(kind)
    birth = _births(rng, kind, start)
    is_unknown = kind == KIND["age_unknown"]
    knows_year = ~is_unknown
    consent, engaged, engaged_day = _treatment(rng, kind)
    groups = _groups(rng, kind)
    death_day = np.where(rng.random(n) < 0.06, rng.integers(0, 20 * 365, n), -1)
    ids = np.char.add("P", np.char.zfill((rng.permutation(n) + 1).astype(str), 6))
    return People(
        ids=ids,
        second_ids=_second_ids(ids, kind),
        kind=kind,
        birth=birth,
        knows_date=knows_year & ((rng.random(n) > 0.04) | np.isin(kind, [KIND[name] for name in MINORS])),
        knows_year=knows_year,
        has_record=~is_unknown | (np.arange(n) % 2 == 0),
        adult_s=_eighteenth_birthday_s(birth),
        home_area=rng.integers(0, len(town.area_ids), n),
        market=_markets_of(kind, len(sites.markets)),
        group=_group_of(groups, n),
        groups=groups,
        rates=_rates(rates_rng, kind, len(sites.markets)),
        consent=consent,
        engaged=engaged,
        engaged_day=np.where((death_day >= 0) & (death_day <= engaged_day), -1, engaged_day),
        death_day=death_day,
    )


def _second_ids(ids: np.ndarray, kind: Ints) -> np.ndarray:
    second = ids.copy()
    twice = np.flatnonzero(kind == KIND["offender"])[:RECORDED_TWICE]
    second[twice] = [f"P{len(ids) + 1 + turn:06d}" for turn in range(len(twice))]
    return second


def _births(rng: np.random.Generator, kind: Ints, start: date) -> np.ndarray:
    """Return birth dates: at the start adults are 19 to 60, minors 13 to 15, every ninth victim or witness 8 to 15."""
    is_minor = np.isin(kind, [KIND[name] for name in MINORS])
    is_child = np.isin(kind, [KIND["victim"], KIND["witness"]]) & (np.arange(len(kind)) % 9 == 0)
    years = np.where(is_minor, rng.uniform(13, 15.9, len(kind)), 19 + 41 * rng.beta(1.2, 2.2, len(kind)))
    years = np.where(is_child, rng.uniform(8, 15.9, len(kind)), years)
    return np.datetime64(start, "D") - (years * 365.25).astype("m8[D]")


def _eighteenth_birthday_s(birth: np.ndarray) -> Ints:
    month = birth.astype("M8[M]")
    return ((month + 18 * 12).astype("M8[D]") + (birth - month.astype("M8[D]"))).astype("M8[s]").astype(np.int64)


def _markets_of(kind: Ints, markets: int) -> Ints:
    sellers = np.flatnonzero(kind == KIND["market_seller"])
    market = np.full(len(kind), -1, dtype=np.int64)
    market[sellers] = np.arange(len(sellers)) // SELLERS_PER_MARKET
    return np.where(market < markets, market, -1)


def _groups(rng: np.random.Generator, kind: Ints) -> Ints:
    """Return groups of equal size of offenders who offend together; the remainder offend alone."""
    members = rng.permutation(np.flatnonzero(np.isin(kind, [KIND["offender"], KIND["violent"]])))
    return members[: len(members) // _GROUP_SIZE * _GROUP_SIZE].reshape(-1, _GROUP_SIZE)


def _group_of(groups: Ints, n: int) -> Ints:
    group = np.full(n, -1, dtype=np.int64)
    group[groups] = np.arange(len(groups))[:, None]
    return group


def _rates(rng: np.random.Generator, kind: Ints, markets: int) -> Floats:
    rates = np.zeros((len(kind), len(RATES)))
    for name, shape, *means in read_table("people").itertuples(index=False):
        of_kind = np.flatnonzero(kind == KIND[name])
        rates[of_kind] = rng.gamma(shape, np.array(means) / shape, (len(of_kind), len(RATES)))
    for person, planted in zip(np.flatnonzero(kind == KIND["outside_seller"]), _SELLERS, strict=False):
        rates[person] = [planted.get(name, 0.0) for name in RATES]
    if markets == 0:
        rates[kind == KIND["market_seller"], RATE["supply"]] = 0.0
    return rates


def _treatment(rng: np.random.Generator, kind: Ints) -> tuple[Ints, Ints, Ints]:
    """Return consent, engagement and its day: a third of users, one offender in twelve consent; some engage later."""
    n = len(kind)
    chance = np.select([np.isin(kind, [KIND["user"], KIND["withdrawn"]]), kind == KIND["offender"]], [0.33, 0.08], 0.0)
    draws = rng.random((n, 3))
    consent = np.select([draws[:, 0] < chance, draws[:, 0] < 1.2 * chance], [1, 0], -1)
    engaged = np.where(consent == 1, (draws[:, 1] < 0.5).astype(np.int64), -1)
    engaged_day = np.where((engaged == 0) & (draws[:, 2] < 0.4), rng.integers(20, 600, n), -1)
    return consent, engaged, engaged_day
