"""Backtests of the harm forecast: rolling origins, public baselines, paired intervals, calibration, stability.

Every origin is forecast from the days before it and scored on the days after it. The metrics are hit rate; PAI = hit
rate over area share (Chainey et al. 2008, Security Journal 21:4); PEI = hits over the most that as many cells could
have had (Hunt 2016); RRI, the recapture rate index (Levine 2008, Security Journal 21:295); and harm share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats, Ints
from models.evaluation import baselines
from models.evaluation.baselines import CellEvents
from models.evaluation.boosting import boosted
from models.evaluation.isotonic import recalibration
from models.evaluation.outcomes import BUSY_NO_EVENT
from models.forecast.blend import places_of
from models.forecast.forecast import TOP_SHARES, ForecastConfig, Prediction, draw_forecast, predict_cells
from models.forecast.scales import Pyramid, build_pyramid
from models.statistics.rank_draws import total_order
from models.statistics.stated_counts import log_chance_of_none, transform

HARM_FORECAST, EVENTS_FORECAST, NAIVE = "harmspot, by harm", "harmspot, by events", "count, 365 days"
METRICS = ("hit_rate", "pai", "pei", "rri", "harm_share")
RESAMPLES = 2000
MINIMUM_ORIGINS = 6  # fewer give no interval of differences and no verdict
CALIBRATION_BINS = 20


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of a backtest; every table is tidy.

    Attributes
    ----------
    scores : pd.DataFrame
        method, metric, share (of cells), value, lo, hi (95% block-bootstrap interval of the mean over origins).
    differences : pd.DataFrame
        method, against, metric, share, difference, lo, hi, ratio (of the means).
    transform : pd.DataFrame
        decile, share; of the randomised probability integral transform of counts in cells with P(none) < 0.8.
    calibration : pd.DataFrame
        share, bin, cell_horizons, forecast, observed; chances of being in the top share.
    coverage : pd.DataFrame
        interval, nominal, cases, held, covered, lo, hi (95% block-bootstrap interval over origins); of the interval of
        expected harm in cells with P(none) < 0.8.
    recalibration : pd.DataFrame
        the same of the later origins, after isotonic recalibration on the earlier ones (`recalibration`).
    reliability : pd.DataFrame
        measure, value.
    stability : pd.DataFrame
        method, share, jaccard; overlap of the top cells of one day and the next.
    by_origin : pd.DataFrame
        origin_day, method, metric, share, value.
    notes : tuple[str, ...]
        limitations of the last forecast.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    transform: pd.DataFrame
    calibration: pd.DataFrame
    coverage: pd.DataFrame
    recalibration: pd.DataFrame
    reliability: pd.DataFrame
    stability: pd.DataFrame
    by_origin: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One city's events [rows] by position in the list of cells, with the inputs to forecast and score a horizon."""

    events: pd.DataFrame
    cells: pd.DataFrame
    harm_days: pd.Series
    pyramid: Pyramid
    place: Ints
    code: Ints
    horizon_days: int

    def predict(self, origin: int, config: ForecastConfig) -> Prediction:
        """Forecast the horizon that begins at the origin from the days before it."""
        before = self.events[self.events["day"] < origin]
        past = before.assign(age_days=origin - 1 - before["day"]).drop(columns="day")
        return predict_cells(past, self.cells, self.harm_days, horizon_days=self.horizon_days, config=config)

    def between(self, first_day: float, last_day: float, *, excluding: range = range(0), now: int = 0) -> CellEvents:
        """Return events inside the cells from first_day up to, not including, last_day; ages count back from `now`."""
        day = self.events["day"].to_numpy()
        rows = (day >= first_day) & (day < last_day) & (self.place >= 0) & (self.code >= 0)
        rows &= ~((day >= excluding.start) & (day < excluding.stop))
        n = self.events["n"].to_numpy(np.float64)[rows]
        age = now - 1 - day[rows]
        weights = self.harm_days.to_numpy(np.float64)
        return CellEvents(len(self.cells), self.place[rows], self.code[rows], age, n, weights)

    def outcome(self, origin: int) -> tuple[Floats, Floats]:
        """Return events and harm per cell over the horizon that begins at the origin."""
        realised = self.between(origin, origin + self.horizon_days)
        return realised.count(), realised.count(realised.harm_days[realised.code])


def study_cells(cell_days: pd.DataFrame, before_day: int) -> pd.DataFrame:
    """Return cells with an event before `before_day` and one ring around them, sorted: cell_ix, cell_iy."""
    seen = cell_days.loc[cell_days["day"] < before_day, ["cell_ix", "cell_iy"]].drop_duplicates().to_numpy()
    ring = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), axis=-1).reshape(-1, 2)
    around = np.unique((seen[:, None] + ring).reshape(-1, 2), axis=0)
    return pd.DataFrame(around, columns=["cell_ix", "cell_iy"])


def evaluate_forecast(
    cell_days: pd.DataFrame,
    cells: pd.DataFrame,
    harm_days: pd.Series,
    origins: Sequence[int],
    *,
    horizon_days: int,
    seed: int,
    config: ForecastConfig,
    raw_mean_life_days: float = 120.0,
) -> Evaluation:
    """Evaluate the forecast and the baselines at every origin.

    Parameters
    ----------
    cell_days : pd.DataFrame
        cell_ix, cell_iy, offence_code, day (whole number), n.
    cells : pd.DataFrame
        cell_ix, cell_iy; the study area.
    harm_days : pd.Series
        weight by offence code.
    origins : Sequence[int]
        first days of the horizons, increasing. A forecast uses the days before; those from the origin on are scored.
    raw_mean_life_days : float
        mean life of the decay of the raw harm count.

    Raises
    ------
    ValueError
        Origins do not increase, or no horizon has an event.
    """
    if not (len(origins) and all(np.diff(origins) > 0)):
        raise ValueError(f"origins={list(origins)!r}: expected at least one day, in increasing order")
    trial = _trial(cell_days, cells, harm_days, horizon_days)
    # One fixed permutation breaks ties in the same way for all methods.
    ties = np.argsort(np.random.default_rng(seed).permutation(len(cells)))
    rows, tops, forecasts = [], [], []
    for origin in origins:
        events, harm = trial.outcome(origin)
        if not harm.sum():
            continue
        prediction = trial.predict(origin, config)
        ranked = {
            name: total_order(score, ids=ties)
            for name, score in _scores(trial, prediction, origin, raw_mean_life_days, seed)
        }
        before = trial.between(origin - baselines.NAIVE_DAYS, origin).count()
        rows += [(origin, *row) for row in _metrics(ranked, events, harm, before)]
        tops += _overlaps(trial, ranked, origin, config, ties)
        drawn = draw_forecast(prediction, cells.index, seed=seed, draws=config.draws)
        forecasts.append(_judged(drawn, prediction.excess, events, harm).assign(origin=origin))
    if not rows:
        raise ValueError(f"no event in any of {len(origins)} horizons: expected origins within the days of the events")
    by_origin = pd.DataFrame(rows, columns=["origin_day", "method", "metric", "share", "value"])
    block = block_length(len(by_origin["origin_day"].unique()), origins, horizon_days)
    judged = pd.concat(forecasts, ignore_index=True)
    recalibrated = recalibration(judged, TOP_SHARES, CALIBRATION_BINS)
    return Evaluation(
        scores=_interval_table(by_origin, block, seed),
        differences=_difference_table(by_origin, block, seed),
        transform=transform_deciles(judged, seed),
        calibration=pd.concat([calibration_table(judged, share) for share in TOP_SHARES], ignore_index=True),
        coverage=_coverage(forecasts, block, seed),
        recalibration=recalibrated,
        reliability=_reliability(judged, recalibrated),
        stability=_stability(tops),
        by_origin=by_origin,
        notes=tuple(forecasts[-1].attrs["notes"]),
    )


def top_parts(harm: Floats, places: int) -> Floats:
    """Return each cell's membership [0, 1] in the `places` cells with most harm; ties at the edge share the rest."""
    edge = np.sort(harm)[len(harm) - places]
    above, level = harm > edge, harm == edge
    return above + level * (places - above.sum()) / level.sum()


def block_bootstrap(values: Floats, block: int, seed: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of a series by circular block bootstrap (Politis and Romano 1992)."""
    means = values[block_resamples(len(values), block, seed)].mean(axis=1)
    lo, hi = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(lo), float(hi)


def block_resamples(count: int, block: int, seed: int) -> Ints:
    """Return positions [resamples, count] of a series in a circular block bootstrap of it."""
    starts = np.random.default_rng(seed).integers(count, size=(RESAMPLES, -(-count // block)))
    picked: Ints = (starts[:, :, None] + np.arange(block)).reshape(RESAMPLES, -1)[:, :count] % count
    return picked


def block_length(count: int, origins: Sequence[int], horizon_days: int) -> int:
    """Return origins per block: the cube root of their number, and at least two horizons if horizons overlap."""
    step = float(np.median(np.diff(origins))) if len(origins) > 1 else 1.0
    overlap = int(np.ceil(2 * horizon_days / step)) if step < horizon_days else 1
    return min(count, max(int(np.ceil(count ** (1 / 3))), overlap))


def transform_deciles(judged: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the share of outcomes per decile of the randomised probability integral transform; 0.1 is perfect.

    Parameters
    ----------
    judged : pd.DataFrame
        expected_events, excess, events, p_none.
    """
    busy = judged[judged["p_none"] < BUSY_NO_EVENT]
    count, mean, excess = (busy[name].to_numpy() for name in ("events", "expected_events", "excess"))
    places = transform(count, mean, excess, np.random.default_rng(seed).random(len(busy)))
    decile = np.minimum((places * 10).astype(np.int64), 9)
    share = np.bincount(decile, minlength=10) / (len(busy) or np.nan)
    return pd.DataFrame({"decile": np.arange(1, 11), "share": share, "cell_horizons": len(busy)})


def calibration_table(judged: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return forecast and observed probability of being in the top share, by bins of the forecast probability."""
    forecast, observed = judged[f"p_top_{share}"].to_numpy(), judged[f"in_top_{share}"].to_numpy()
    bin_ = np.minimum((forecast * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    n = np.bincount(bin_, minlength=CALIBRATION_BINS)
    some = np.flatnonzero(n)
    means = [np.bincount(bin_, values, CALIBRATION_BINS)[some] / n[some] for values in (forecast, observed)]
    table = {"bin_from": some / CALIBRATION_BINS, "cell_horizons": n[some], "forecast": means[0], "observed": means[1]}
    return pd.DataFrame({"share": share} | table)


def _trial(cell_days: pd.DataFrame, cells: pd.DataFrame, harm_days: pd.Series, horizon_days: int) -> Trial:
    pyramid = build_pyramid(cells["cell_ix"], cells["cell_iy"])
    weights = harm_days[harm_days > 0].sort_index()
    place = pyramid.places(cell_days["cell_ix"], cell_days["cell_iy"])
    code = weights.index.get_indexer(pd.Index(cell_days["offence_code"])).astype(np.int64)
    return Trial(cell_days, cells.reset_index(drop=True), weights, pyramid, place, code, horizon_days)


def _scores(
    trial: Trial, prediction: Prediction, origin: int, raw_mean_life_days: float, seed: int
) -> Iterator[tuple[str, Floats]]:
    past = trial.between(-np.inf, origin, now=origin)
    horizon = range(origin, origin + trial.horizon_days)
    both_sides = trial.between(-np.inf, np.inf, excluding=horizon)
    yield HARM_FORECAST, prediction.rates @ prediction.harm_days
    yield EVENTS_FORECAST, prediction.rates.sum(axis=1)
    yield NAIVE, baselines.naive_count(past)
    yield f"raw harm, mean life {raw_mean_life_days:g} days", baselines.decayed_harm(past, raw_mean_life_days)
    yield "kernel density, decayed", baselines.decayed_density(past, trial.pyramid)
    yield "self-exciting process", baselines.hawkes(past, trial.horizon_days)
    by_events, by_harm = boosted(past, trial.pyramid, trial.horizon_days, seed)
    yield "boosted trees, by events", by_events
    yield "boosted trees, by harm", by_harm
    yield "look-ahead count (no method)", baselines.look_ahead_count(both_sides)
    yield "look-ahead harm (no method)", baselines.look_ahead_harm(both_sides, trial.pyramid)


def _metrics(
    ranked: Mapping[str, Ints], events: Floats, harm: Floats, before: Floats
) -> Iterator[tuple[str, str, float, float]]:
    most = np.sort(events)[::-1]
    for share in TOP_SHARES:
        places = places_of(share, len(events))
        for method, order in ranked.items():
            top = order[:places]
            hit_rate = events[top].sum() / events.sum()
            values = (
                hit_rate,
                hit_rate / (places / len(events)),
                events[top].sum() / most[:places].sum(),
                hit_rate * before.sum() / before[top].sum() if before[top].any() else np.nan,
                harm[top].sum() / harm.sum(),
            )
            yield from ((method, metric, share, float(value)) for metric, value in zip(METRICS, values, strict=True))


def _overlaps(
    trial: Trial, ranked: Mapping[str, Ints], origin: int, config: ForecastConfig, ties: Ints
) -> list[tuple[str, float, float]]:
    """Return the Jaccard index of the top cells of the origin and of the next day."""
    tomorrow = trial.predict(origin + 1, config)
    later = {
        HARM_FORECAST: total_order(tomorrow.rates @ tomorrow.harm_days, ids=ties),
        NAIVE: total_order(tomorrow.naive_count, ids=ties),
    }
    sizes = {share: places_of(share, len(trial.cells)) for share in TOP_SHARES}
    return [
        (method, share, jaccard(ranked[method][:places], order[:places]))
        for method, order in later.items()
        for share, places in sizes.items()
    ]


def jaccard(one: Ints, other: Ints) -> float:
    """Return the size of the intersection of two sets over that of their union."""
    common = len(np.intersect1d(one, other))
    return common / (len(one) + len(other) - common)


def _judged(drawn: pd.DataFrame, excess: Floats, events: Floats, harm: Floats) -> pd.DataFrame:
    """Return a forecast joined to the outcomes, one row per cell."""
    mean = drawn["expected_events"].to_numpy()
    none = np.exp(log_chance_of_none(mean, excess))
    parts = {f"in_top_{share}": top_parts(harm, places_of(share, len(harm))) for share in TOP_SHARES}
    names = {f"p_top{share * 100:.0f}": f"p_top_{share}" for share in TOP_SHARES}
    return drawn.rename(columns=names).assign(excess=excess, p_none=none, events=events, harm=harm, **parts)


def _coverage(forecasts: Sequence[pd.DataFrame], block: int, seed: int) -> pd.DataFrame:
    held, cases = np.zeros(len(forecasts)), np.zeros(len(forecasts))
    for origin, judged in enumerate(forecasts):
        busy = judged[judged["p_none"] < BUSY_NO_EVENT]
        held[origin] = ((busy["harm"] >= busy["expected_harm_lo"]) & (busy["harm"] <= busy["expected_harm_hi"])).sum()
        cases[origin] = len(busy)
    picked = block_resamples(len(forecasts), block, seed)
    shares = held[picked].sum(axis=1) / np.maximum(cases[picked].sum(axis=1), 1)
    lo, hi = np.quantile(shares, [0.025, 0.975])
    covered = held.sum() / max(cases.sum(), 1)
    row = ("harm where something is expected", 0.8, int(cases.sum()), int(held.sum()), covered, lo, hi)
    return pd.DataFrame([row], columns=["interval", "nominal", "cases", "held", "covered", "lo", "hi"])


def _reliability(judged: pd.DataFrame, recalibrated: pd.DataFrame) -> pd.DataFrame:
    busy = judged[judged["p_none"] < BUSY_NO_EVENT]
    inside = (busy["harm"] >= busy["expected_harm_lo"]) & (busy["harm"] <= busy["expected_harm_hi"])
    measures = {
        "coverage of the 80% interval where P(no event) < 0.8": float(inside.mean()),
        "cell-horizons where P(no event) < 0.8": float(len(busy)),
        "events observed over events expected": float(judged["events"].sum() / judged["expected_events"].sum()),
        "harm observed over harm expected": float(judged["harm"].sum() / judged["expected_harm"].sum()),
    }
    for _, row in recalibrated.drop_duplicates("share").iterrows():
        name = f"log score of P(top {row['share']:.0%}), later origins (lower is better)"
        measures[name] = float(row["log_score"])
        measures[f"{name}, after isotonic recalibration"] = float(row["log_score_recalibrated"])
    return pd.DataFrame(measures.items(), columns=["measure", "value"])


def _stability(tops: list[tuple[str, float, float]]) -> pd.DataFrame:
    overlaps = pd.DataFrame(tops, columns=["method", "share", "jaccard"])
    return overlaps.groupby(["method", "share"])[["jaccard"]].mean().reset_index()


Series = dict[tuple[str, str, float], Floats]


def _series(by_origin: pd.DataFrame) -> Series:
    """Return values by origin of each (method, metric, share), in order of evaluation."""
    groups = by_origin.groupby(["method", "metric", "share"], sort=False)["value"]
    return {(method, metric, share): values.to_numpy() for (method, metric, share), values in groups}  # type: ignore[misc]


def _interval_table(by_origin: pd.DataFrame, block: int, seed: int) -> pd.DataFrame:
    series = _series(by_origin)
    rows = [(*name, values.mean(), *block_bootstrap(values, block, seed)) for name, values in series.items()]
    return pd.DataFrame(rows, columns=["method", "metric", "share", "value", "lo", "hi"])


def _difference_table(by_origin: pd.DataFrame, block: int, seed: int) -> pd.DataFrame:
    series = _series(by_origin)
    others = [method for method in by_origin["method"].unique() if method not in (HARM_FORECAST, EVENTS_FORECAST)]
    rows = []
    for ours in (HARM_FORECAST, EVENTS_FORECAST):
        for other in others:
            for metric, share in by_origin[["metric", "share"]].drop_duplicates().itertuples(index=False):
                mine, theirs = series[ours, metric, share], series[other, metric, share]
                enough = len(mine) >= MINIMUM_ORIGINS
                ends = block_bootstrap(mine - theirs, block, seed) if enough else (np.nan, np.nan)
                rows.append((ours, other, metric, share, (mine - theirs).mean(), *ends, mine.mean() / theirs.mean()))
    return pd.DataFrame(rows, columns=["method", "against", "metric", "share", "difference", "lo", "hi", "ratio"])
