"""Trials of the rate of offending on real people's records, beside a published risk score and a plain count of priors.

The rate is the gamma-Poisson posterior mean of `models.statistics.empirical_bayes`: events over years
at risk, its prior fitted on everybody in the file. Where all are in it because of one more event, that event counts,
too, and the fit is zero-truncated. No outcome and no group attribute is known to the score: `score_records` takes
two columns and refuses any other. Group attributes serve the audit alone (Hardt, Price and Srebro 2016 on
false-positive rates).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from models.statistics.empirical_bayes import fit_gamma_prior, posterior
from models.statistics.paired_bootstrap import Floats, Ranking, interval, rank_score, resamples

KNOWN = ("priors", "years_at_risk")  # all that a score may know
RATE, FIXED_RATE, PUBLISHED, PRIORS = "rate", "(priors + 1) / (years + 2)", "published score", "count of priors"
TOP_SHARE = 0.05
SUPPRESSED_BELOW = 10  # people; smaller groups are named without a figure
TENTHS = 10
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class PeopleTrialConfig:
    """How the trial is made: shares of people flagged when groups are compared, resamples, seed."""

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
    """What a trial found for one outcome; every interval has 95% and comes from the same resamples.

    scores : method, measure (auc, top_share), value, lo, hi; top_share is the share of outcomes in the top 5%.
    differences : against, measure, difference, lo, hi; of the rate less the method.
    calibration : tenth (1 has the least), people, forecast, came.
    gaps : flagged_share, attribute, group, people, without_outcome, rate_fpr, rate_gap, published_fpr, published_gap,
        excess, lo, hi, verdict. A gap is the group's false-positive rate less that of everybody else; excess is the
        rate's gap less the published score's, both without sign; verdict is narrower, wider, level or too few.
    groups : attribute, group, people, came, forecast, lo, hi; the interval is that of came less forecast.
    summary : measure, value.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    gaps: pd.DataFrame
    groups: pd.DataFrame
    summary: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Scored:
    """The rates of everybody: posterior shape and rate, from which mean and chances follow."""

    shape: Floats
    rate: Floats

    @property
    def mean(self) -> Floats:
        return self.shape / self.rate

    def chance(self, years: float) -> Floats:
        """Chance of at least one event within `years`."""
        return 1 - (self.rate / (self.rate + years)) ** self.shape


def score_records(known: pd.DataFrame, *, index_events: int) -> Scored:
    """Give everybody a rate of events per year at risk.

    Parameters
    ----------
    known : priors (events, ≥ 0) and years_at_risk (≥ 0), and nothing else.
    index_events : how many events beyond the priors brought everybody into the file; 0 where all at risk are in it.

    Raises
    ------
    ValueError : a column is missing or unexpected, or a value is negative or missing.
    """
    if set(known.columns) != set(KNOWN):
        raise ValueError(f"columns {sorted(known.columns)}: a score knows {' and '.join(KNOWN)} and nothing else")
    count, years = known["priors"] + index_events, known["years_at_risk"]
    prior = fit_gamma_prior(count, years, zero_truncated=index_events > 0)
    return Scored(*posterior(prior, count, years))


def evaluate_people(
    known: pd.DataFrame,
    came: npt.ArrayLike,
    published: npt.ArrayLike | None,
    attributes: pd.DataFrame,
    *,
    index_events: int,
    horizon_years: float,
    config: PeopleTrialConfig,
) -> PeopleTrial:
    """Score everybody on `known` alone and compare with what came.

    Parameters
    ----------
    known : see `score_records`; all other arguments have its length.
    came : 1 where the outcome came within the horizon, else 0.
    published : the risk score to be compared with, greater for more risk; None where there is none.
    attributes : a column for each kind of group, for the audit.

    Raises
    ------
    ValueError : see `score_records`; or came is not 0 and 1, or nobody or everybody has the outcome.
    """
    outcome = np.asarray(came, dtype=np.float64)
    if not (np.isin(outcome, (0, 1)).all() and 0 < outcome.mean() < 1):
        raise ValueError("the outcome has to be 0 or 1, and some people have to have it and some not")
    scored = score_records(known, index_events=index_events)
    priors, years = known["priors"].to_numpy(np.float64), known["years_at_risk"].to_numpy(np.float64)
    scores = {RATE: scored.mean, FIXED_RATE: (priors + 1) / (years + 2), PRIORS: priors}
    if published is not None:
        scores[PUBLISHED] = np.asarray(published, dtype=np.float64)
    rankings = {method: rank_score(score) for method, score in scores.items()}
    multiple = _multiple(scored, outcome, horizon_years)
    forecast = scored.chance(multiple * horizon_years)
    weights = list(resamples(len(outcome), config.resamples, config.seed))
    drawn = np.array([[_measures(ranking, w, outcome) for ranking in rankings.values()] for w in weights])
    members = _members(attributes)
    return PeopleTrial(
        scores=_score_table(list(rankings), drawn),
        differences=_difference_table(list(rankings), drawn),
        calibration=_calibration(forecast, outcome),
        gaps=_gap_table(rankings, outcome, members, weights, config),
        groups=_group_table(forecast, outcome, members, weights),
        summary=_summary(outcome, multiple, forecast),
    )


MEASURES = ("auc", "top_share")


def _measures(ranking: Ranking, weights: Floats, came: Floats) -> tuple[float, float]:
    hits = weights * came
    return ranking.auc(weights, came), float(ranking.flags(weights, TOP_SHARE).dot(hits) / max(hits.sum(), 1))


def _score_table(methods: list[str], drawn: Floats) -> pd.DataFrame:
    lo, hi = interval(drawn[1:])
    rows = [
        (method, measure, drawn[0, m, k], lo[m, k], hi[m, k])
        for k, measure in enumerate(MEASURES)
        for m, method in enumerate(methods)
    ]
    return pd.DataFrame(rows, columns=["method", "measure", "value", "lo", "hi"])


def _difference_table(methods: list[str], drawn: Floats) -> pd.DataFrame:
    ahead = drawn[:, :1] - drawn[:, 1:]
    lo, hi = interval(ahead[1:])
    rows = [
        (method, measure, ahead[0, m, k], lo[m, k], hi[m, k])
        for k, measure in enumerate(MEASURES)
        for m, method in enumerate(methods[1:])
    ]
    return pd.DataFrame(rows, columns=["against", "measure", "difference", "lo", "hi"])


def _multiple(scored: Scored, came: Floats, years: float) -> float:
    """How many times its rate everybody would have to be given for as many outcomes to be foretold as came."""

    def surplus(log_multiple: float) -> float:
        return float(scored.chance(np.exp(log_multiple) * years).mean() - came.mean())

    return float(np.exp(brentq(surplus, -20, 20)))


def _calibration(forecast: Floats, came: Floats) -> pd.DataFrame:
    order = np.argsort(forecast, kind="stable")
    rows = [
        (tenth + 1, len(part), forecast[part].mean(), came[part].mean())
        for tenth, part in enumerate(np.array_split(order, TENTHS))
        if len(part)
    ]
    return pd.DataFrame(rows, columns=["tenth", "people", "forecast", "came"])


@dataclass(frozen=True, slots=True)
class _Members:
    """Who belongs to which group: names of (attribute, group), and people × groups of 0 and 1."""

    names: list[tuple[str, str]]
    within: Floats

    def sums(self, values: Floats) -> Floats:
        return values @ self.within


def _members(attributes: pd.DataFrame) -> _Members:
    names, columns = [], []
    for attribute in attributes:
        stated = attributes[attribute].astype(object).where(attributes[attribute].notna(), NOT_STATED).astype(str)
        for group in sorted(stated.unique()):
            names.append((str(attribute), group))
            columns.append(stated.eq(group).to_numpy(np.float64))
    return _Members(names, np.array(columns, dtype=np.float64).reshape(len(names), len(attributes)).T)


def _false_positives(flags: Floats, free: Floats, members: _Members) -> tuple[Floats, Floats]:
    """False-positive rate of each group, and what it is above that of everybody else."""
    flagged, all_free = flags * free, free.sum()
    wrongly, within = members.sums(flagged), members.sums(free)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = wrongly / within
        return own, own - (flagged.sum() - wrongly) / (all_free - within)


def _gap_table(
    rankings: dict[str, Ranking], came: Floats, members: _Members, weights: list[Floats], config: PeopleTrialConfig
) -> pd.DataFrame:
    """False-positive rates of groups where the same share of people is flagged by either score."""
    compared = [RATE] + [PUBLISHED] * (PUBLISHED in rankings)
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
        # Without anybody in a resample there is no rate; a whole column of such is a group too small to be shown.
        lo, hi = interval(np.where(np.isnan(excess[0]), 0, excess[1:]))
        table = pd.DataFrame(members.names, columns=["attribute", "group"]).assign(
            flagged_share=share, people=people.astype(int), without_outcome=free.astype(int)
        )
        for m, name in enumerate(("rate", "published")):
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
    columns = ["flagged_share", "attribute", "group", "people", "without_outcome", "rate_fpr", "rate_gap"]
    return pd.concat(parts, ignore_index=True)[
        [*columns, "published_fpr", "published_gap", "excess", "lo", "hi", "verdict"]
    ]


def _group_table(forecast: Floats, came: Floats, members: _Members, weights: list[Floats]) -> pd.DataFrame:
    """Whether what was foretold came, group by group."""
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


def _summary(came: Floats, multiple: float, forecast: Floats) -> pd.DataFrame:
    tenths = _calibration(forecast, came)
    error = (tenths["people"] * (tenths["forecast"] - tenths["came"]).abs()).sum() / len(came)
    measures = {
        "people": float(len(came)),
        "share with the outcome": float(came.mean()),
        "outcomes for each event foretold": multiple,
        "mean distance of forecast and outcome by tenths": float(error),
    }
    return pd.DataFrame(measures.items(), columns=["measure", "value"])
