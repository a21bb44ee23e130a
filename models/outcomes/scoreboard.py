"""The scoreboard, by harm: what was reported, what was promised and kept, who was offered help and stayed.

What gets measured is what gets done: neither arrests nor seizures are a success here. Shares have their denominators
and intervals.
"""

import numpy as np
import pandas as pd

from models.outcomes.ledger import AVERTED, averted_by_operations
from models.outcomes.periods import (
    few_people,
    first_reason,
    in_periods,
    local_days,
    recorded_from,
    total,
    unless_recorded,
    unrecorded,
    with_reasons,
)
from models.statistics.intervals import shares

START_H, RETAINED_DAYS = 72, 84
STEPS = ("referral_offered", "referral_accepted", "referral_started", "referral_retained")
RATIO = ("arrests_per_harm_averted", "arrests_per_harm_averted_lo", "arrests_per_harm_averted_hi")
UNANSWERED = "half of the violations or more are unanswered"
NOT_SHOWN = "it is not shown that harm was averted: the interval is not above zero"
OF = {  # figure of offers → those that it is a part of
    "diversions_named": "diversions_offered",
    "diversions_accepted": "diversions_named",
    "diversions_start_due": "diversions_accepted",
    "started_in_72h": "diversions_start_due",
    "retention_due": "diversions_start_due",
    "retained_12_weeks": "retention_due",
}
TOLD = {
    "treatment_started": ("referral_started", "start of treatment"),
    "treatment_retained": ("referral_retained", "stay of 12 weeks in treatment"),
}


def scoreboard(
    periods: pd.DataFrame,
    incidents: pd.DataFrame,
    promises: pd.DataFrame,
    answers: pd.DataFrame,
    diversions: pd.DataFrame,
    arrests: pd.DataFrame,
    displacement: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    time_zone: str,
) -> pd.DataFrame:
    """Return table scoreboard: harm and how it was met, by month, area and operation.

    Parameters
    ----------
    periods : DataFrame
        As `models.outcomes.periods.make_periods` returns.
    incidents : DataFrame
        area_id (missing outside every area), on (local day), incidents, harm (harm points), public_calls: of a day.
    promises, answers : DataFrame
        As `models.operations.promises.track_promises` returns, of all months.
    diversions : DataFrame
        kind (STEPS), person_id (missing where unnamed), area_id, at (UTC), on, count (of what it sums up).
    arrests : DataFrame
        area_id, on, count.
    displacement : DataFrame
        Table displacement.
    as_of : Timestamp
        The clock (UTC).
    time_zone : str
        Zone of the local days.

    Returns
    -------
    DataFrame
        One row per period. Offers of help, and what became of them, are of the period of the offer; a violation, and
        its answer, of that of the violation.
    """
    begin = recorded_from(periods, incidents, diversions, arrests)
    days = (periods["to_on"] - begin).dt.days.add(1).fillna(0).astype(int)
    table, reasons = periods.assign(recorded_from=begin, days=days), dict[str, pd.Series]()
    counted = in_periods(incidents, periods)
    for name in ("incidents", "harm", "public_calls"):
        table[name] = total(counted, periods, name)
    reasons["incidents, harm, public_calls"] = unless_recorded(incidents, periods, "incident")
    settled = promises[promises["status"].isin(["kept", "broken"])]
    due = in_periods(settled.assign(on=pd.to_datetime(settled["due_on"])), periods)
    table["promises_due"] = total(due, periods)
    table["promises_kept"] = total(due[due["status"] == "kept"], periods)
    announced = promises.assign(on=local_days(promises["announced_at"], time_zone))
    unannounced = unless_recorded(announced, periods, "announcement")
    reasons["promises_due, promises_kept"] = unannounced
    violated = answers.assign(on=local_days(answers["violated_at"], time_zone))
    of_period = in_periods(violated, periods)
    table["violations"] = total(of_period, periods)
    hours = of_period["hours"].astype(float)
    table["violations_answered"] = total(of_period[hours.notna()], periods)
    waits = hours.fillna(np.inf).groupby(of_period["period"])
    table["median_consequence_h"] = waits.median().reindex(range(len(periods)))
    reasons["violations, violations_answered"] = unannounced
    is_longer = np.isinf(table["median_consequence_h"])
    reasons["median_consequence_h"] = first_reason(unannounced, is_longer.map({True: UNANSWERED}))
    _add_diversions(table, reasons, diversions, periods, as_of)
    table["arrests"] = total(in_periods(arrests, periods), periods, "count")
    reasons["arrests"] = unless_recorded(arrests, periods, "arrest")
    _add_ratio(table, reasons, arrests, averted_by_operations(periods, displacement, time_zone))
    table = with_reasons(table, reasons)
    return table.assign(
        **shares("promises_kept_share", table["promises_kept"], table["promises_due"]),
        **shares("accepted_share", table["diversions_accepted"], table["diversions_named"]),
        **shares("started_share", table["started_in_72h"], table["diversions_start_due"]),
        **shares("retained_share", table["retained_12_weeks"], table["retention_due"]),
    )


def follow_diversions(diversions: pd.DataFrame) -> pd.DataFrame:
    """Return each offer of help with when it was accepted, started and retained: by the same person, before the next.

    Parameters
    ----------
    diversions : DataFrame
        As of `scoreboard`. Whether somebody stayed is a step of the treatment that last began.

    Returns
    -------
    DataFrame
        Rows of kind referral_offered with accepted_at, started_at, retained_at (UTC, missing where it did not happen
        or the offer names nobody). Whoever started has accepted.
    """
    offers = diversions[diversions["kind"] == STEPS[0]].sort_values("at", kind="stable").reset_index(drop=True)
    offers = offers.assign(offer=offers.index)
    named = diversions.dropna(subset=["person_id"]).sort_values("at", kind="stable")
    before, found = offers.dropna(subset=["person_id"]), {}
    for step, name in zip(STEPS[1:], ("accepted_at", "started_at", "retained_at"), strict=True):
        own = named[named["kind"] == step][["person_id", "at"]].astype({"person_id": object})
        onto = before[["person_id", "at", "offer"]].astype({"person_id": object})
        matched = (
            pd.merge_asof(own, onto, on="at", by="person_id") if len(own) and len(onto) else own.assign(offer=None)
        )
        found[name] = matched.dropna(subset=["offer"]).groupby("offer")["at"].min()
        if step == "referral_started":
            began = found[name].rename("at").rename_axis("offer").reset_index()
            before = began.merge(offers[["offer", "person_id"]], on="offer").sort_values("at", kind="stable")
    moments = {
        name: pd.to_datetime(pd.Series(at, dtype=object).reindex(offers.index), utc=True) for name, at in found.items()
    }
    return offers.assign(**{**moments, "accepted_at": moments["accepted_at"].fillna(moments["started_at"])})


def _add_diversions(
    table: pd.DataFrame,
    reasons: dict[str, pd.Series],
    diversions: pd.DataFrame,
    periods: pd.DataFrame,
    as_of: pd.Timestamp,
) -> None:
    """Add offers of help and what became of them; a step that was not due by the clock is not asked for."""
    offers = follow_diversions(diversions)
    in_time = pd.Timedelta(hours=START_H)
    is_start_due = offers["accepted_at"].add(in_time).le(as_of)
    is_stay_due = is_start_due & offers["started_at"].add(pd.Timedelta(days=RETAINED_DAYS)).le(as_of)
    flags = {
        "diversions_offered": offers["count"],
        "diversions_named": offers["person_id"].notna(),
        "diversions_accepted": offers["accepted_at"].notna(),
        "diversions_start_due": is_start_due,
        "started_in_72h": is_start_due & (offers["started_at"] - offers["accepted_at"]).le(in_time),
        "retention_due": is_stay_due,
        "retained_12_weeks": is_stay_due & offers["retained_at"].notna(),
    }
    counted = in_periods(offers.assign(**flags), periods)
    never = unless_recorded(offers, periods, "offer of help")
    for name in flags:
        table[name] = total(counted, periods, name).astype(float)
        is_in, outer = counted[name].gt(0), OF.get(name)
        reasons[name] = first_reason(never, few_people(counted[is_in], periods))
        if outer:  # neither a part nor the rest may be of few people
            rest = counted[counted[outer].gt(0) & ~is_in]
            reasons[name] = first_reason(reasons[outer], reasons[name], few_people(rest, periods))
    if not (diversions["kind"] == "referral_retained").any():
        reasons["retained_12_weeks"] = first_reason(never, unrecorded(periods, None, "stay of 12 weeks in treatment"))
    for name, (step, noun) in TOLD.items():
        told = diversions[diversions["kind"] == step]
        of_period = in_periods(told, periods)
        table[name] = total(of_period, periods, "count").astype(float)
        recorded = unless_recorded(told, periods, noun)
        reasons[name] = first_reason(recorded, few_people(of_period, periods))


def _add_ratio(
    table: pd.DataFrame, reasons: dict[str, pd.Series], arrests: pd.DataFrame, averted: pd.DataFrame
) -> None:
    """Add harm averted by operations, and arrests in the measured days per harm point averted, where it is shown."""
    days = pd.to_timedelta(averted["window_days"].sub(1).fillna(0), unit="D")  # the first day is one of them
    measured = table.assign(to_on=table["to_on"].where(averted["window_days"].isna(), table["from_on"] + days))
    count = total(in_periods(arrests, measured), measured, "count").where(averted["harm_averted_lo"] > 0)
    table[list(AVERTED)] = averted[list(AVERTED)]
    for name, of in zip(RATIO, (AVERTED[0], AVERTED[2], AVERTED[1]), strict=True):
        table[name] = count / averted[of]
    is_unsure = (averted[AVERTED[0]].notna() & count.isna()).map({True: NOT_SHOWN})
    reasons[", ".join(AVERTED)] = averted["why"]
    reasons[", ".join(RATIO)] = first_reason(reasons["arrests"], averted["why"], is_unsure)
