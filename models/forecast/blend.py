"""Blend the learned forecast with simple experts by how well each ranked harm in the city's own past.

No single memory suits every city. Each candidate gives a part to the learned forecast and the rest to one expert. At
the start of each past window every candidate ranks the cells by what was known then, and is judged by the share of the
window's harm that its top cells held, from 0.5% to 10% of them, as in learning to rank for policing (Mohler, Porter,
Carter and LaFree 2020, Crime Science 9:1). The blend is the average of the candidates with exponential
weights (Cesa-Bianchi and Lugosi 2006, Prediction, Learning, and Games, chapter 2). While windows are few or candidates
alike, the gain is shrunk towards zero by its own error, and the weights stay near those of the start, which favour the
learned forecast.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Bools, Floats, Ints
from models.forecast.experts import EXPERTS, MEMORIES, expert_maps, shares
from models.forecast.history import History
from models.forecast.learn import Learned, expected_per_day, known_at
from models.forecast.long_memory import MEMORY_LIFE, with_memory
from models.forecast.scales import MEAN_LIVES, Pyramid, decayed_sums, per_day
from models.forecast.windows import sample_rows, seen_days

# Windows of the past on which candidates are judged: a year of two weeks each, within the later half of the past.
JUDGED_WINDOWS = 26
JUDGED_DAYS = 14
# Several sizes of the top: where one of them holds more by luck, the others seldom do.
TOP_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
# Parts that candidates give to the learned forecast, and the weight of each candidate at the start.
LEARNED_PARTS = (0.75, 0.5, 0.25, 0.0)
PART_PRIORS = (3.0, 2.0, 1.0, 0.5)
LEARNED_PRIOR = 100.0
# A candidate ahead by this share of the harm found, beyond doubt, gains e times the weight: a learning rate of 1 / it.
GAIN = 0.003
# Standard deviation of true gains between candidates; windows count as evidence by their error against it.
SPREAD_OF_GAINS = 0.03
# With this many windows, a candidate's own variance weighs as much as the mean variance of all.
VARIANCE_WINDOWS = 3
# No cell's harm moves by more than this factor.
MOST_MOVED = 5.0
# Cells in a window that may be chosen, over the places of the largest share; other cells, to estimate the sum of a map.
CONTENDERS = 1.25
OTHER_ROWS = 500
# Lesser offences with less than this share of all harm are left out of the learned map of past windows.
LITTLE_HARM = 0.02
TINY = 1e-300
# All mean lives for which past events are summed, and the positions of those that each use needs.
LIVES = tuple(sorted({*MEMORIES, *MEAN_LIVES, MEMORY_LIFE}))
_MEMORIES, _RATES = ([LIVES.index(life) for life in lives] for lives in (MEMORIES, MEAN_LIVES))
_LONG = LIVES.index(MEMORY_LIFE)


@dataclass(frozen=True, slots=True)
class Blend:
    """What a city's forecast rests on.

    Attributes
    ----------
    parts : Floats
        [1 + EXPERTS], parts of the learned forecast and of each expert, which sum to one.
    windows : int
        past windows on which the candidates were judged.
    maps : Floats
        [EXPERTS, cells], the experts' maps as known now.
    """

    parts: Floats
    windows: int
    maps: Floats

    def target(self, learned: Floats) -> Floats:
        """Return the blended harm [cells] from the learned harm [cells]; the total stays."""
        if self.parts[0] == 1.0:
            return learned
        mixed = self.parts[0] * shares(learned) + self.parts[1:] @ self.maps
        total = float(learned.sum())
        bounded = np.clip(total * mixed, learned / MOST_MOVED, learned * MOST_MOVED)
        return total * shares(bounded)

    def basis(self) -> tuple[tuple[str, float], ...]:
        """Return what the forecast rests on with its part, greatest first; parts below half a per cent are left out."""
        named = zip(("learned rates", *map(str, EXPERTS)), self.parts.tolist(), strict=True)
        return tuple(sorted(((name, part) for name, part in named if part >= 0.005), key=lambda of: -of[1]))


def candidates() -> tuple[Floats, Floats]:
    """Return the parts of each candidate [candidates, 1 + EXPERTS] and its weight at the start."""
    experts = np.eye(len(EXPERTS))
    mixed = [np.column_stack([np.full(len(experts), part), (1 - part) * experts]) for part in LEARNED_PARTS]
    alone = np.eye(1, 1 + len(EXPERTS))
    priors = np.concatenate([[LEARNED_PRIOR], np.repeat(PART_PRIORS, len(EXPERTS))])
    return np.concatenate([alone, *mixed]), priors / priors.sum()


def learn_blend(
    history: History, pyramid: Pyramid, learned: Learned, harm_days: Floats, is_spread: Bools, horizon_days: int
) -> Blend:
    """Judge the candidates on the past windows, the learned forecast with its parameters of now, and blend them.

    Parameters
    ----------
    harm_days : Floats
        [offences], weight per event.
    is_spread : Bools
        [offences], the rare grave offences.
    """
    ages, days = judged_ages(history.span_days, horizon_days)
    cells, codes = pyramid.cells, len(history.codes)
    harm = history.n * harm_days[history.code]
    # The windows follow each other, the latest first.
    recent = slice(np.count_nonzero(history.age >= len(ages) * days), None)
    place = history.age[recent] // days * cells + history.cell[recent]
    happened = np.bincount(place, harm[recent], len(ages) * cells).reshape(-1, cells)[::-1]
    by_offence = np.bincount(history.code, harm, codes)
    judged = np.flatnonzero(learned.is_high_harm | (by_offence >= LITTLE_HARM * by_offence.sum()))
    place = history.code * cells + history.cell
    known = decayed_sums(place, history.age, history.n, codes * cells, LIVES, [*ages, 0])
    mixes, priors = candidates()
    found = []
    for age, sums, harm_held in zip(ages, known, happened, strict=False):
        if not harm_held.any():
            continue
        maps = expert_maps(sums[_MEMORIES].reshape(-1, codes, cells), pyramid, harm_days, is_spread)
        rows, weight = contenders(maps)
        span_days = max(history.span_days - age, 1.0)
        rates = per_day(sums[_RATES], codes, span_days)
        past = known_at(pyramid, rates, learned, judged, rows, weight, seen_days(history, age))
        expected, counts = expected_per_day(past, learned.only(judged)), sums[_LONG].reshape(codes, cells)[judged]
        own = with_memory(expected, counts, span_days, pyramid, is_spread[judged], 1, rows) @ harm_days[judged]
        rated = np.vstack([own / max(float(weight @ own), TINY), maps[:, rows]])
        first = weight == 1.0
        found.append(held_by_top(mixes @ rated[:, first], harm_held[rows[first]], cells) / harm_held.sum())
    weights = blend_weights(np.array(found).reshape(-1, len(mixes), len(TOP_SHARES)), priors)
    maps = expert_maps(next(known)[_MEMORIES].reshape(-1, codes, cells), pyramid, harm_days, is_spread)
    return Blend(weights @ mixes if found else mixes[0], len(found), maps)


def with_harm(rates: Floats, harm_days: Floats, is_high_harm: Bools, target: Floats) -> Floats:
    """Scale rates [cells, offences] so that each cell's harm is `target` [cells].

    High-harm offences take the change as far as MOST_MOVED allows, so that the number of events moves little; what
    remains scales all offences.
    """
    grave = rates[:, is_high_harm] @ harm_days[is_high_harm]
    lesser = rates[:, ~is_high_harm] @ harm_days[~is_high_harm]
    wanted = np.divide(target - lesser, grave, out=np.ones_like(grave), where=grave > 0)
    of_grave = np.clip(wanted, 1 / MOST_MOVED, MOST_MOVED)
    reached = lesser + of_grave * grave
    of_all = np.divide(target, reached, out=np.ones_like(reached), where=reached > 0)
    return rates * of_all[:, None] * np.where(is_high_harm, of_grave[:, None], 1.0)


def judged_ages(span_days: float, horizon_days: int) -> tuple[list[int], int]:
    """Return the ages of the starts of the windows, decreasing, and their days; no window reaches the older half."""
    room = span_days / 2
    days = max(horizon_days, min(JUDGED_DAYS, int(room / JUDGED_WINDOWS)))
    count = min(JUDGED_WINDOWS, int(room / days))
    return [days * n for n in range(count, 0, -1)], days


def contenders(maps: Floats) -> tuple[Ints, Floats]:
    """Return the cells that some map may choose, an even sample of the others, and the cells that each stands for."""
    places = min(round(CONTENDERS * places_of(max(TOP_SHARES), maps.shape[1])), maps.shape[1])
    edge = np.partition(maps, -places, axis=1)[:, -places]
    may_lead = np.asarray((maps > np.maximum(edge, 0)[:, None]).any(axis=0), dtype=np.bool_)
    return sample_rows(may_lead, OTHER_ROWS)


def held_by_top(maps: Floats, harm: Floats, cells: int) -> Floats:
    """Return the harm [maps, TOP_SHARES] in the top cells of each map [maps, rows]; ties share the last places."""
    places = [min(places_of(share, cells), maps.shape[1]) for share in TOP_SHARES]
    edges = np.partition(maps, [-place for place in places], axis=1)
    hit = harm > 0
    maps_hit, harm_hit = maps[:, hit], harm[hit]
    held = np.empty((len(maps), len(TOP_SHARES)))
    for n, place in enumerate(places):
        edge = edges[:, -place, None]
        left = (place - (maps > edge).sum(axis=1)) / (maps == edge).sum(axis=1)
        held[:, n] = (maps_hit > edge) @ harm_hit + left * ((maps_hit == edge) @ harm_hit)
    return held


def blend_weights(found: Floats, priors: Floats) -> Floats:
    """Return the weight of each candidate from the shares of harm it found.

    Parameters
    ----------
    found : Floats
        [windows, candidates, TOP_SHARES]; the first candidate is the learned forecast alone.
    priors : Floats
        [candidates], weights at the start.
    """
    windows = len(found)
    if windows < 2 or not (found.mean(axis=(0, 1)) > 0).all():
        return priors
    relative = (found / found.mean(axis=(0, 1))).mean(axis=2)
    gains = relative - relative[:, :1]
    variance = gains.var(axis=0, ddof=1)
    variance = ((windows - 1) * variance + VARIANCE_WINDOWS * variance.mean()) / (windows - 1 + VARIANCE_WINDOWS)
    trust = SPREAD_OF_GAINS**2 / (SPREAD_OF_GAINS**2 + variance / windows)
    score = trust * gains.mean(axis=0) / GAIN
    weights = priors * np.exp(score - score.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def places_of(share: float, cells: int) -> int:
    """Return the number of cells in a share of them: the nearest whole number, at least one."""
    return max(1, round(share * cells))
