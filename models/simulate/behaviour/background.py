"""Incidents without a known offender: by offence, place, hour, weekday and season, and near repeats.

A burglary or an assault makes another one nearby more likely for a fortnight (Johnson et al. 2007, J. Quantitative
Criminology 23:201; Ratcliffe and Rengert 2008, Security Journal 21:58).
"""

from typing import NamedTuple

import numpy as np

from models.simulate.output.incident import blank
from models.simulate.world.days import DAY_S, PROFILE, Day
from models.simulate.world.draws import generator, mix, numbers, pick_by_row, uniforms
from models.simulate.world.town import PLACE, Town
from models.simulate.world.vocabulary import CODE, NONE, SUBJECT


class Offence(NamedTuple):
    """An offence: rate per day in town, hourly profile, place, discovery shares (public, police, partner, sensor)."""

    code: str
    per_day: float
    profile: str
    place: str
    found_by: tuple[float, float, float, float] = (0.94, 0.03, 0.03, 0.0)


OFFENCES = (
    Offence("antisocial_behaviour", 5.5, "evening", "anywhere"),
    Offence("violence_without_injury", 2.4, "evening", "anywhere"),
    Offence("violence_with_injury", 1.0, "night", "night"),
    Offence("stalking_harassment", 1.2, "daylight", "homes"),
    Offence("public_order", 1.2, "evening", "night"),
    Offence("criminal_damage", 2.0, "night", "anywhere"),
    Offence("arson", 0.08, "night", "anywhere", (0.8, 0.02, 0.08, 0.1)),
    Offence("shoplifting", 2.0, "daylight", "shops"),
    Offence("theft_other", 1.3, "daylight", "shops"),
    Offence("theft_from_person", 0.35, "daylight", "shops"),
    Offence("bicycle_theft", 0.6, "daylight", "shops"),
    Offence("vehicle_theft", 0.6, "night", "homes", (0.9, 0.04, 0.0, 0.06)),
    Offence("theft_from_vehicle", 0.9, "night", "homes"),
    Offence("burglary_residential", 1.0, "round", "homes", (0.96, 0.01, 0.0, 0.03)),
    Offence("burglary_non_residential", 0.35, "night", "shops", (0.8, 0.02, 0.0, 0.18)),
    Offence("robbery", 0.3, "evening", "night"),
    Offence("other_sexual", 0.3, "evening", "anywhere", (0.85, 0.0, 0.15, 0.0)),
    Offence("rape", 0.12, "night", "anywhere", (0.8, 0.0, 0.2, 0.0)),
    Offence("wounding_with_intent", 0.08, "night", "night"),
    Offence("homicide", 0.003, "night", "anywhere"),
    Offence("kidnapping", 0.01, "evening", "anywhere"),
    Offence("family_offence", 0.3, "daylight", "homes", (0.6, 0.0, 0.4, 0.0)),
    Offence("fraud_forgery", 0.3, "daylight", "shops"),
    Offence("handling_stolen_goods", 0.1, "daylight", "anywhere", (0.2, 0.8, 0.0, 0.0)),
    Offence("other_offence", 0.5, "round", "anywhere"),
    Offence("public_drunkenness", 0.7, "night", "night", (0.8, 0.2, 0.0, 0.0)),
    Offence("drink_driving", 0.2, "night", "patrol", (0.1, 0.9, 0.0, 0.0)),
    Offence("drug_dealing_report", 0.22, "daylight", "homes", (1.0, 0.0, 0.0, 0.0)),
    Offence("drug_paraphernalia", 0.12, "daylight", "anywhere", (0.9, 0.1, 0.0, 0.0)),
    Offence("overdose", 0.2, "round", "homes", (0.4, 0.0, 0.6, 0.0)),
    Offence("child_criminal_exploitation", 0.02, "daylight", "homes", (0.5, 0.0, 0.5, 0.0)),
)
_PER_DAY = np.array([offence.per_day for offence in OFFENCES])
_PROFILE = np.array([PROFILE[offence.profile] for offence in OFFENCES])
_PLACE = np.array([PLACE[offence.place] for offence in OFFENCES])
_FOUND_BY = np.array([offence.found_by for offence in OFFENCES])
_SUBJECTS = {"drug_dealing_report": "dealing", "drug_paraphernalia": "paraphernalia", "overdose": "overdose"}


def _template() -> np.ndarray:
    """Return a row for each of OFFENCES with the fields that are the same in all its incidents."""
    rows = blank(np.zeros(len(OFFENCES), dtype=np.uint64))
    rows["code"] = [CODE[offence.code] for offence in OFFENCES]
    rows["subject"] = [SUBJECT.get(_SUBJECTS.get(offence.code, ""), NONE) for offence in OFFENCES]
    rows["is_minor_used"] = rows["code"] == CODE["child_criminal_exploitation"]
    rows["is_minor_victim"] = rows["is_minor_used"]
    return rows


_TEMPLATE = _template()

_REPEATING = (CODE["burglary_residential"], CODE["violence_with_injury"])
_REPEATS = 3  # the most repeats that follow one incident
_REPEAT_CHANCE = 0.22  # of each repeat


def background(seed: int, day: Day, town: Town) -> np.ndarray:
    """Return the incidents of one day without a known offender."""
    rng = generator(seed, day.number, "background")
    expected = _PER_DAY * day.season * day.profile_factors[_PROFILE]
    offence = np.repeat(np.arange(len(OFFENCES)), rng.poisson(expected))
    u = rng.random((4, len(offence)))
    rows = _TEMPLATE[offence]
    rows["number"] = numbers(seed, day.number, "background", len(offence))
    rows["occurred_s"] = day.seconds(_PROFILE[offence], u[0], u[1])
    rows["point"] = town.points(_PLACE[offence], u[2])
    rows["discovery"] = pick_by_row(u[3], _FOUND_BY[offence])
    return rows


def expected_per_day(town: Town) -> np.ndarray:
    """Return the expected background incidents on an average day, by area."""
    by_point = _PER_DAY @ town.weights[_PLACE]
    return np.bincount(town.area, by_point, minlength=len(town.area_ids))


def near_repeats(incidents: np.ndarray, town: Town) -> np.ndarray:
    """Return near repeats of burglaries and assaults: next door, within a fortnight, by unknown offenders."""
    parents = np.repeat(incidents[np.isin(incidents["code"], _REPEATING)], _REPEATS)
    number = mix(parents["number"], np.arange(len(parents)) % _REPEATS + 1)
    children = blank(number)
    for name in ("code", "discovery"):
        children[name] = parents[name]
    after_days = 1 + np.minimum(-4 * np.log1p(-uniforms(number, 20)), 12.9).astype(np.int64)
    children["occurred_s"] = parents["occurred_s"] + after_days * DAY_S
    next_door = (uniforms(number, 21) * town.neighbours.shape[1]).astype(np.int64)
    children["point"] = town.neighbours[parents["point"], next_door]
    return children[uniforms(number, 22) < _REPEAT_CHANCE]
