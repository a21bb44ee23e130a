"""Fairness of lists and of officer hours by group, computed from outcomes; only an audit joins groups to people.

Every figure is one ratio: the part of a group over its base, beside that of everybody. Of selection the base are people
at risk and the part those on a list (the share of the list over the share of those at risk); of false listings, those
listed a year ago and those of them without a grave incident since; of calibration, expected and observed incidents; of
burden, residents and officer hours. Equal ratios of all kinds at once are impossible where groups differ in how often
they offend (Chouldechova 2017, Big Data 5:153; Kleinberg, Mullainathan and Raghavan 2017), so that a finding is a
question to the force, no verdict. Intervals are from resampled people or areas (Efron 1979); findings of a page are
held together to one page in twenty by chance (Holm 1979, Scandinavian Journal of Statistics 6:65).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom, norm, t

from models.arrays import Bools, Floats, Ints
from models.outcomes.small_groups import LEAST, has_small_sum, withheld
from models.statistics.paired_bootstrap import interval

EVERYBODY = "everybody"
NOT_STATED = "not stated"
LEVEL, POWER = 0.05, 0.8
LEAST_UNITS = 10  # people or areas that an interval takes

ABOVE, BELOW, LEVEL_WITH, TOO_FEW, WITHHELD = "above", "below", "none", "too few", "withheld"


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often people or areas are resampled, and the seed."""

    count: int
    seed: int


def people_figures(people: pd.DataFrame, group: pd.Series, lists: Sequence[str], draws: Resampling) -> pd.DataFrame:
    """Return the figures of one grouping of people.

    Parameters
    ----------
    people : pd.DataFrame
        One row per person: is_at_risk, one truth per name in `lists` (only people at risk are on one), was_listed,
        is_false (listed, and nothing grave since), expected and observed incidents (missing where not foretold).
    group : pd.Series
        Group of each person, on the same index; missing where not stated.
    lists : sequence of str
        Columns of people.
    draws : Resampling
        Of people.

    Returns
    -------
    pd.DataFrame
        As `compare`, without findings: figures as in `lists`, then false_listing and calibration; those that are of
        nobody are left out.
    """
    stated = group.fillna(NOT_STATED).astype(str)
    foretold = people["expected"].gt(0)
    measured = {name: (people["is_at_risk"], people[name]) for name in lists}
    measured["false_listing"] = (people["was_listed"], people["is_false"])
    measured["calibration"] = (people["expected"].where(foretold, 0.0), people["observed"].where(foretold, 0.0))
    figures = [
        _of_people(figure, stated, base, part, draws) for figure, (base, part) in measured.items() if base.gt(0).any()
    ]
    return pd.concat(figures, ignore_index=True) if figures else pd.DataFrame()


def forecast_figures(forecast: pd.Series, came: pd.Series, group: pd.Series, draws: Resampling) -> pd.DataFrame:
    """Return figure `forecast` of one grouping: people foretold to have an outcome, and those who had it.

    Parameters
    ----------
    forecast : pd.Series
        Probability of the outcome, one per person.
    came : pd.Series
        1 if the outcome came, else 0, on the same index.
    group : pd.Series
        As of `people_figures`.
    draws : Resampling
        Of people.
    """
    return _of_people("forecast", group.fillna(NOT_STATED).astype(str), forecast, came, draws)


def people_shares(people: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Return people at risk, publicly reported suspects among them, and victims by group; withheld ones are missing.

    Parameters
    ----------
    people : pd.DataFrame
        is_at_risk, is_suspect (only people at risk), is_victim, one row per person.
    group : pd.Series
        As of `people_figures`.

    Returns
    -------
    pd.DataFrame
        group (the last is everybody), at_risk, suspects, victims, and each as a share of everybody's, with _share.
    """
    stated = group.fillna(NOT_STATED).astype(str)
    names = _names(stated)
    at_risk, suspects, victims = (
        people[name].groupby(stated).sum().reindex(names).to_numpy(np.int64)
        for name in ("is_at_risk", "is_suspect", "is_victim")
    )
    hidden = withheld(at_risk[:, None])
    of_suspects = np.column_stack([suspects, at_risk - suspects])
    counts = {
        "at_risk": _shown(at_risk, at_risk[:, None], hidden),
        "suspects": _shown(suspects, of_suspects, withheld(of_suspects, hidden)),
        "victims": _shown(victims, victims[:, None], withheld(victims[:, None])),
    }
    table = pd.DataFrame({"group": [*names, EVERYBODY], **counts})
    return table.assign(**{f"{name}_share": table[name] / table[name].iloc[-1] for name in counts})


def burden(areas: pd.DataFrame, shares: pd.DataFrame, hours: Mapping[str, str], draws: Resampling) -> pd.DataFrame:
    """Return hours of officers per resident of each group, beside all residents of the areas whose shares are known.

    Parameters
    ----------
    areas : pd.DataFrame
        area_id, residents (missing where unknown), and the columns that `hours` names, per day.
    shares : pd.DataFrame
        area_id, group, share of the residents, 0 to 1; groups may overlap. An area without a share of each group
        counts for nothing.
    hours : mapping of str to str
        Figure → column of areas.
    draws : Resampling
        Of areas.

    Returns
    -------
    pd.DataFrame
        As `compare`, without findings. The hours of an area fall on its residents alike.
    """
    wide = shares.pivot_table(index="area_id", columns="group", values="share").dropna().sort_index(axis=1)
    groups = wide.columns.tolist()
    known = areas[areas["residents"].gt(0)].set_index("area_id").sort_index()
    known = known[known.index.isin(wide.index)]
    parts = wide.reindex(known.index).assign(**{EVERYBODY: 1.0})
    base = parts.mul(known["residents"], axis=0)
    residents = base.sum().round().to_numpy(np.int64)[:-1, None]
    return pd.concat(
        [
            compare(figure, groups, base.to_numpy(), parts.mul(known[column], axis=0).to_numpy(), residents, draws)
            for figure, column in hours.items()
        ],
        ignore_index=True,
    )


def compare(
    figure: str, groups: Sequence[str], base: Floats, part: Floats, people: Ints, draws: Resampling
) -> pd.DataFrame:
    """Return the part over the base of each group, beside everybody's, with an interval over resampled units.

    Parameters
    ----------
    figure : str
        Name of the figure.
    groups : sequence of str
        Names of the groups.
    base, part : Floats
        [units, groups + 1]; the last column is everybody.
    people : Ints
        People of each group [groups, kinds], who are told apart by the figure: one kind, or those in the part and the
        others. A figure about fewer than `LEAST` is withheld.
    draws : Resampling
        Of units.

    Returns
    -------
    pd.DataFrame
        figure, group (the last is everybody), people, base, part, rate (part over base), ratio (rate over everybody's),
        lo, hi (95%), log_error (standard error of the logarithm of the ratio), p_value, is_withheld, and bound: above
        or below where p_value stands for a withheld group, whatever its count. Withheld figures are missing.
    """
    sums = _resampled(base, part, draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = sums[:, 1] / sums[:, 0]
        ratio = rate[:, :-1] / rate[:, -1:]
        log = np.log(np.where(ratio > 0, ratio, np.nan))
    of_base = people.sum(axis=1)
    no_base = withheld(of_base[:, None])
    hidden = withheld(people, no_base)
    is_told = ~hidden & (len(base) >= LEAST_UNITS)
    few = np.sqrt(len(base) / max(len(base) - 1, 1))  # a resample of few units varies less than they do
    error = np.where(is_told, [few * _spread(each) for each in log[1:].T], np.nan)
    lo, hi = interval(np.where(is_told, ratio[1:], 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = 2 * t.sf(np.abs(log[0]) / error, max(len(base) - 1, 1))
    bound, p_bound = _bounds(people, hidden & ~no_base, hidden)
    shown_base = _shown(sums[0, 0, :-1], of_base[:, None], no_base, sums[0, 0, -1])
    shown_part = _shown(sums[0, 1, :-1], people, hidden, sums[0, 1, -1])
    return pd.DataFrame(
        {
            "figure": figure,
            "group": [*groups, EVERYBODY],
            "people": _shown(of_base, of_base[:, None], no_base, sums[0, 0, -1] if people.shape[1] == 1 else None),
            "base": shown_base,
            "part": shown_part,
            "rate": np.where(np.isnan(shown_part + shown_base), np.nan, rate[0]),
            "ratio": [*np.where(hidden, np.nan, ratio[0]), np.nan],
            "lo": [*np.where(is_told, lo, np.nan), np.nan],
            "hi": [*np.where(is_told, hi, np.nan), np.nan],
            "log_error": [*error, np.nan],
            "p_value": [*np.where(hidden, p_bound, p_value), np.nan],
            "is_withheld": [*hidden, bool(np.isnan(shown_part[-1]))],
            "bound": [*bound, ""],
        }
    )


def with_findings(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of a page with `finding`, and `least_ratio`, which would be found in 80 of 100 pages.

    A finding is above, below, none, too few, withheld, or empty for everybody. By chance, one page in twenty has any.
    """
    p_value = figures["p_value"].to_numpy(np.float64)
    tested = int(np.isfinite(p_value).sum())
    is_found = _holm(p_value) < LEVEL
    side = np.where(figures["bound"].ne(""), figures["bound"], np.where(figures["ratio"].gt(1), ABOVE, BELOW))
    finding = np.select(
        [
            figures["group"].eq(EVERYBODY),
            is_found,
            figures["is_withheld"].astype(bool),
            np.isnan(p_value),
        ],
        ["", side, WITHHELD, TOO_FEW],
        LEVEL_WITH,
    )
    reach = norm.isf(LEVEL / 2 / max(tested, 1)) + norm.ppf(POWER)
    return figures.assign(finding=finding, least_ratio=np.exp(reach * figures["log_error"]))


def _of_people(figure: str, group: pd.Series, base: pd.Series, part: pd.Series, draws: Resampling) -> pd.DataFrame:
    """Return `compare` of the people whose base is above zero."""
    names, is_in = _names(group), base.gt(0)
    is_of = np.column_stack([group[is_in].eq(name) for name in names] + [np.ones(is_in.sum(), dtype=bool)])
    held, taken = (np.where(is_of, each[is_in].to_numpy(np.float64)[:, None], 0.0) for each in (base, part))
    in_part = (taken > 0)[:, :-1].sum(axis=0)
    return compare(figure, names, held, taken, np.column_stack([in_part, is_of[:, :-1].sum(axis=0) - in_part]), draws)


def _names(group: pd.Series) -> list[str]:
    """Return the groups by name, those not stated last."""
    return sorted(group.unique(), key=lambda name: (name == NOT_STATED, name))


def _resampled(base: Floats, part: Floats, draws: Resampling) -> Floats:
    """Return the sums of base and part [1 + resamples, 2, groups], first of the units as they are.

    Equal units are drawn together, which is the same bootstrap and does not depend on their order.
    """
    units, times = np.unique(np.hstack([base, part]), axis=0, return_counts=True)
    random, which = np.random.default_rng(draws.seed), np.repeat(np.arange(len(units)), times)
    drawn = (which[random.integers(len(which), size=len(which))] for _ in range(draws.count if len(which) else 0))
    sums = [times @ units, *(np.bincount(each, minlength=len(units)) @ units for each in drawn)]
    return np.array(sums, dtype=np.float64).reshape(len(sums), 2, base.shape[1])


def _spread(log_ratios: Floats) -> float:
    """Return the standard deviation over the resamples in which the ratio is defined."""
    known = log_ratios[np.isfinite(log_ratios)]
    return float(known.std(ddof=1)) if len(known) > 1 and known.std() > 0 else np.nan


def _shown(values: Floats | Ints, people: Ints, hidden: Bools, whole: float | None = None) -> Floats:
    """Return the values of the groups, then of everybody; missing where they are withheld."""
    total = float(values.sum()) if whole is None else whole
    return np.array([*np.where(hidden, np.nan, values), np.nan if has_small_sum(people) else total])


def _bounds(people: Ints, asked: Bools, hidden: Bools) -> tuple[list[str], Floats]:
    """Return for withheld groups with few people on one side on which side of everybody they stand at any such count.

    Whether a count under `LEAST` is too small or too large is asked of the greatest of them, so that the answer tells
    no more than that it is under `LEAST`. It is not asked where the sums shown would exclude one of these counts.
    """
    bound, p_value, of_group = [""] * len(people), np.full(len(people), np.nan), people.sum(axis=1)
    if people.shape[1] < 2 or has_small_sum(people):
        return bound, p_value
    for group in np.flatnonzero(asked):
        others = hidden & (np.arange(len(people)) != group)
        for side, name in ((0, BELOW), (1, ABOVE)):
            rest = people[hidden, side].sum()
            is_any = LEAST - 1 <= rest <= of_group[others].sum() and of_group[group] >= LEAST
            if people[group, side] < LEAST and is_any:
                share = of_group[group] / of_group.sum()
                bound[group] = name
                p_value[group] = min(1.0, 2 * binom.cdf(LEAST - 1, people[:, side].sum(), share))
    return bound, p_value


def _holm(p_value: Floats) -> Floats:
    """Return p-values adjusted for the number of those that are known (Holm 1979)."""
    known = np.flatnonzero(np.isfinite(p_value))
    order = known[np.argsort(p_value[known], kind="stable")]
    adjusted = np.full(len(p_value), np.nan)
    adjusted[order] = np.maximum.accumulate(p_value[order] * np.arange(len(order), 0, -1)).clip(max=1.0)
    return adjusted
