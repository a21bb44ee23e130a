"""Feedback between police presence and police discoveries, by area.

Models of discovered incidents send police where they have been before (Ensign et al. 2018, Proceedings of Machine
Learning Research 81). harmspot does not count discoveries; this table shows the bias they would cause. The ratio of an
area's share of discovered incidents to its share of publicly reported ones is one if both agree. Its 80% interval
treats both counts as Poisson, with half an incident added to each to avoid zeros; it describes, and raises no alarm.

The alarm is one test over all areas. Without bias, the finds of an area with h officer hours and p public reports have
mean c·h^a·p^b, with the same c, a and b everywhere: finds per officer-hour go with public reports in one way. With
a = 1 and b = 0 every hour finds as much; with a = 0 finds follow reports, whatever the hours. Both lie between 0 and 1.
Finds are more uneven than Poisson counts: they are negative binomial with one spread s, and reports are a count
themselves, so that the squared spread of an area's finds is s² + b²/p. For each area, c, a, b and s are learnt from the
other areas alone, by their likelihood over a grid, and its finds are compared with the prediction that follows (a
posterior predictive p-value with the area left out: Marshall and Spiegelhalter 2003, Statistics in Medicine 22:1649).
In what is learnt from, one area in 200 may be quite unlike the others, so that biased areas do not hide each other.
The p-values are adjusted for their number by Šidák: about one run in ten has any false alarm, however many areas.
"""

import numpy as np
import pandas as pd
from scipy.special import betainc, gammaln, ndtri

from models.arrays import Floats
from models.statistics.rank_draws import total_ranks

Z80 = float(ndtri(0.9))  # half width of an 80% interval in standard errors
ALARM_SHARE = 0.1  # of runs without bias, that have any alarm
LEAST_AREAS = 3  # with known hours; two cannot tell which of them is unlike
HOW = np.array([(a, b) for a in (0.0, 0.5, 1.0) for b in (0.0, 0.5, 1.0)])  # powers of hours and of reports
SPREADS = np.geomspace(0.05, 2.2, 20)  # s
LEVELS = np.linspace(-4.5, 4.5, 25)  # of ln c around its median, in standard errors
USUAL_SPREAD = 1.5  # s comes from the upper half of a normal distribution with this deviation
ODD_SHARE, ODD_SHAPE = 0.005, 0.25  # share of areas that may be quite unlike the others, and how unlike
NEGLIGIBLE = 1e-7  # weight of a combination on the grid from which its tail is not computed
FEEDBACK_COLUMNS = (
    "area_id", "public_count", "police_count", "public_share", "police_share", "hours_share", "proposed_share",
    "find_ratio", "find_ratio_lo", "find_ratio_hi", "rank_public", "rank_with_police", "is_alarm", "finds_per_hour",
    "expected_finds", "p_adjusted", "not_measured_because",
)  # fmt: skip


def measure_feedback(areas: pd.DataFrame, *, window_days: int = 365) -> pd.DataFrame:
    """Compare discovered with reported incidents and officer hours.

    Parameters
    ----------
    areas : pd.DataFrame
        area_id (distinct), public_count, police_count, today_hours, proposed_hours; hours may be missing. Where
        is_staffing_assumed is given and True, the hours are not known, and the area is not tested.
    window_days : int
        Days over which the incidents were counted.

    Returns
    -------
    pd.DataFrame
        FEEDBACK_COLUMNS, by area: shares of the total (missing if it is zero), find_ratio with its 80% interval, the
        rank by count without and with police discoveries (1 has most, ties by area_id), finds per officer-hour, the
        finds expected from the other areas, the p-value adjusted for all areas, and why an area is not tested.
    """
    table = areas.sort_values("area_id", ignore_index=True)
    public, police, today = (
        table[name].to_numpy(np.float64) for name in ("public_count", "police_count", "today_hours")
    )
    ratio = _share(police + 0.5) / _share(public + 0.5)
    spread = np.exp(Z80 * np.sqrt(1 / (police + 0.5) + 1 / (public + 0.5)))
    untested = _untested(table)
    is_tested = untested.isna().to_numpy()
    expected, p_adjusted = np.full((2, len(table)), np.nan)
    if is_tested.any():
        expected[is_tested], p_value = expected_and_p_value(police[is_tested], today[is_tested], public[is_tested])
        p_adjusted[is_tested] = -np.expm1(is_tested.sum() * np.log1p(-np.minimum(p_value, 1 - 1e-15)))
    return table.assign(
        public_share=_share(public),
        police_share=_share(police),
        hours_share=_share(today),
        proposed_share=_share(table["proposed_hours"].to_numpy(np.float64)),
        find_ratio=ratio,
        find_ratio_lo=ratio / spread,
        find_ratio_hi=ratio * spread,
        rank_public=total_ranks(public, ids=table["area_id"]),
        rank_with_police=total_ranks(public + police, ids=table["area_id"]),
        is_alarm=is_tested & (p_adjusted <= ALARM_SHARE),
        finds_per_hour=np.divide(police, today * window_days, out=np.full(len(table), np.nan), where=today > 0),
        expected_finds=expected,
        p_adjusted=p_adjusted,
        not_measured_because=untested,
    )[list(FEEDBACK_COLUMNS)]


def _untested(table: pd.DataFrame) -> pd.Series:
    """Return why the finds of an area cannot be compared with its officer hours; null where they can."""
    why = pd.Series(None, index=table.index, dtype=object)
    is_assumed = table.get("is_staffing_assumed", pd.Series(False, index=table.index)).astype(bool)
    why = why.mask(is_assumed, "its officer hours are assumed, not reported")
    why = why.mask(~(table["today_hours"] > 0), "its officer hours are unknown")
    is_known = why.isna()
    if is_known.sum() < LEAST_AREAS:
        return why.mask(is_known, f"fewer than {LEAST_AREAS} areas have known officer hours")
    if not table.loc[is_known, "police_count"].any():
        return why.mask(is_known, "the police discovered nothing in any area with known officer hours")
    return why


def expected_and_p_value(finds: Floats, hours: Floats, reports: Floats) -> tuple[Floats, Floats]:
    """Return the finds of each area expected from the other areas, and P(as many or more) without bias.

    Parameters
    ----------
    finds, reports : Floats
        [areas] discovered and publicly reported incidents, some of the former above zero.
    hours : Floats
        [areas] officer hours, above zero.
    """
    reports = reports + 0.5
    log_mean, step = _log_means(finds, hours, reports)
    mean = np.exp(log_mean)
    count = finds[:, None, None, None]
    of_reports = (HOW[:, 1] ** 2)[None, :, None, None] / reports[:, None, None, None]
    shape = 1 / (SPREADS[None, None, :, None] ** 2 + of_reports)
    likelihood = np.logaddexp(
        np.log1p(-ODD_SHARE) + _log_probability(count, log_mean, shape),
        np.log(ODD_SHARE) + _log_probability(count, log_mean, np.array(ODD_SHAPE)),
    )
    prior = (np.log(SPREADS) - (SPREADS / USUAL_SPREAD) ** 2 / 2)[None, :, None] + np.log(step)[:, None, None]
    weight = likelihood.sum(axis=0)[None] - likelihood + prior[None]
    weight = np.exp(weight - weight.max(axis=(1, 2, 3), keepdims=True))
    weight /= weight.sum(axis=(1, 2, 3), keepdims=True)
    mean, shape, count = (np.broadcast_to(values, weight.shape) for values in (mean, shape, count))
    tail = np.where(count > 0, 0.0, 1.0)
    at = (weight > NEGLIGIBLE) & (count > 0)
    tail[at] = betainc(count[at], shape[at], mean[at] / (mean[at] + shape[at]))
    axes = (1, 2, 3)
    return (weight * mean).sum(axis=axes), np.clip((weight * tail).sum(axis=axes), 0.0, 1.0)


def _log_means(finds: Floats, hours: Floats, reports: Floats) -> tuple[Floats, Floats]:
    """Return log means [areas, HOW, 1, levels] of finds, levels around the median over areas, and their steps [HOW].

    The median over areas, and the median deviation from it, are not moved far by areas unlike the others.
    """
    shape = np.log(hours)[:, None] * HOW[:, 0] + np.log(reports)[:, None] * HOW[:, 1]
    shape -= shape.mean(axis=0)
    level = np.log(finds + 0.5)[:, None] - shape
    middle = np.median(level, axis=0)
    deviation = np.median(np.abs(level - middle), axis=0) / float(ndtri(0.75))
    step = np.sqrt((deviation**2 + 1 / (finds.mean() + 0.5) + 0.01) / len(finds))
    levels = middle[:, None] + step[:, None] * LEVELS
    return shape[:, :, None, None] + levels[None, :, None, :], step


def _log_probability(count: Floats, log_mean: Floats, shape: Floats) -> Floats:
    """Return the log-probability of a negative binomial count."""
    constant = gammaln(count + shape) - gammaln(shape) - gammaln(count + 1) + shape * np.log(shape)
    return np.asarray(constant + count * log_mean - (shape + count) * np.log(np.exp(log_mean) + shape))


def _share(values: Floats) -> Floats:
    total = np.nansum(values)  # a missing area does not affect the others
    return values / total if total > 0 else np.full(len(values), np.nan)
