"""Backtest of the area ranking: rolling origins, coverage of the intervals, reliability of P(in the top K), harm held.

Each origin is ranked from the days before it and judged on the days of the horizon after it. Coverage alone rewards
wide intervals, so the interval score of Gneiting and Raftery (2007, J. American Statistical Association 102:359) and
the median width are given beside it. Intervals of all figures come from a circular block bootstrap over the origins;
that of a share is never narrower than Wilson's of as many independent cases (1927, J. Amer. Statist. Assoc. 22:209).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats, Ints
from models.evaluation.backtest import block_length, block_resamples
from models.evaluation.isotonic import isotonic_curve, judge_calibration
from models.places.area_scores import axis_shares, per_size, spread_weights, summed, weigh
from models.places.axes import AXES, GroupDraws, group_names, groups, is_counted_once
from models.places.ranking import INTERVAL, PlacesConfig, draw_areas, rank_drawn, relative_sizes
from models.statistics.intervals import wilson
from models.statistics.rank_draws import draw_weights, rank_draws, total_ranks

MINIMUM_CASES = 200  # in a bin of P(in the top K); bins with fewer are pooled
BIN_WIDTH = 0.1
JUDGING_WEIGHTS = 101  # draws of the axis weights, of which each area is judged with one
LOOK_BACK_DAYS = 365  # of the simple comparators
OURS, CEILING = "harmspot", "after the fact (no method)"
# What each interval is judged by: lower end, upper end, and the outcome, which are columns of `AreaTrial.cases`.
JUDGED = {
    "rank by score": ("rank_lo", "rank_hi", "came_rank"),
    "rank by harm": ("harm_rank_lo", "harm_rank_hi", "came_harm_rank"),
    "harm per day": ("harm_per_day_lo", "harm_per_day_hi", "came_harm_per_day"),
}
SAID = {end for lo, hi, _ in JUDGED.values() for end in (lo, hi)} | {"rank", "p_top_k", "score", "harm_per_day"}
CAME = {"by score": "in_top_k", "by harm": "in_top_k_by_harm"}


@dataclass(frozen=True, slots=True)
class Ranked:
    """What is judged at one origin.

    Attributes
    ----------
    table : pd.DataFrame
        area_id, rank, p_top_k, harm_per_day and any of the intervals in `JUDGED`; one row per area.
    score : Callable[[Mapping[str, Floats]], Floats] | None
        scores [areas, draws of the weights] of what came, by area_id, from the value [areas] that came of each axis;
        None judges by harm.
    """

    table: pd.DataFrame
    score: Callable[[Mapping[str, Floats]], Floats] | None = None


Rank = Callable[[pd.DataFrame], Ranked]


@dataclass(frozen=True, slots=True)
class AreaTrial:
    """Results of a backtest of the area ranking; every table is tidy and `lo`, `hi` are 95% intervals over origins.

    Attributes
    ----------
    coverage : pd.DataFrame
        interval, nominal, cases, held, covered, lo, hi, below, above (shares of outcomes outside), median_width,
        interval_score (in places, or harm-days a day; lower is better).
    reliability : pd.DataFrame
        outcome (`by score` or `by harm`), bin_from, bin_to, cases, forecast, observed, lo, hi; bins of p_top_k.
    chances : pd.DataFrame
        outcome and the columns of `models.evaluation.isotonic.judge_calibration`.
    curve : pd.DataFrame
        outcome, forecast, calibrated; corners of the isotonic curve through all cases.
    harm_held : pd.DataFrame
        method, share, lo, hi; share of the harm of the horizon in the K areas ranked first.
    by_origin : pd.DataFrame
        origin_day, method, share.
    cases : pd.DataFrame
        origin_day, area_id; the columns of the ranking that are judged, and the outcomes: came_harm_per_day,
        came_harm_rank, came_rank (by score, with drawn weights), in_top_k, in_top_k_by_harm (by harm per size where
        areas are ranked so).
    """

    coverage: pd.DataFrame
    reliability: pd.DataFrame
    chances: pd.DataFrame
    curve: pd.DataFrame
    harm_held: pd.DataFrame
    by_origin: pd.DataFrame
    cases: pd.DataFrame


@dataclass(frozen=True, slots=True)
class AreaHistory:
    """Incidents of a set of areas by day, and what the ranking needs beside them.

    Attributes
    ----------
    events : pd.DataFrame
        area_id, offence_code, discovery, is_minor_used_by_adult, day (whole number), n.
    codebook, officer_hours : pd.DataFrame
        those of `models.places.ranking.draw_areas`; the hours are taken for every origin, and a column size is what
        areas are ranked per. Events of an offence that is not in the codebook are left out.
    config : PlacesConfig
        settings of the ranking; `top_k` is the K that is judged.
    """

    events: pd.DataFrame
    codebook: pd.DataFrame
    officer_hours: pd.DataFrame
    config: PlacesConfig

    @property
    def area_ids(self) -> pd.Index:
        """All areas, sorted."""
        return pd.Index(sorted(self.officer_hours["area_id"]), name="area_id")

    @property
    def sizes(self) -> Floats:
        """`relative_sizes` [areas] of what areas are ranked per; one each where they are ranked by totals."""
        hours = self.officer_hours.set_index("area_id").loc[self.area_ids]
        return np.asarray(relative_sizes(hours), np.float64)

    def before(self, origin: int) -> pd.DataFrame:
        """Return the events of the days before the origin, with age_days for day."""
        past = self._known(self.events["day"] < origin)
        return past.assign(age_days=origin - 1 - past["day"]).drop(columns="day")

    def counted(self, first_day: int, last_day: int) -> pd.DataFrame:
        """Return the events that count from first_day up to, not including, last_day, with axis, harm_days and area."""
        events = self.events
        is_in = events["day"].between(first_day, last_day, inclusive="left")
        rows = self._known(is_in & events["discovery"].isin(self.config.discoveries))
        weights = self.codebook.loc[rows["offence_code"], ["axis", "harm_days"]].set_index(rows.index)
        rows = rows.join(weights)
        return rows[rows["harm_days"] > 0].assign(area=lambda e: self.area_ids.get_indexer(pd.Index(e["area_id"])))

    def _known(self, chosen: "pd.Series[bool]") -> pd.DataFrame:
        """Return the chosen events of offences in the codebook: it need not know an offence of the past."""
        return self.events[chosen & self.events["offence_code"].isin(self.codebook.index)]

    def total(self, events: pd.DataFrame, by: str) -> Floats:
        """Return harm days (`by` harm) or incidents (`by` n) of `counted` events, by area."""
        weights = events["n"] * (events["harm_days"] if by == "harm" else 1.0)
        return np.bincount(events["area"], weights=weights, minlength=len(self.area_ids)).astype(np.float64)


def evaluate_areas(
    history: AreaHistory,
    origins: Sequence[int],
    *,
    horizon_days: int,
    seed: int,
    rank: Rank | None = None,
) -> AreaTrial:
    """Rank the areas at every origin and judge what was published of them by the days after it.

    Parameters
    ----------
    history : AreaHistory
        the incidents, as far back as the ranking may look.
    origins : Sequence[int]
        first days of the horizons, increasing.
    rank : Callable[[pd.DataFrame], Ranked] | None
        ranks the areas from the events before an origin (`AreaHistory.before`); None takes `rank_by_harmspot`.

    Raises
    ------
    ValueError
        Origins do not increase, or no horizon has harm.
    """
    if not (len(origins) and all(np.diff(origins) > 0)):
        raise ValueError(f"origins={list(origins)!r}: expected at least one day, in increasing order")
    rank = rank or (lambda past: rank_by_harmspot(history, past, seed))
    cases, held = [], []
    for origin in origins:
        coming = history.counted(origin, origin + horizon_days)
        if not len(coming):
            continue
        ranked = rank(history.before(origin))
        table = ranked.table.set_index("area_id").loc[history.area_ids]
        outcomes = _outcomes(ranked, history, coming, horizon_days, origin)
        cases.append(table[[name for name in table if name in SAID]].assign(**outcomes, origin_day=origin))
        held += [(origin, method, share) for method, share in _harm_held(table, history, coming, origin)]
    if not cases:
        raise ValueError(f"no event in any of {len(origins)} horizons: expected origins within the days of the events")
    return judge_cases(
        pd.concat(cases).reset_index(),
        pd.DataFrame(held, columns=["origin_day", "method", "share"]),
        horizon_days,
        seed,
    )


def judge_cases(cases: pd.DataFrame, by_origin: pd.DataFrame, horizon_days: int, seed: int) -> AreaTrial:
    """Return all figures of a trial from its cases and the harm held, whose columns are those of `AreaTrial`."""
    origins = np.sort(cases["origin_day"].unique())
    block = block_length(len(origins), origins.tolist(), horizon_days)
    picked = block_resamples(len(origins), block, seed)
    outcomes = [outcome for outcome, column in CAME.items() if column in cases]
    return AreaTrial(
        coverage=pd.DataFrame(_coverage(cases, picked)),
        reliability=pd.concat([_reliability(cases, came, picked) for came in outcomes], ignore_index=True),
        chances=pd.concat([_chances(cases, came, horizon_days) for came in outcomes], ignore_index=True),
        curve=pd.concat([_curve(cases, came) for came in outcomes], ignore_index=True),
        harm_held=_held_table(by_origin, picked),
        by_origin=by_origin,
        cases=cases,
    )


def rank_by_harmspot(history: AreaHistory, past: pd.DataFrame, seed: int) -> Ranked:
    """Rank the areas as a run does.

    What came is scored as a draw is, on the scale of what was expected. Nobody can observe which weights of the axes
    are right, and what is published holds that doubt, too: so what came is scored with drawn weights.
    """
    config = history.config.on_record(past, history.codebook)
    drawn = draw_areas(past, history.codebook, history.officer_hours, config=config, seed=seed)

    def score(came: Mapping[str, Floats]) -> Floats:
        means, size, parts = drawn.ahead.mean_axes, history.sizes, {}
        for name, axis in AXES.items():
            observed, expected = (per_size(name, of, size) for of in (came[name][:, None], means[name]))
            parts[name] = axis_shares(observed, expected, axis) * ~np.isnan(size)[:, None]
        centre = [config.weights[axis] for axis in AXES]
        weights = draw_weights(seed + 1, centre, config.concentration, JUDGING_WEIGHTS)
        return summed(weigh(parts, spread_weights(weights, parts)))

    return Ranked(rank_drawn(drawn, config=config, seed=seed, previously_listed=frozenset()), score)


def came_by_axis(history: AreaHistory, coming: pd.DataFrame, horizon_days: int) -> dict[str, Floats]:
    """Return the value [areas] per day of each axis in `counted` events of a horizon, NaN where it is unknown."""
    hours = history.officer_hours.set_index("area_id").loc[history.area_ids, "hours_per_day"].to_numpy(float)
    of_group = groups(coming)
    harm = {name: history.total(coming[of_group[name]], "harm")[:, None] / horizon_days for name in group_names()}
    once = [history.total(coming[of_group[name]], "n") for name in group_names() if is_counted_once(name)]
    came = GroupDraws(harm, np.sum(once, axis=0)[:, None] / horizon_days, hours)
    return {name: (axis.draw(came) if axis.draw else harm[name])[:, 0] for name, axis in AXES.items()}


def pooled_bins(chance: Floats, minimum: int = MINIMUM_CASES, width: float = BIN_WIDTH) -> Ints:
    """Return the bin of each probability, from the highest down: as many as `minimum` cases and as wide as `width`.

    Equal probabilities share a bin, and what is left at the low end belongs to the last one: no case is left out.
    """
    values, at, counts = np.unique(-chance, return_inverse=True, return_counts=True)
    of_value, bin_, cases, first = np.zeros(len(values), np.int64), 0, 0, 0
    for n, count in enumerate(counts):
        of_value[n], cases = bin_, cases + count
        if cases >= minimum and values[n] - values[first] >= width:
            bin_, cases, first = bin_ + 1, 0, n + 1
    if cases < minimum:
        of_value = np.minimum(of_value, max(bin_ - 1, 0))
    return np.asarray(of_value[at])


def interval_scores(lo: Floats, hi: Floats, came: Floats, level: float = INTERVAL) -> Floats:
    """Return the interval score of central intervals: width, plus 2 / (1 - level) for each unit outside."""
    outside = np.maximum(lo - came, 0) + np.maximum(came - hi, 0)
    return hi - lo + 2 / (1 - level) * outside


def _outcomes(
    ranked: Ranked, history: AreaHistory, coming: pd.DataFrame, horizon_days: int, origin: int
) -> dict[str, Floats | Ints]:
    top_k, harm = history.config.top_k, history.total(coming, "harm") / horizon_days
    by_harm, by_rate = (rank_draws(each[:, None])[:, 0] for each in (harm, np.nan_to_num(harm / history.sizes)))
    found = {"came_harm_per_day": harm, "came_harm_rank": by_harm, "in_top_k_by_harm": (by_rate <= top_k).astype(float)}
    if ranked.score is None:
        return found
    scores = ranked.score(came_by_axis(history, coming, horizon_days))
    areas = np.arange(len(scores))
    one = (areas + origin) % scores.shape[1]  # each area at each origin with one of the draws of the weights
    by_score = rank_draws(scores)[areas, one]
    return found | {"came_rank": by_score, "in_top_k": (by_score <= top_k).astype(float)}


def _harm_held(
    table: pd.DataFrame, history: AreaHistory, coming: pd.DataFrame, origin: int
) -> Iterator[tuple[str, float]]:
    came, recent = history.total(coming, "harm"), history.counted(origin - LOOK_BACK_DAYS, origin)
    scores = {
        OURS: -table["rank"].to_numpy(float),
        "mean harm of the ranking": table["harm_per_day"].to_numpy(float),
        f"harm of {LOOK_BACK_DAYS} days": history.total(recent, "harm"),
        f"incidents of {LOOK_BACK_DAYS} days": history.total(recent, "n"),
        CEILING: came,
    }
    for method, score in scores.items():
        is_in = total_ranks(score, ids=history.area_ids) <= history.config.top_k
        yield method, float(came[is_in].sum() / came.sum())


def _coverage(cases: pd.DataFrame, picked: Ints) -> Iterator[dict[str, object]]:
    for interval, (lower, upper, outcome) in JUDGED.items():
        if not {lower, upper, outcome} <= set(cases):
            continue
        lo, hi, came = (cases[name].to_numpy(float) for name in (lower, upper, outcome))
        held = (came >= lo) & (came <= hi)
        ends = _ratio_interval(cases["origin_day"], held.astype(float), picked)
        yield {
            "interval": interval,
            "nominal": INTERVAL,
            "cases": len(cases),
            "held": int(held.sum()),
            "covered": held.mean(),
            "lo": ends[0],
            "hi": ends[1],
            "below": (came < lo).mean(),
            "above": (came > hi).mean(),
            "median_width": float(np.median(hi - lo)),
            "interval_score": interval_scores(lo, hi, came).mean(),
        }


def _reliability(cases: pd.DataFrame, outcome: str, picked: Ints) -> pd.DataFrame:
    bins = pooled_bins(cases["p_top_k"].to_numpy(float))
    rows = []
    for _, of_bin in cases.groupby(bins):
        came = of_bin[CAME[outcome]]
        lo, hi = _ratio_interval(of_bin["origin_day"], came.to_numpy(float), picked, cases["origin_day"])
        rows.append(
            (outcome, of_bin["p_top_k"].min(), of_bin["p_top_k"].max(), len(of_bin), of_bin["p_top_k"].mean(),
             came.mean(), lo, hi)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["outcome", "bin_from", "bin_to", "cases", "forecast", "observed", "lo", "hi"])


def _chances(cases: pd.DataFrame, outcome: str, horizon_days: int) -> pd.DataFrame:
    columns = (cases["origin_day"].to_numpy(), *(cases[name].to_numpy(float) for name in ("p_top_k", CAME[outcome])))
    return judge_calibration(*columns, horizon_days=horizon_days).assign(outcome=outcome)


def _curve(cases: pd.DataFrame, outcome: str) -> pd.DataFrame:
    chance, came = (cases[name].to_numpy(float) for name in ("p_top_k", CAME[outcome]))
    return isotonic_curve(chance, came).assign(outcome=outcome)


def _held_table(by_origin: pd.DataFrame, picked: Ints) -> pd.DataFrame:
    wide = by_origin.pivot_table(index="origin_day", columns="method", values="share", sort=False)
    rows = []
    for method in wide:
        values = wide[method].to_numpy()
        rows.append((method, values.mean(), *_ends(values[picked].mean(axis=1))))
    return pd.DataFrame(rows, columns=["method", "share", "lo", "hi"])


def _ratio_interval(
    origin_day: pd.Series, values: Floats, picked: Ints, all_origins: pd.Series | None = None
) -> tuple[float, float]:
    """Return the interval of the mean of the values over resampled origins, each with all of its cases."""
    origins = np.sort((origin_day if all_origins is None else all_origins).unique())
    at = np.searchsorted(origins, origin_day)
    sums, counts = np.bincount(at, values, len(origins))[picked], np.bincount(at, minlength=len(origins))[picked]
    total = counts.sum(axis=1)
    lo, hi = _ends(sums.sum(axis=1)[total > 0] / total[total > 0])
    least, most = wilson(float(values.mean()), len(values))
    return min(lo, least), max(hi, most)


def _ends(means: Floats, level: float = 0.95) -> tuple[float, float]:
    lo, hi = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(lo), float(hi)
