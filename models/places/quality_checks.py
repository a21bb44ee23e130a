"""Checks of a run: is there enough good input for a ranking, and what has to be said on top of it.

The checks of the input stand between input and publication: one that fails refuses the run. The checks of the ranking
only warn. 85% of incidents located is the floor at which a map of crime stops changing visibly: Ratcliffe 2004,
International Journal of Geographical Information Science 18:61.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from models.checks import expect
from models.places.axes import AXES

Outcome = Literal["passed", "warning", "failed"]
COLUMNS = ["check_name", "value", "limit_value", "unit", "outcome", "detail", "way_out"]
RANKED = "ranked_incidents"  # its value and unit are what later runs compare with
OF_RANKING = ("record_days", "earlier_origins", "few_residents")  # measures of data_quality, with any suffix
SHOWN = 5  # areas named in a sentence, at most


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Limits of the checks of a run's input."""

    located_share: float
    outside_share: float
    newest_days: int
    unstated_share: float
    axes_share: float
    fall_share: float
    warn_at: float

    def __post_init__(self) -> None:
        for name in ("located_share", "outside_share", "unstated_share", "axes_share", "fall_share", "warn_at"):
            expect(0 <= getattr(self, name) <= 1, "quality.", self, name, "a share from 0 to 1")
        expect(self.newest_days >= 1, "quality.", self, "newest_days", "a number of days, at least 1")


@dataclass(frozen=True, slots=True)
class InputMeasures:
    """What was counted of a run's input.

    Attributes
    ----------
    days_ahead : int
        local days from today to the day of the run; negative for a past day.
    window_days : int
        days before as_of in which incidents count.
    incidents, outside, unknown_area : int
        incidents in the window; those with a point outside every area; those with neither a point nor a known area.
    ranked, unstated : int
        incidents in the window that lie in an area, were not discovered by police and weigh more than zero; those
        among them whose offence is of an unstated kind.
    read, unlocated : int
        incidents that are known or wait for want of a usable location, of any day; those that wait.
    newest_age_days : int | None
        local days between the fifth newest incident that can raise a rank and the day of the run; None without any.
    ranked_before : Sequence[float]
        `ranked` of the last kept runs with the same window, the latest first.
    weights : Mapping[str, float]
        weight of each axis.
    missing_axes, assumed_axes : Sequence[str]
        axes without data, and those with data that rest on an assumption.
    unreachable : Sequence[str]
        sources that did not answer before the run.
    """

    days_ahead: int
    window_days: int
    incidents: int
    outside: int
    unknown_area: int
    ranked: int
    unstated: int
    read: int
    unlocated: int
    newest_age_days: int | None
    ranked_before: Sequence[float]
    weights: Mapping[str, float]
    missing_axes: Sequence[str]
    assumed_axes: Sequence[str]
    unreachable: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    value: float | None
    limit: float
    unit: str
    outcome: Outcome
    detail: str
    way_out: str


def check_input(measures: InputMeasures, config: QualityConfig) -> pd.DataFrame:
    """Check the input of a run; a failed check refuses the run.

    Parameters
    ----------
    measures : InputMeasures
        what was counted.
    config : QualityConfig
        the limits.

    Returns
    -------
    pd.DataFrame
        one row for each check: check_name, value and limit_value (in `unit`), unit, outcome (passed, warning, failed),
        detail, way_out (null if the check is passed).
    """
    checks = (
        *([_unreachable(measures)] if measures.unreachable else []),
        _day(measures),
        _newest(measures, config),
        _located(measures, config),
        _outside(measures, config),
        _ranked(measures),
        _unstated(measures, config),
        _axes(measures, config),
        _fall(measures, config),
    )
    return _frame(checks)


def check_ranking(area_ranking: pd.DataFrame, top_k: int) -> pd.DataFrame:
    """Check what a ranking can be used for; these checks only warn.

    Parameters
    ----------
    area_ranking : pd.DataFrame
        area_name, rank, is_listed, rank_without_ratio, is_staffing_assumed and is_staffing_partial of every area.
    top_k : int
        size of the target list.

    Returns
    -------
    pd.DataFrame
        rows as those of `check_input`.
    """
    return _frame((_list_size(len(area_ranking), top_k), _staffing(area_ranking, top_k)))


def check_forecasts(record: pd.DataFrame) -> pd.DataFrame:
    """Check whether the latest forecast that has come due was right; this check only warns.

    Parameters
    ----------
    record : pd.DataFrame
        is_off and off_because of each forecast that has come due, the latest last.

    Returns
    -------
    pd.DataFrame
        rows as those of `check_input`; none while no forecast has come due.
    """
    if record.empty:
        return _frame(())
    is_off, why = bool(record["is_off"].iloc[-1]), record["off_because"].iloc[-1]
    return _frame(
        (
            _Check(
                "forecast_right", float(is_off), 1, "flags", "warning" if is_off else "passed",
                f"Earlier forecasts were wrong: {why}." if is_off
                else "The latest forecast whose days are over was not shown to be wrong.",
                "See `harmspot show outcomes`; do not rely on the forecast's figures until they are right again.",
            ),
        )
    )  # fmt: skip


def check_set(area_set: str, incidents: int, outside: int, ranked: int, config: QualityConfig) -> pd.DataFrame:
    """Check whether a further set of areas can be ranked; one that cannot is left out, and the run goes on.

    Parameters
    ----------
    area_set : str
        name of the set.
    incidents, outside, ranked : int
        incidents in the window; those outside every area of the set; those that can raise a rank in it.
    config : QualityConfig
        the limits.

    Returns
    -------
    pd.DataFrame
        one row as those of `check_input`; its outcome is passed or warning.
    """
    share, limit = outside / max(incidents, 1), config.outside_share
    is_fit = share <= limit and ranked > 0
    said = f"{_percent(share)} of incidents lie outside every area of set {area_set}, {ranked:,} can be ranked in it"
    check = _Check(
        f"further_set_{area_set}", share, limit, "share of incidents", "passed" if is_fit else "warning",
        f"{said}." if is_fit else f"{said}: it is not ranked (at most {_percent(limit)} may lie outside).",
        f"Correct force.areas.further.{area_set}, or leave the set out.",
    )  # fmt: skip
    return _frame((check,))


def refusal(checks: pd.DataFrame) -> str | None:
    """Return what is wrong and the way out, of each failed check; None if none failed."""
    failed = checks[checks["outcome"] == "failed"]
    return "\n".join(f"- {row.detail} {row.way_out}" for row in failed.itertuples()) or None


def warnings(checks: pd.DataFrame) -> list[str]:
    """Return the sentences of the checks that failed or warn."""
    return checks.loc[checks["outcome"] != "passed", "detail"].tolist()


def warnings_of_ranking(quality: pd.DataFrame) -> list[str]:
    """Return the sentences of `data_quality` that warn of what the ranking rests on (`OF_RANKING`)."""
    is_of_ranking = quality["measure"].str.startswith(OF_RANKING)
    return quality.loc[is_of_ranking & quality["is_warning"].astype(bool), "detail"].tolist()


def _frame(checks: Sequence[_Check]) -> pd.DataFrame:
    rows = [
        (each.name, each.value, each.limit, each.unit, each.outcome, each.detail,
         None if each.outcome == "passed" else each.way_out)
        for each in checks
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS).astype({"value": float, "limit_value": float, "way_out": object})


def _outcome(value: float, limit: float, config: QualityConfig) -> Outcome:
    """Return the outcome of a measure that may not exceed `limit`, and warns from a share of it."""
    return "failed" if value > limit else "warning" if value > config.warn_at * limit else "passed"


def _day(measures: InputMeasures) -> _Check:
    ahead = max(measures.days_ahead, 0)
    return _Check(
        "day_has_begun", ahead, 0, "days", "failed" if ahead else "passed",
        f"The day of the run is {_days(ahead)} after today." if ahead else "The day of the run has begun.",
        "Give --as-of a day that has begun, or set the clock right.",
    )  # fmt: skip


def _unreachable(measures: InputMeasures) -> _Check:
    """Warn of a run that goes on without its sources (`ingest.when_unreachable: publish`)."""
    return _Check(
        "sources_answer", len(measures.unreachable), 0, "sources", "warning",
        "These sources did not answer before the run, and what they sent since they were read last is missing: "
        f"{', '.join(measures.unreachable)}.",
        "Start the broker or mend the network, then run again.",
    )  # fmt: skip


def _newest(measures: InputMeasures, config: QualityConfig) -> _Check:
    age, limit = measures.newest_age_days, config.newest_days
    return _Check(
        "newest_incident", age, limit, "days", "failed" if age is None else _outcome(age, limit, config),
        "No incident that can be ranked is dated before the day of the run." if age is None
        else f"The newest incidents are {_days(age)} old on the day of the run; at most {_days(limit)} are allowed.",
        "Load what is missing, or give --as-of a day just after the last incident.",
    )  # fmt: skip


def _located(measures: InputMeasures, config: QualityConfig) -> _Check:
    """Count as located what has a point or a known area, among the incidents of the window and among all read."""
    of_incidents = 1 - measures.unknown_area / max(measures.incidents, 1)
    of_read = 1 - measures.unlocated / max(measures.read, 1)
    share, limit = of_incidents * of_read, config.located_share
    return _Check(
        "located", share, limit, "share of incidents", _outcome(1 - share, 1 - limit, config),
        f"{_percent(share)} of incidents are located, at least {_percent(limit)} are needed: "
        f"{measures.unknown_area:,} of {measures.incidents:,} in the window name an area that the map does not have, "
        f"and {measures.unlocated:,} of {measures.read:,} of any day wait without a usable location.",
        "Set force.areas.id_column to the ids that the incidents name, or correct the columns of the location in the "
        "mapping and replay; `harmspot dead-letters` lists what waits.",
    )  # fmt: skip


def _outside(measures: InputMeasures, config: QualityConfig) -> _Check:
    share, limit = measures.outside / max(measures.incidents, 1), config.outside_share
    return _Check(
        "outside_map", share, limit, "share of incidents", _outcome(share, limit, config),
        f"{_percent(share)} of incidents lie outside every area ({measures.outside:,} of {measures.incidents:,}); "
        f"at most {_percent(limit)} may.",
        "Is it this city's file, and this city's map (force.areas.path)? If x and y are swapped, "
        "correct them in the mapping, and load the file into a new home.",
    )  # fmt: skip


def _ranked(measures: InputMeasures) -> _Check:
    return _Check(
        RANKED, measures.ranked, 1, ranked_unit(measures.window_days), "passed" if measures.ranked else "failed",
        f"{measures.ranked:,} of {measures.incidents:,} incidents in the {measures.window_days} days before the day of "
        "the run can be ranked: they lie in an area, weigh more than zero, and were not discovered by police.",
        "Load incidents of these days, or give --as-of a day that follows them.",
    )  # fmt: skip


def ranked_unit(window_days: int) -> str:
    """Return the unit of the count of ranked incidents; counts of another window have another."""
    return f"incidents in {window_days} days"


def _unstated(measures: InputMeasures, config: QualityConfig) -> _Check:
    share, limit = measures.unstated / max(measures.ranked, 1), config.unstated_share
    return _Check(
        "kind_unstated", share, limit, "share of ranked incidents", _outcome(share, limit, config),
        f"{_percent(share)} of ranked incidents are offences of an unstated kind, whose measure and weight are missing "
        f"or assumed; at most {_percent(limit)} may be.",
        "Give their words a code of their own in the mapping's table of offences, then load the file again.",
    )  # fmt: skip


def _axes(measures: InputMeasures, config: QualityConfig) -> _Check:
    """Weigh the axes that have no data or rest on an assumption; say where the weight of the former goes."""
    doubtful = [axis for axis in AXES if axis in {*measures.missing_axes, *measures.assumed_axes}]
    share, limit = sum(measures.weights[axis] for axis in doubtful), config.axes_share
    outcome = _outcome(round(share, 9), limit, config)
    spread = [axis for axis in AXES if axis in measures.missing_axes and measures.weights[axis] > 0]
    parts = [
        "no measure has data" if len(measures.missing_axes) == len(AXES)
        else f"{_words(spread)} has no data, so its weight is spread over the other measures" if len(spread) == 1
        else f"{_words(spread)} have no data, so their weights are spread over the other measures" if spread else "",
        f"{_words(measures.assumed_axes)} rests on an assumption" if measures.assumed_axes else "",
    ]  # fmt: skip
    said = "; ".join(part for part in parts if part) or "every measure has data"
    return _Check(
        "axes_with_data", share, limit, "share of weight",
        "warning" if outcome == "passed" and spread else outcome,
        f"{said[:1].upper()}{said[1:]} ({_percent(share)} of the weight is missing or assumed; "
        f"at most {_percent(limit)} may be).",
        "Load what the measure counts, report staffing, or set the weight of a measure that you will never have to 0 "
        "in places.weights.",
    )  # fmt: skip


def _fall(measures: InputMeasures, config: QualityConfig) -> _Check:
    """Compare with the latest kept run or the median of the last, whichever has fewer: a new level is new once."""
    count = len(measures.ranked_before)
    latest_first = pd.Series(measures.ranked_before, dtype=float)
    before = float(min(latest_first.median(), latest_first.iloc[0])) if count else 0.0
    share = max(1 - measures.ranked / before, 0.0) if before > 0 else 0.0
    return _Check(
        "fall_of_incidents", share, config.fall_share, "share of incidents",
        _outcome(share, config.fall_share, config),
        f"{measures.ranked:,} incidents are ranked, {_percent(share)} fewer than before ({before:,.0f} in the latest "
        f"or usual kept run); a fall of at most {_percent(config.fall_share)} is allowed."
        if before > 0 else "No kept run with the same window to compare the number of incidents with.",
        "Load what is missing. If the fall is real, raise quality.fall_share until a run of the new level is kept.",
    )  # fmt: skip


def _list_size(area_count: int, top_k: int) -> _Check:
    is_choosing = top_k < area_count
    return _Check(
        "list_chooses", top_k, area_count - 1, "areas", "passed" if is_choosing else "warning",
        f"The target list holds the areas that are probably among the worst {top_k} of {area_count}, be they more or "
        f"fewer than {top_k}."
        if is_choosing
        else f"All of {area_count} areas are among the worst {top_k}: the target list would choose nothing, so no area "
        "is listed.",
        "Set places.top_k below the number of areas.",
    )  # fmt: skip


def _staffing(area_ranking: pd.DataFrame, top_k: int) -> _Check:
    """Compare the target list with the ranks without crimes per officer-hour, where hours are assumed or partial."""
    is_listed = area_ranking["is_listed"].astype(bool)
    doubts = {
        "assumed": bool(area_ranking["is_staffing_assumed"].any()),
        "partly reported": bool(area_ranking.get("is_staffing_partial", pd.Series(dtype=bool)).any()),
    }
    doubt = " or ".join(name for name, is_so in doubts.items() if is_so) or "assumed"
    is_doubtful = any(doubts.values()) and is_listed.any()
    is_first, is_first_without = (area_ranking[name] <= top_k for name in ("rank", "rank_without_ratio"))
    put_on, kept_off = (
        area_ranking["area_name"][changes] if is_doubtful else area_ranking["area_name"][:0]
        for changes in (is_listed & is_first & ~is_first_without, ~is_listed & ~is_first & is_first_without)
    )
    parts = [f"put {_names(put_on)} on" if len(put_on) else "", f"keep {_names(kept_off)} off" if len(kept_off) else ""]
    said = " and ".join(part for part in parts if part)
    return _Check(
        "staffing_decides", len(put_on) + len(kept_off), 0, "areas", "warning" if said else "passed",
        f"{doubt.capitalize()} officer hours {said} the target list: without crimes per officer-hour the list would be "
        "different." if said else f"No place on the target list depends on {doubt} officer hours.",
        "Report staffing, or set the weight of ratio to 0 in places.weights.",
    )  # fmt: skip


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _names(areas: "pd.Series[str]") -> str:
    more = f" and {len(areas) - SHOWN} more" if len(areas) > SHOWN else ""
    return f"{', '.join(areas.iloc[:SHOWN])}{more}"


def _words(axes: Sequence[str]) -> str:
    *first, last = (AXES[axis].words for axis in axes)
    return f"{', '.join(first)} and {last}" if first else last


def _percent(share: float) -> str:
    """Return a share as text; a share that is not whole is never shown as 0% or 100%."""
    text = f"{share:.1%}" if 0 < share < 1 else f"{share:.0%}"
    return {"0.0%": "less than 0.1%", "100.0%": "more than 99.9%"}.get(text, text)
