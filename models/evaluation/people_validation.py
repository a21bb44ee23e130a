"""Validation of a score of priors and years at risk on real people's records, against a published risk score.

The score is that of `models.evaluation.record_score`. Beside it stand the gamma–Poisson rate of
`models.statistics.empirical_bayes`, fitted on everybody in the file (if an index event brought everybody into it, that
event counts, too, and the fit is zero-truncated), the simple rate (priors + 1) / (years + 2), and a spline logistic
regression. No score uses a group attribute: `score_records` takes two columns and rejects any other. Group attributes
are used only in the audit (Hardt, Price and Srebro 2016 on false-positive rates). Nobody is scored or foretold by a
model that was fitted on the own outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.evaluation.record_score import score_priors
from models.evaluation.spline_logistic import Mask, cross_fit, spline_logistic
from models.statistics.empirical_bayes import fit_gamma_prior, posterior
from models.statistics.intervals import wilson
from models.statistics.paired_bootstrap import Floats, Ranking, interval, rank_score, resamples

KNOWN = ("priors", "years_at_risk")  # the only inputs of a score
SCORE, FIXED_RATE = "score", "(priors + 1) / (years + 2)"
RATE, SPLINE, PUBLISHED, PRIORS = "gamma-Poisson rate", "spline logistic", "published score", "count of priors"
TOP_SHARE = 0.05
SUPPRESSED_BELOW = 10  # people; figures of smaller groups are suppressed
TENTHS = 10
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class PeopleTrialConfig:
    """Settings of the validation: shares of people flagged in group comparisons, resamples, seed."""

    flagged_shares: Sequence[float]
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        for share in self.flagged_shares:
            if not 0 < share < 1:
                raise ValueError(f"flagged_shares holds {share!r}: expected shares between 0 and 1")
        if self.resamples < 1:
            raise ValueError(f"resamples={self.resamples!r}: expected at least one")


@dataclass(frozen=True, slots=True)
class PeopleTrial:
    """Results for one outcome; all intervals are 95% and come from the same resamples.

    Attributes
    ----------
    scores : pd.DataFrame
        method (the score is first), measure (auc, top_share), value, lo, hi; top_share is the share of outcomes in the
        top 5%.
    differences : pd.DataFrame
        against, measure, difference, lo, hi; the score minus the method.
    calibration : pd.DataFrame
        tenth (1 has the lowest forecasts), people, forecast, came, lo, hi (interval of came: Wilson 1927), is_within
        (the forecast lies in it).
    gaps : pd.DataFrame
        flagged_share, attribute, group, people, without_outcome, score_fpr, score_gap, published_fpr, published_gap,
        excess, lo, hi, verdict. A gap is the group's false-positive rate minus that of everybody else; excess is the
        absolute gap of the score minus that of the published score; verdict is narrower, wider, level or too few.
    groups : pd.DataFrame
        attribute, group, people, came, forecast, lo, hi; the interval is that of came minus forecast.
    summary : pd.DataFrame
        measure, value.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    gaps: pd.DataFrame
    groups: pd.DataFrame
    summary: pd.DataFrame


def score_records(known: pd.DataFrame, came: npt.ArrayLike, *, index_events: int) -> tuple[dict[str, Floats], Floats]:
    """Return the scores of each person by method, and the probability of the outcome from the first of them.

    Parameters
    ----------
    known : pd.DataFrame
        priors (events, ≥ 0) and years_at_risk (≥ 0); no other column. Rows are in random order.
    came : npt.ArrayLike
        1 if the outcome occurred, else 0.
    index_events : int
        number of events besides the priors that brought everybody into the file; 0 if the file has everybody at risk.

    Raises
    ------
    ValueError
        A column is missing or unexpected, a value is negative or missing, or see `cross_fit` and `spline_logistic`.
    """
    if set(known.columns) != set(KNOWN):
        raise ValueError(f"columns {sorted(known.columns)}: expected {' and '.join(KNOWN)} and no other")
    priors, years = known["priors"].to_numpy(np.float64), known["years_at_risk"].to_numpy(np.float64)
    outcome = np.asarray(came, dtype=np.float64)
    prior = fit_gamma_prior(priors + index_events, years, zero_truncated=index_events > 0)
    shape, rate = posterior(prior, priors + index_events, years)

    def foretell(is_fitted: Mask) -> Floats:
        score = score_priors(priors, years, outcome, is_fitted)
        place = np.asarray(pd.Series(score).rank(pct=True), dtype=np.float64)
        return np.column_stack([score, spline_logistic(place[:, None], outcome, is_fitted)])

    def compare(is_fitted: Mask) -> Floats:
        return spline_logistic(np.log1p(np.column_stack([priors, years])), outcome, is_fitted)

    score, forecast = cross_fit(foretell, outcome).T
    return {
        SCORE: score,
        RATE: shape / rate,
        FIXED_RATE: (priors + 1) / (years + 2),
        SPLINE: cross_fit(compare, outcome),
        PRIORS: priors,
    }, forecast


def evaluate_people(
    known: pd.DataFrame,
    came: npt.ArrayLike,
    published: npt.ArrayLike | None,
    attributes: pd.DataFrame,
    *,
    index_events: int,
    config: PeopleTrialConfig,
) -> PeopleTrial:
    """Score everybody from `known`, fitted on the outcomes of others, and compare with the outcomes.

    Parameters
    ----------
    known : pd.DataFrame
        see `score_records`; all other arguments have its length.
    came : npt.ArrayLike
        1 if the outcome occurred within the horizon, else 0.
    published : npt.ArrayLike | None
        risk score to compare with, higher for more risk; None without one.
    attributes : pd.DataFrame
        one column per kind of group, for the audit.

    Raises
    ------
    ValueError
        See `score_records`; or `came` is not 0 and 1, or nobody or everybody has the outcome.
    """
    outcome = np.asarray(came, dtype=np.float64)
    if not (np.isin(outcome, (0, 1)).all() and 0 < outcome.mean() < 1):
        raise ValueError("the outcome (came): expected 0 or 1, with both values present")
    stated = attributes.astype(object).where(attributes.notna(), NOT_STATED).astype(str)
    rated = np.zeros(len(outcome)) if published is None else np.asarray(published, dtype=np.float64)
    order = _random_order([*(stated[name] for name in stated), rated, outcome, *(known[c] for c in known)], config.seed)
    outcome, stated = outcome[order], stated.iloc[order]
    scores, forecast = score_records(known.iloc[order], outcome, index_events=index_events)
    if published is not None:
        scores[PUBLISHED] = rated[order]
    rankings = {method: rank_score(score) for method, score in scores.items()}
    weights = list(resamples(len(outcome), config.resamples, config.seed))
    drawn = np.array([[_measures(ranking, w, outcome) for ranking in rankings.values()] for w in weights])
    members, methods, tenths = _members(stated), list(rankings), _calibration(forecast, outcome)
    return PeopleTrial(
        scores=_measure_table(methods, drawn, ("method", "value")),
        differences=_measure_table(methods[1:], drawn[:, :1] - drawn[:, 1:], ("against", "difference")),
        calibration=tenths,
        gaps=_gap_table(rankings, outcome, members, weights, config),
        groups=_group_table(forecast, outcome, members, weights),
        summary=_summary(outcome, tenths),
    )


def _random_order(keys: list[Any], seed: int) -> npt.NDArray[np.int64]:
    """Return an order drawn with the seed that does not depend on the order of the rows given."""
    return np.lexsort(keys)[np.random.default_rng(seed).permutation(len(keys[-1]))]


MEASURES = ("auc", "top_share")


def _measures(ranking: Ranking, weights: Floats, came: Floats) -> tuple[float, float]:
    hits = weights * came
    return ranking.auc(weights, came), float(ranking.flags(weights, TOP_SHARE).dot(hits) / max(hits.sum(), 1))


def _measure_table(methods: list[str], drawn: Floats, columns: tuple[str, str]) -> pd.DataFrame:
    """Return each measure of each method [resamples, methods, measures] with its interval."""
    lo, hi = interval(drawn[1:])
    rows = [
        (method, measure, drawn[0, m, k], lo[m, k], hi[m, k])
        for k, measure in enumerate(MEASURES)
        for m, method in enumerate(methods)
    ]
    return pd.DataFrame(rows, columns=[columns[0], "measure", columns[1], "lo", "hi"])


def _calibration(forecast: Floats, came: Floats) -> pd.DataFrame:
    order = np.argsort(forecast, kind="stable")
    rows = []
    for tenth, part in enumerate(np.array_split(order, TENTHS)):
        if len(part):
            lo, hi = wilson(came[part].mean(), len(part))
            rows.append((tenth + 1, len(part), forecast[part].mean(), came[part].mean(), lo, hi))
    table = pd.DataFrame(rows, columns=["tenth", "people", "forecast", "came", "lo", "hi"])
    return table.assign(is_within=table["forecast"].between(table["lo"], table["hi"]))


@dataclass(frozen=True, slots=True)
class _Members:
    """Group membership: names of (attribute, group), and a 0/1 matrix of people × groups."""

    names: list[tuple[str, str]]
    within: Floats

    def sums(self, values: Floats) -> Floats:
        """Return the sum of values per group."""
        return values @ self.within


def _members(stated: pd.DataFrame) -> _Members:
    names, columns = [], []
    for attribute in stated:
        for group in sorted(stated[attribute].unique()):
            names.append((str(attribute), group))
            columns.append(stated[attribute].eq(group).to_numpy(np.float64))
    return _Members(names, np.array(columns, dtype=np.float64).reshape(len(names), len(stated)).T)


def _false_positives(flags: Floats, free: Floats, members: _Members) -> tuple[Floats, Floats]:
    """Return the false-positive rate of each group, and its difference from that of everybody else."""
    flagged, all_free = flags * free, free.sum()
    wrongly, within = members.sums(flagged), members.sums(free)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = wrongly / within
        return own, own - (flagged.sum() - wrongly) / (all_free - within)


def _gap_table(
    rankings: dict[str, Ranking], came: Floats, members: _Members, weights: list[Floats], config: PeopleTrialConfig
) -> pd.DataFrame:
    """Return false-positive rates of groups if both scores flag the same share of people."""
    compared = [SCORE] + [PUBLISHED] * (PUBLISHED in rankings)
    people, free = members.sums(np.ones(len(came))), members.sums(1 - came)
    parts = []
    for share in config.flagged_shares:
        drawn = np.array(
            [
                [_false_positives(rankings[name].flags(w, share), w * (1 - came), members) for name in compared]
                for w in weights
            ]
        )  # resample, method, (rate, gap), group
        gap = np.abs(drawn[:, :, 1])
        excess = gap[:, 0] - gap[:, -1] if len(compared) > 1 else np.full_like(gap[:, 0], np.nan)
        is_few = (people < SUPPRESSED_BELOW) | (free < SUPPRESSED_BELOW)
        excess[:, is_few] = np.nan
        # A resample without members of a group has no rate; a column with only such resamples is suppressed.
        lo, hi = interval(np.where(np.isnan(excess[0]), 0, excess[1:]))
        table = pd.DataFrame(members.names, columns=["attribute", "group"]).assign(
            flagged_share=share, people=people.astype(int), without_outcome=free.astype(int)
        )
        for m, name in enumerate(("score", "published")):
            shown = drawn[0, m] if m < len(compared) else np.full_like(drawn[0, 0], np.nan)
            table[f"{name}_fpr"], table[f"{name}_gap"] = np.where(is_few, np.nan, shown)
        table = table.assign(excess=excess[0], lo=lo, hi=hi)
        table["verdict"] = np.select(
            [is_few, np.isnan(excess[0]), table["lo"] > 0, table["hi"] < 0],
            ["too few", "", "wider", "narrower"],
            "level",
        )
        unknown = np.isnan(excess[0])
        table.loc[unknown, ["lo", "hi"]] = np.nan
        table.loc[is_few, ["people", "without_outcome"]] = 0
        parts.append(table)
    columns = ["flagged_share", "attribute", "group", "people", "without_outcome", "score_fpr", "score_gap"]
    return pd.concat(parts, ignore_index=True)[
        [*columns, "published_fpr", "published_gap", "excess", "lo", "hi", "verdict"]
    ]


def _group_table(forecast: Floats, came: Floats, members: _Members, weights: list[Floats]) -> pd.DataFrame:
    """Return forecast and observed outcomes by group."""
    people = members.sums(np.ones(len(came)))
    is_few = people < SUPPRESSED_BELOW
    many = np.where(people > 0, people, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = np.array([members.sums(w * (came - forecast)) / members.sums(w) for w in weights[1:]])
    lo, hi = interval(np.where(is_few, 0, drawn))
    table = pd.DataFrame(members.names, columns=["attribute", "group"]).assign(
        people=people.astype(int), came=members.sums(came) / many, forecast=members.sums(forecast) / many, lo=lo, hi=hi
    )
    table.loc[is_few, ["came", "forecast", "lo", "hi"]] = np.nan
    table.loc[is_few, "people"] = 0
    return table


def _summary(came: Floats, tenths: pd.DataFrame) -> pd.DataFrame:
    error = (tenths["people"] * (tenths["forecast"] - tenths["came"]).abs()).sum() / len(came)
    measures = {
        "people": float(len(came)),
        "share with the outcome": float(came.mean()),
        "tenths whose forecast lies in their 95% interval": float(tenths["is_within"].sum()),
        "mean distance of forecast and outcome by tenths": float(error),
    }
    return pd.DataFrame(measures.items(), columns=["measure", "value"])
