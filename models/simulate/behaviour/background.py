"""Incidents without a known offender: by offence, place, hour, weekday and season, and near repeats.

A burglary or an assault makes another one nearby more likely for a fortnight (Johnson et al. 2007, J. Quantitative
Criminology 23:201; Ratcliffe and Rengert 2008, Security Journal 21:58).
"""

import numpy as np

from models.simulate.output.incident import blank
from models.simulate.world.days import DAY_S, PROFILE, Day
from models.simulate.world.draws import generator, mix, numbers, pick_by_row, uniforms
from models.simulate.world.town import PLACE, Town
from models.simulate.world.vocabulary import CODE, DISCOVERIES, NONE, SUBJECT, read_table

OFFENCES = read_table("background")
_PER_DAY = OFFENCES["per_day"].to_numpy()
_PROFILE = np.array([PROFILE[name] for name in OFFENCES["profile"]])
_PLACE = np.array([PLACE[name] for name in OFFENCES["place"]])
_FOUND_BY = OFFENCES[[*DISCOVERIES]].to_numpy()


def _template() -> np.ndarray:
    """Return a row for each of OFFENCES with the fields that are the same in all its incidents."""
    rows = blank(np.zeros(len(OFFENCES), dtype=np.uint64))
    rows["code"] = OFFENCES["code"].map(CODE)
    rows["subject"] = [SUBJECT.get(subject, NONE) for subject in OFFENCES["subject"]]
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
