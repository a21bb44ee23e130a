"""Crackdowns in order: concentrate on one street market until it tips, maintain it with few hours, move to the next.

Dynamic concentration (Kleiman and Kilmer 2009, PNAS 106:14230): a declared order, a warning, and all hours in one place
tip markets that the same hours, spread out, leave unchanged. The rules follow the replications: few arrests, health
partners told first, a registered outcome, a checklist of fidelity (Saunders, Robbins and Ober 2017, Criminology &
Public Policy 16: of seven trained sites, one worked). The phases are hold → announce → concentrate → maintain; move is
the step between the last two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from models.arrays import Row
from models.checks import expect
from models.operations.benefit import BANDS, BenefitConfig, draw_averted, weigh
from models.operations.history import ON_HOLD, is_over, owed_evaluations
from models.operations.promises import STOPPED, Promises
from models.operations.tipping import draw_hours_needed

TROUBLE = ("dealing", "fear", "paraphernalia", "disorder", "violence")
COVER = 0.8  # share of the draws in which the proposed surge suffices, if the budget allows
UPPER = 0.9  # upper end of an 80% interval
YEAR = 365  # days of reports at a market that are read at most
LEAST_DAYS = 28  # of them before the market was chosen, that a benefit case needs
MOMENTS = ("registered_at", "partners_told_at", "announced_at", "started_at", "maintained_at")
FACTS = (
    "found_by_public_reports", "registered", "partners_told_first", "announced", "lead_time_given", "help_offered",
    "hours_delivered", "answered_in_time", "within_arrest_budget", "maintained",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CrackdownsConfig:
    """Budget, rules and assumptions of operations against street markets."""

    officer_hours_per_day: float
    arrest_budget: int
    maintenance_share: float
    below_days: int
    below_share: float
    baseline_days: int
    minimum_p_tip: float
    partner_lead_days: int
    buffer_m: float
    watch_days: int
    watch_m: float
    sellers_per_weekly_report: float
    cost_lo: float
    cost_hi: float
    sanctions_per_hour: float
    doubt_factor: float
    draws: int

    def __post_init__(self) -> None:
        for field in fields(self):
            expect(getattr(self, field.name) >= 0, "crackdowns.", self, field.name, "zero or more")
        for name in ("below_days", "baseline_days", "draws", "sanctions_per_hour", "sellers_per_weekly_report"):
            expect(getattr(self, name) > 0, "crackdowns.", self, name, "a number above zero")
        is_in_order = 0 < self.cost_lo <= self.cost_hi
        expect(is_in_order, "crackdowns.", self, "cost_lo cost_hi", "costs above zero, the lower first")
        expect(self.doubt_factor > 1, "crackdowns.", self, "doubt_factor", "a factor above one")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Date of the plan, and days between the steps of an operation."""

    today: date
    time_zone: str
    lead_days: int
    operation_days: int

    def day(self, moment: Any) -> date | None:
        """Return the local day of a time, None if it is missing."""
        return None if pd.isna(moment) else moment.tz_convert(ZoneInfo(self.time_zone)).date()


def plan_crackdowns(
    sites: pd.DataFrame,
    operations: pd.DataFrame,
    site_events: pd.DataFrame,
    harm_days: pd.Series,
    promises: Promises,
    helped_areas: Sequence[str],
    checklist: Sequence[Mapping[str, str]],
    *,
    calendar: Calendar,
    seed: int,
    config: CrackdownsConfig,
    benefit: BenefitConfig,
    watch: pd.DataFrame,
) -> pd.DataFrame:
    """Rank the markets and determine the next step of each.

    Parameters
    ----------
    sites : DataFrame
        market_id, area_id, grade (flagrant, suspected, or null if no longer detected), is_provisional, patrol_cell_ids
        (lists), excluded_cell_count.
    operations : DataFrame
        As `models.operations.history.operations_of` returns.
    site_events : DataFrame
        market_id, offence_code, kind (TROUBLE, overdose or null), age_days, is_core (within the market, and not only
        within the watch area around it): reports by public, partners and sensors of the last year.
    harm_days : Series
        Index offence_code.
    promises : Promises
        Promises so far, and whether announcing is allowed.
    helped_areas : sequence of str
        Areas in which help has been offered or provided.
    checklist : sequence of mappings
        item, fact (one of FACTS), due (the phase from which it is due).
    calendar : Calendar
        Date of the plan, and days between the steps.
    seed : int
        Seed of the run; draws are keyed by (seed, market).
    config : CrackdownsConfig
        Budget, rules and assumptions.
    benefit : BenefitConfig
        Assumptions of the benefit case.
    watch : DataFrame
        As `models.operations.overdose_watch.watch_overdoses` returns; copied beside the operations, without effect.

    Returns
    -------
    DataFrame
        The columns of `crackdown_plan` without the run's, by position.

    Raises
    ------
    ValueError
        If the checklist names an unknown fact.
    """
    if unknown := [item["fact"] for item in checklist if item["fact"] not in FACTS]:
        raise ValueError(f"fidelity checklist: fact {unknown[0]!r}: expected one of {', '.join(FACTS)}")
    current = operations[operations["ended_at"].isna()].drop_duplicates("area_id", keep="last").set_index("area_id")
    rows: list[Row] = []
    read_days = _read_days(site_events)
    for site in sites.sort_values("market_id").to_dict("records"):
        events = site_events[site_events["market_id"] == site["market_id"]]
        operation = _operation_of(site, current)
        row = _site_row(site, operation, events, read_days, harm_days, calendar, seed, config, benefit)
        rows.append(row | {"owed": owed_because(operations, site["area_id"], site["market_id"], calendar)})
    _allocate_budget(rows, promises, calendar, config)
    for row in rows:
        row["fidelity_missing"] = _missing(row, promises, helped_areas, checklist, calendar, config)
        row |= _overdose_watch(row, watch, config)
    return _plan_table(rows, calendar)


def owed_because(operations: pd.DataFrame, area_id: str, market_id: str, calendar: Calendar) -> str | None:
    """Return why nothing may be announced or go on at a place before an evaluation; None if none is due.

    An operation that runs before its stop date owes its evaluation only once it is over. Nothing is said of one that
    column is_hidden of the operations marks.
    """
    over = [each for each in owed_evaluations(operations, area_id, market_id) if is_over(each, calendar.today)]
    if not over:
        return None
    last = over[-1]
    if last.get("is_hidden"):
        return ON_HOLD
    ended_on, renewed_on = calendar.day(last["ended_at"]), calendar.day(last["renewed_at"])
    over_since = f"its operation ended on {ended_on}" if ended_on else f"its stop date {last['stop_on']} has come"
    renewed = f", and was renewed on {renewed_on} without an evaluation" if renewed_on else ""
    return f"{over_since}{renewed}: evaluate it before anything is renewed"


def _operation_of(site: Row, current: pd.DataFrame) -> Row:
    """Return the running operation at this market; `is_elsewhere`, why not if it is elsewhere; empty if none."""
    if site["area_id"] not in current.index:
        return {}
    operation: Row = {**current.loc[site["area_id"]].to_dict(), "area_id": site["area_id"]}
    if operation["market_id"] in (None, site["market_id"]):
        return operation
    return {"is_elsewhere": ON_HOLD if operation.get("is_hidden") else "another operation runs in this area"}


def _read_days(site_events: pd.DataFrame) -> int:
    """Return how many days back reports reach: to the oldest at any market, as a force may have less than a year."""
    grounds = site_events[site_events["kind"] != "overdose"]
    return 0 if grounds.empty else min(int(grounds["age_days"].max()) + 1, YEAR)


def _site_row(
    site: Row,
    operation: Row,
    events: pd.DataFrame,
    read_days: int,
    harm_days: pd.Series,
    calendar: Calendar,
    seed: int,
    config: CrackdownsConfig,
    benefit: BenefitConfig,
) -> Row:
    days = {name.removesuffix("_at"): calendar.day(operation.get(name)) for name in MOMENTS}
    # Overdoses lead only to help: they are not a ground, not in the baseline and not harm that officers avert.
    core = events[events["is_core"] & (events["kind"] != "overdose")]
    started_ago = (calendar.today - days["started"]).days if days["started"] else 0
    # Events after an operation is registered are its outcome and no longer its ground.
    begun_ago = (calendar.today - days["registered"]).days if days["registered"] else 0
    before = core[(core["age_days"] >= begun_ago) & (core["age_days"] < begun_ago + config.baseline_days)]
    is_dealing = before["kind"] == "dealing"
    needed = draw_hours_needed(
        seed,
        site["market_id"],
        int(is_dealing.sum()),
        config.baseline_days / 7,
        **{name: getattr(config, name) for name in _TIPPING},
    )
    return {
        **site,
        "days": days,
        "operation": operation,
        "needed": needed,
        "started_ago": started_ago,
        "arrest_budget": config.arrest_budget,
        "arrest_count": operation.get("arrest_count", 0),
        **{name: operation.get(name) for name in ("outcome", "comparison", "stop_on")},
        **_report_rates(core, before, config),
        **_benefit(
            site,
            core,
            (begun_ago + config.baseline_days, read_days),
            bool(days["started"]),
            harm_days,
            seed,
            config,
            benefit,
        ),
    }


_TIPPING = ("sellers_per_weekly_report", "cost_lo", "cost_hi", "sanctions_per_hour", "doubt_factor", "draws")


def _report_rates(core: pd.DataFrame, before: pd.DataFrame, config: CrackdownsConfig) -> Row:
    """Compare recent public reports with the baseline; the upper end of the 80% interval decides."""
    recent = int((core["kind"].isin(TROUBLE) & (core["age_days"] < config.below_days)).sum())
    baseline = int(before["kind"].isin(TROUBLE).sum()) / config.baseline_days
    upper = float(gammaincinv(recent + 0.5, UPPER) / config.below_days)
    return {
        "baseline_per_day": baseline,
        "recent_per_day": recent / config.below_days,
        "recent_per_day_hi": upper,
        "is_quiet": upper < config.below_share * baseline,
    }


def _benefit(
    site: Row,
    core: pd.DataFrame,
    between: tuple[int, int],
    is_carried_out: bool,
    harm_days: pd.Series,
    seed: int,
    config: CrackdownsConfig,
    benefit: BenefitConfig,
) -> Row:
    """Weigh harm averted against what arrests impose.

    Harm is counted `between` two ages, before the days by which the market was chosen: a market is chosen when it has
    more reports than usual, by chance too, and what is chance does not go on.
    """
    youngest, oldest = between
    days = oldest - youngest
    earlier = core[(core["age_days"] >= youngest) & (core["age_days"] < oldest)]
    harm = earlier["offence_code"].map(harm_days).fillna(0.0).astype(float)
    band = pd.cut(harm, [0, 30, 365, np.inf], right=False, labels=list(reversed(BANDS)))
    counted = harm.groupby(band, observed=False).agg(["size", "mean"]).fillna(0.0)
    averted = draw_averted(
        seed,
        site["market_id"],
        counted["size"].to_numpy(float),
        counted["mean"].to_numpy(float),
        float(max(days, 1)),
        is_carried_out=is_carried_out,
        config=benefit,
        draws=config.draws,
    )
    custody, prison = (
        config.arrest_budget * each for each in (benefit.custody_days_per_arrest, benefit.prison_days_per_arrest)
    )
    low, middle, high = np.quantile(averted.outcome, [0.1, 0.5, 0.9]).tolist()
    numbers: Row = {
        "harm_averted": middle,
        "harm_averted_lo": low,
        "harm_averted_hi": high,
        "expected_averted": float(averted.expected.mean()),
        "expected_averted_lo": float(np.quantile(averted.expected, 0.1)),
        "p_averts_more": float((averted.outcome > custody + prison).mean()),
    }
    if days < LEAST_DAYS:  # reports do not reach back so far, or the operation was registered too long ago
        numbers = dict.fromkeys(numbers, np.nan)
    case: Row = {**numbers, "custody_days": custody, "prison_days": prison}
    proposal = pd.DataFrame([{"proposal_id": site["market_id"], "kind": "operation", **case}])
    verdict: Any = weigh(proposal, is_drawn=True).iloc[0]
    return {**dict(case), "is_benefit_met": bool(verdict["is_accepted"]), "benefit_why": verdict["why"]}


def _overdose_watch(row: Row, watch: pd.DataFrame, config: CrackdownsConfig) -> Row:
    """Return the widest and longest window of the overdose watch of a market: expected and observed to date."""
    started = row["days"]["started"]
    is_own = watch["cause"].eq("operation") & watch["event_id"].eq(row["market_id"])
    windows = watch[is_own].sort_values(["radius_m", "days"])
    widest: Any = windows.iloc[-1] if started and len(windows) else {"expected": 0.0, "observed": 0}
    return {
        "watch_until": started + timedelta(days=config.watch_days) if started else None,
        "overdose_expected": widest["expected"],
        "overdose_observed": widest["observed"],
    }


def announcement_problems(
    plan: Mapping[str, Any], operations: pd.DataFrame, *, calendar: Calendar, config: CrackdownsConfig
) -> list[str]:
    """Return the reasons why an operation may not be announced today, one sentence each.

    Parameters
    ----------
    plan : mapping
        Its row of `crackdown_plan`.
    operations : DataFrame
        As `models.operations.history.operations_of` returns.
    calendar : Calendar
        Date of the plan, and days between the steps.
    config : CrackdownsConfig
        Lead time of health partners.

    Returns
    -------
    list of str
        The reasons; empty if the operation may be announced.
    """
    own = operations[(operations["area_id"] == plan["area_id"]) & operations["ended_at"].isna()]
    operation: Mapping[Any, Any] = dict(own.iloc[-1]) if len(own) else {}
    if operation.get("is_hidden"):
        return [ON_HOLD]
    problems = [f"refused: {reason}" for reason in plan["refused_because"]]
    if owed := owed_because(operations, plan["area_id"], plan["market_id"], calendar):
        problems.append(owed if owed == ON_HOLD else f"{owed}: harmspot plan evaluate")
    if plan["phase"] != "announce":
        problems.append(f"its phase is {plan['phase']}: {plan['why']}")
    missing = [name for name in ("registered_at", "outcome", "comparison", "stop_on") if pd.isna(operation.get(name))]
    if missing:
        problems.append(f"not registered beforehand ({', '.join(missing)}): harmspot plan register")
    told_on = calendar.day(operation.get("partners_told_at"))
    if told_on is None:
        problems.append("health partners have not been told: harmspot plan record partners_told")
    elif calendar.today < (ready := told_on + timedelta(days=config.partner_lead_days)):
        problems.append(f"health partners were told on {told_on}: not before {ready}")
    return problems


def _allocate_budget(rows: list[Row], promises: Promises, calendar: Calendar, config: CrackdownsConfig) -> None:
    """Allocate the budget to running operations, then by harm averted per hour; sort the rows."""
    for row in rows:
        _schedule_running(row, calendar, config)
    left = config.officer_hours_per_day - sum(row.get("hours_today", 0.0) for row in rows)
    maintenance = sum(row["maintenance_hours"] for row in rows if row.get("phase") in ("concentrate", "maintain"))
    for row in rows:
        if row.get("is_ready_to_move") and maintenance <= config.officer_hours_per_day:
            left += row["hours_today"] - row["maintenance_hours"]
            row |= {
                "phase": "move", "next_step": "move", "hours_today": row["maintenance_hours"],
                "why": f"quiet for {config.below_days} days, and {row['maintenance_hours']:g} hours a day hold it",
            }  # fmt: skip
    waiting = sorted((row for row in rows if "phase" not in row), key=_priority)
    for row in waiting:
        left -= _schedule_candidate(row, left, promises, calendar, config)
    running = ("concentrate", "announce", "move", "maintain", "hold")
    rows.sort(key=lambda row: ("is_running" not in row, running.index(row["phase"]), _priority(row)))


def _priority(row: Row) -> tuple[bool, float, str]:
    """Return the sort key: registered first, then most harm expected to be averted per hour needed."""
    per_hour = np.nan_to_num(row["expected_averted"]) / max(float(np.median(row["needed"])), 1e-9)
    return row["days"]["registered"] is None, -per_hour, str(row["market_id"])


def _schedule_running(row: Row, calendar: Calendar, config: CrackdownsConfig) -> None:
    """Set phase and hours of an operation that has been announced or started."""
    operation, days = row["operation"], row["days"]
    if not days["announced"] and not days["started"]:
        return
    surge = _first_number(
        operation["surge_hours"], operation["promised_hours"], float(np.quantile(row["needed"], COVER))
    )
    row |= {"is_running": True, "surge_hours": surge, "refused_because": []}
    row["maintenance_hours"] = _first_number(operation["maintenance_hours"], config.maintenance_share * surge)
    promised = days["started"] or operation["promised_start"]  # officers may have begun without an announcement
    starts_on = promised or days["announced"] + timedelta(days=calendar.lead_days)
    row |= {"tell_partners_on": days["partners_told"], "announce_on": days["announced"], "starts_on": starts_on}
    if row["owed"]:
        row |= {"phase": "hold", "next_step": "evaluate", "hours_today": 0.0}
        row |= {"refused_because": [row["owed"]], "why": row["owed"]}
    elif days["maintained"]:
        row |= {"phase": "maintain", "next_step": "hold_it", "hours_today": row["maintenance_hours"]}
        row["why"] = (
            "tipped and held" if row["is_quiet"] else "held, but its reports are no longer well below the baseline"
        )
    elif days["started"]:
        row |= {"phase": "concentrate", "next_step": "go_on", "hours_today": surge}
        row["is_ready_to_move"] = row["is_quiet"] and row["started_ago"] >= config.below_days
        row["why"] = f"{row['started_ago']} days of concentration; " + (
            "quiet" if row["is_quiet"] else "its reports are not yet well below the baseline"
        )
    else:
        is_due = calendar.today >= starts_on
        row |= {"phase": "announce", "next_step": "start" if is_due else "wait", "hours_today": surge}
        row["why"] = "the announced day has come" if is_due else f"announced; officers are there from {starts_on}"


def _first_number(*values: Any) -> float:
    return next(float(value) for value in values if not pd.isna(value))


def _schedule_candidate(
    row: Row, left: float, promises: Promises, calendar: Calendar, config: CrackdownsConfig
) -> float:
    """Set the phase of a market without a running operation; return the hours of the budget it takes."""
    days, needed = row["days"], row["needed"]
    surge = min(float(np.quantile(needed, COVER)), max(left, 0.0))
    p_tips = float((needed <= surge).mean())
    refused = _refusals(row, promises, config)
    takes_turn = not refused and p_tips >= config.minimum_p_tip
    if not takes_turn and not refused:
        surge, p_tips = _whole_budget(needed, config)
    told_on = days["partners_told"] or calendar.today
    announce_on = max(told_on + timedelta(days=config.partner_lead_days), calendar.today)
    row |= {
        "surge_hours": surge,
        "maintenance_hours": config.maintenance_share * surge,
        "phase": "announce" if takes_turn else "hold",
        "hours_today": surge if takes_turn else 0.0,
        "refused_because": refused,
        "tell_partners_on": told_on if takes_turn else None,
        "announce_on": announce_on if takes_turn else None,
        "starts_on": announce_on + timedelta(days=calendar.lead_days) if takes_turn else None,
        "next_step": _preparation(days, announce_on, calendar)
        if takes_turn
        else "evaluate"
        if row["owed"]
        else "nothing",
        "why": _reason(takes_turn, refused, p_tips, config),
    }
    return surge if takes_turn else 0.0


def _whole_budget(needed: np.ndarray, config: CrackdownsConfig) -> tuple[float, float]:
    """Return the surge hours and P(tips) with the whole budget."""
    surge = min(float(np.quantile(needed, COVER)), config.officer_hours_per_day)
    return surge, float((needed <= surge).mean())


def _refusals(row: Row, promises: Promises, config: CrackdownsConfig) -> list[str]:
    """Return the reasons why it may not be announced, whatever the budget."""
    reasons = [row["owed"]] if row["owed"] else []
    if elsewhere := row["operation"].get("is_elsewhere"):
        reasons.append(elsewhere)
    if row["grade"] != "flagrant" or row["is_provisional"]:
        reasons.append("not flagrant by public reports")
    if not row["patrol_cell_ids"]:
        reasons.append(f"all of it lies within {config.buffer_m:g} m of treatment or needle exchange")
    if not row["is_benefit_met"]:
        reasons.append(f"its benefit case is {row['benefit_why']}")
    if not promises.may_announce:
        reasons.append(f"only {promises.kept_rate:.0%} {STOPPED}")
    return reasons


def _preparation(days: Mapping[str, date | None], announce_on: date, calendar: Calendar) -> str:
    """Return the next step before an announcement; no step may be skipped."""
    if not days["registered"]:
        return "register"
    if not days["partners_told"]:
        return "tell_partners"
    return "announce" if calendar.today >= announce_on else "wait"


def _reason(takes_turn: bool, refused: list[str], p_tips: float, config: CrackdownsConfig) -> str:
    if refused:
        return "may not be announced"
    if takes_turn:
        return f"its turn: with these hours the operation works with a chance of {p_tips:.0%}"
    if p_tips < config.minimum_p_tip:
        return (
            f"even with all hours of the budget the chance the operation works is only {p_tips:.0%}: nothing is promised "
            "that cannot be kept"
        )
    return "its turn comes when hours are free: spread over several markets they would work in none"


def _missing(
    row: Row,
    promises: Promises,
    helped_areas: Sequence[str],
    checklist: Sequence[Mapping[str, str]],
    calendar: Calendar,
    config: CrackdownsConfig,
) -> list[str]:
    """Return the items of the checklist that are due in this phase and that the records do not show."""
    order = ("announce", "concentrate", "move", "maintain")
    if row["phase"] not in order or not row.get("is_running"):
        return []
    days, own = row["days"], promises.promises[promises.promises["area_id"] == row["area_id"]]
    broken = set(own.loc[own["status"] == "broken", "promise_kind"])
    shown = {
        "found_by_public_reports": row["baseline_per_day"] > 0,
        "registered": bool(days["registered"] and row["outcome"] and row["comparison"] and row["stop_on"]),
        "partners_told_first": bool(days["partners_told"] and _not_after(days["partners_told"], days["announced"])),
        "announced": days["announced"] is not None,
        "lead_time_given": not days["started"]
        or bool(days["announced"] and (days["started"] - days["announced"]).days >= calendar.lead_days),
        "help_offered": row["area_id"] in set(helped_areas),
        "hours_delivered": "hours" not in broken,
        "answered_in_time": "response" not in broken,
        "within_arrest_budget": row["arrest_count"] <= config.arrest_budget,
        "maintained": row["phase"] != "maintain" or days["maintained"] is not None,
    }
    at = order.index(row["phase"])
    return [item["item"] for item in checklist if order.index(item["due"]) <= at and not shown[item["fact"]]]


def _not_after(first: date, second: date | None) -> bool:
    return second is None or first <= second


def _plan_table(rows: list[Row], calendar: Calendar) -> pd.DataFrame:
    for position, row in enumerate(rows, start=1):
        low, middle, high = np.quantile(row["needed"], [0.1, 0.5, 0.9]).tolist()
        row |= {
            "position": position,
            "hours_needed": middle,
            "hours_needed_lo": low,
            "hours_needed_hi": high,
            "p_tips": float((row["needed"] <= row["surge_hours"]).mean()),
            "officer_hours": row["surge_hours"] * calendar.operation_days,
        }
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"overdose_observed": "Int64"})


COLUMNS = (
    "market_id", "area_id", "position", "phase", "next_step", "hours_today", "surge_hours", "maintenance_hours",
    "hours_needed", "hours_needed_lo", "hours_needed_hi", "p_tips", "arrest_budget", "arrest_count", "tell_partners_on",
    "announce_on", "starts_on", "outcome", "comparison", "stop_on", "baseline_per_day", "recent_per_day",
    "recent_per_day_hi", "is_quiet", "harm_averted", "harm_averted_lo", "harm_averted_hi", "expected_averted",
    "expected_averted_lo", "p_averts_more", "officer_hours", "custody_days", "prison_days", "is_benefit_met",
    "patrol_cell_ids", "excluded_cell_count", "watch_until", "overdose_expected", "overdose_observed",
    "fidelity_missing", "refused_because", "why",
)  # fmt: skip
