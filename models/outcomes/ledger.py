"""The enforcement ledger: what policing cost and imposed, beside the harm that it averted, each in its own unit.

Enforcement is itself a source of harm (Greenfield and Paoli 2013, International Journal of Drug Policy 24:177). Costs
of different units are set side by side and never subtracted from each other or from harm averted, and an arrest is a
cost, whatever it was for.
"""

from collections.abc import Mapping

import pandas as pd

from models.operations.promises import days_of, hours_by_day
from models.outcomes.periods import (
    FORCE,
    KEY,
    YEAR,
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

AT_WORK = ("crackdown_start", "visit")  # what officer hours of operations are recorded by
HURT = {"injury": ("injuries", "injured"), "death": ("deaths", "dead")}
OVERDOSES = ("overdoses_observed", "overdoses_expected", "overdoses_expected_lo", "overdoses_expected_hi")
AVERTED = ("harm_averted", "harm_averted_lo", "harm_averted_hi")
OF_PEOPLE = {  # figure of an arrest → why it is missing where the force recorded nothing of the kind, and its record
    "custody_days": "stay in custody",
    "prison_days": "stay in prison",
    "court_cases": "charge",
}
UNNAMED = "no arrest names whom it was of"
NO_HOURS = "no visit or operation states its hours"
UNSTATED = "no arrest states what it was for"
SUPERSEDED = "only the latest operation at a place is measured"
ALL_SHIFTS = "all"


def enforcement_ledger(
    periods: pd.DataFrame,
    actions: pd.DataFrame,
    arrests: pd.DataFrame,
    staffing: pd.DataFrame,
    first_records: Mapping[str, pd.Timestamp | None],
    displacement: pd.DataFrame,
    watch: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    time_zone: str,
) -> pd.DataFrame:
    """Return table enforcement_ledger: costs by month, area and operation.

    Parameters
    ----------
    periods : DataFrame
        As `models.outcomes.periods.make_periods` returns.
    actions : DataFrame
        kind, area_id (missing outside every area), at (UTC), on (local day), hours, count (of what it sums up), party.
    arrests : DataFrame
        `models.outcomes.after_arrest.follow_arrests`, with area_id, on, count and verdict
        (`models.people_lists.arrest_policy.arrests_against_policy`).
    staffing : DataFrame
        area_id, on (local day of the start), hours: officer hours available of each shift.
    first_records : mapping
        Local day of the force's first `stay in custody`, `stay in prison`, `charge`, `treatment`, and `leaving` of it;
        None without.
    displacement, watch : DataFrame
        Tables displacement and overdose_watch.
    as_of : Timestamp
        The clock (UTC).
    time_zone : str
        Zone of the local days.

    Returns
    -------
    DataFrame
        One row per period; counts, hours and days are missing with a reason where they were not recorded.
    """
    counted = in_periods(arrests, periods)
    done = in_periods(actions[["kind", "area_id", "on", "hours", "count", "party"]], periods)
    shifts = in_periods(staffing, periods)
    table, reasons = periods.assign(recorded_from=recorded_from(periods, actions, arrests)), dict[str, pd.Series]()
    table["staffed_hours"] = total(shifts, periods, "hours")
    reasons["staffed_hours"] = total(shifts, periods).map({0: "no shift was reported"})
    table["operation_hours"] = hours_at_work(actions, done, periods, as_of=as_of, time_zone=time_zone)
    acts, within = (frame.assign(hours=frame["hours"].isna().astype(float)) for frame in (actions, done))
    silent = hours_at_work(acts, within, periods, as_of=as_of, time_zone=time_zone).gt(0)
    reasons["operation_hours"] = first_reason(
        unless_recorded(actions[actions["kind"].isin(AT_WORK)], periods, "visit or operation"),
        (silent & table["operation_hours"].eq(0)).map({True: NO_HOURS}),
    )
    _add_arrests(table, reasons, arrests, counted, first_records)
    for kind, name, noun in (("seizure", "seizures", "seizure"), ("complaint", "complaints", "complaint")):
        table[name] = total(done[done["kind"] == kind], periods, "count")
        reasons[name] = unless_recorded(actions[actions["kind"] == kind], periods, noun)
    for kind, (every, of) in HURT.items():
        hurt = done[done["kind"] == kind]
        names = [every, f"{of}_officers", f"{of}_public"]
        for name, party in zip(names, (None, "officer", "public"), strict=True):
            table[name] = total(hurt if party is None else hurt[hurt["party"] == party], periods, "count")
        reasons[every] = unless_recorded(actions[actions["kind"] == kind], periods, kind)
        stated = total(hurt[hurt["party"].notna()], periods, "count")
        is_silent = (table[every] > 0) & (stated == 0)
        reasons[", ".join(names[1:])] = first_reason(reasons[every], is_silent.map({True: f"no {kind} states whose"}))
    _add_operations(table, reasons, averted_by_operations(periods, displacement, time_zone), watch)
    return with_reasons(table, reasons)


def arrest_policy(
    periods: pd.DataFrame, arrests: pd.DataFrame, only_possession: pd.Series, shift: pd.Series
) -> pd.DataFrame:
    """Return table arrest_policy: of the arrests of all months, the share that the rules say not to make.

    Parameters
    ----------
    periods : DataFrame
        As `models.outcomes.periods.make_periods` returns.
    arrests : DataFrame
        person_id, area_id, on, count and verdict, as of `enforcement_ledger`.
    only_possession : Series
        Of each arrest: `models.people_lists.arrest_policy.possession_only_at_arrest`.
    shift : Series
        Of each arrest: name of its shift; missing if no shift holds its hour.

    Returns
    -------
    DataFrame
        By scope, area and shift (`all` and each): arrests, those of a stated offence, of these against the policy by
        reason, their share with its 80% interval, and arrests of people with possession alone.
    """
    whole = periods[periods["span"] == YEAR].reset_index(drop=True)
    marked = arrests.assign(is_of_possession=only_possession.to_numpy(dtype=bool), shift=shift.to_numpy(dtype=object))
    parts = [_policy_of(whole, marked, marked, ALL_SHIFTS)]
    parts += [
        _policy_of(whole, marked[marked["shift"] == name], marked, name) for name in sorted(shift.dropna().unique())
    ]
    return pd.concat(parts, ignore_index=True)


def _policy_of(whole: pd.DataFrame, of_shift: pd.DataFrame, every: pd.DataFrame, shift: str) -> pd.DataFrame:
    counted = in_periods(of_shift, whole)
    by = {name: total(counted[counted["verdict"] == name], whole, "count") for name in ("possession", "no_offence")}
    stated = total(counted[counted["verdict"].notna()], whole, "count")
    alone = counted[counted["is_of_possession"]]
    table = whole[["scope", "scope_id", "area_id", "from_on", "to_on"]].assign(
        shift=shift,
        arrests=total(counted, whole, "count"),
        stated_arrests=stated,
        possession_arrests=by["possession"],
        no_offence_arrests=by["no_offence"],
        **shares("share_against_policy", by["possession"] + by["no_offence"], stated),
        possession_only_arrests=total(alone, whole, "count"),
    )
    never = unless_recorded(every, whole, "arrest")
    of_day_alone = pd.Series(None if shift == ALL_SHIFTS else "told of the whole day alone", index=whole.index)
    names = "stated_arrests, possession_arrests, no_offence_arrests, share_against_policy, "
    return with_reasons(
        table,
        {
            "arrests": never,
            names + "share_against_policy_lo, share_against_policy_hi": first_reason(never, _unstated(counted, whole)),
            "possession_only_arrests": first_reason(
                never, of_day_alone, _unnamed(counted, whole), few_people(alone, whole)
            ),
        },
    )


def hours_at_work(
    actions: pd.DataFrame, done: pd.DataFrame, periods: pd.DataFrame, *, as_of: pd.Timestamp, time_zone: str
) -> pd.Series:
    """Return officer hours of operations by the day and of single visits, per period.

    It is `models.operations.promises.delivered_hours` of all periods at once; `done` are the actions of `in_periods`.
    """
    spent = total(done[done["kind"] == "visit"], periods, "hours")
    begin, end = (days_of(_midnight(periods[name], time_zone, shift)) for name, shift in (("from_on", 0), ("to_on", 1)))
    places, hours = hours_by_day(actions, begin, end, as_of=as_of)
    own = periods["scope_id"].where(periods["scope"] != "operation", periods["area_id"]).to_numpy()
    is_there = (places[:, None] == own) | (periods["scope"] == FORCE).to_numpy()
    return spent + (hours * is_there).sum(axis=0)


def _midnight(days: pd.Series, time_zone: str, ahead: int) -> pd.Series:
    local = (days + pd.Timedelta(days=ahead)).dt.tz_localize(time_zone, nonexistent="shift_forward", ambiguous=True)
    return local.dt.tz_convert("UTC")


def _add_arrests(
    table: pd.DataFrame,
    reasons: dict[str, pd.Series],
    arrests: pd.DataFrame,
    counted: pd.DataFrame,
    first_records: Mapping[str, pd.Timestamp | None],
) -> None:
    """Add arrests and what followed them."""
    periods = table[list(KEY)]
    never = unless_recorded(arrests, periods, "arrest")
    table["arrests"] = total(counted, periods, "count")
    table["named_arrests"] = total(counted[counted["person_id"].notna()], periods, "count")
    reasons["arrests, named_arrests"] = never
    table["possession_arrests"] = total(counted[counted["verdict"] == "possession"], periods, "count")
    reasons["possession_arrests"] = first_reason(never, _unstated(counted, periods))
    unknown = first_reason(never, _unnamed(counted, periods))
    for name, record in OF_PEOPLE.items():
        table[name] = total(counted, periods, name)
        no_record = unrecorded(periods, first_records[record], record)
        reasons[name] = first_reason(unknown, no_record, few_people(counted[counted[name].gt(0)], periods))
    treated = counted[counted["was_in_treatment"].eq(True).fillna(False).astype(bool)]
    table["in_treatment"] = total(treated, periods)
    lost = treated["has_left_treatment"].astype(bool)
    table["treatment_lost"] = total(treated[lost], periods)
    no_record = unrecorded(periods, first_records["treatment"], "treatment, with consent,")
    reasons["in_treatment"] = first_reason(unknown, no_record, few_people(treated, periods))
    never_left = unrecorded(periods, first_records["leaving"], "end of treatment, with consent,")
    few = [few_people(part, periods) for part in (treated[lost], treated[~lost])]
    reasons["treatment_lost"] = first_reason(reasons["in_treatment"], never_left, *few)


def _add_operations(
    table: pd.DataFrame, reasons: dict[str, pd.Series], averted: pd.DataFrame, watch: pd.DataFrame
) -> None:
    """Add overdoses around operations and the harm that they averted: both are measured of operations alone."""
    is_own = (table["scope"] == "operation").to_numpy()
    widest = watch[watch["cause"] == "operation"].sort_values(["event_id", "radius_m", "days"])
    widest = widest.drop_duplicates("event_id", keep="last").rename(columns={"event_id": "scope_id"})
    watched = table[["scope_id"]].merge(
        widest[["scope_id", "observed", "expected", "expected_lo", "expected_hi", "not_measurable_because"]],
        how="left",
        on="scope_id",
    )
    for name, column in zip(OVERDOSES, ("observed", "expected", "expected_lo", "expected_hi"), strict=True):
        table[name] = watched[column].astype(float).where(is_own)
    unseen = watched["not_measurable_because"].astype(object)
    unseen = unseen.where(unseen.notna() | watched["observed"].notna(), "its watch is over")
    reasons[", ".join(OVERDOSES)] = unseen.where(pd.Series(is_own) & watched["observed"].isna(), None)
    table[list(AVERTED)] = averted[list(AVERTED)]
    reasons[", ".join(AVERTED)] = averted["why"]


def averted_by_operations(periods: pd.DataFrame, displacement: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Return AVERTED, window_days and why (a figure is missing), by period: the fall of harm less what was expected.

    It is what table displacement measured at the market of an operation beside placebos, with its 80% interval; no
    promise. Of months nothing is measured.
    """
    whole = displacement[displacement["split"] == "all"]
    change = {
        name: -whole[f"harm_target_change{end}"].astype(float)
        for name, end in zip(AVERTED, ("", "_hi", "_lo"), strict=True)
    }
    started_on = local_days(whole["started_at"], time_zone)
    measured = whole[["window_days", "why"]].assign(scope_id=whole["market_id"], from_on=started_on, **change)
    found = periods.merge(measured.drop_duplicates(["scope_id", "from_on"]), how="left", on=["scope_id", "from_on"])
    why = found["why"].astype(object).where(found["window_days"].notna(), SUPERSEDED)
    is_missing = (found["scope"] == "operation") & found[AVERTED[0]].isna()
    return found[[*AVERTED, "window_days"]].assign(why=why.where(is_missing, None))


def _unnamed(counted: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    named = counted[counted["person_id"].notna()]
    return ((total(counted, periods) > 0) & (total(named, periods) == 0)).map({True: UNNAMED})


def _unstated(counted: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    stated = counted[counted["verdict"].notna()]
    return ((total(counted, periods) > 0) & (total(stated, periods) == 0)).map({True: UNSTATED})
