"""The fairness audit of a run, as a page: lists by groups of people, officer hours by groups of residents.

It is the only place where groups are joined to people. The groups come from a file that nothing else reads, and
nothing of the join is stored: the page holds counts of ten and more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.disclosure.group_files import in_one, read_groups, refuse_everybody
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import published_list
from flows.inputs.assembly import PeopleFrames, local_zone_clock, read_map, shares_in
from flows.run.prioritise import people_at
from models.outcomes.fairness import (
    Resampling,
    burden,
    forecast_figures,
    people_figures,
    people_shares,
    with_findings,
)
from models.outcomes.small_groups import LEAST
from models.people_lists.assess import PeopleLists
from models.people_scores.evidence import OFFENDER_ROLES
from models.people_scores.exposure import liberty_days
from models.people_scores.person_status import make_register
from pipeline.pages.audit import FairnessPage, render_fairness
from pipeline.publication.publish import read_places
from pipeline.wording.catalogue import message

LISTS = ("person_tier", "dealer_ranking", "warrant_queue", "referral")
AT_RISK = ("passed", "treatment_information")  # gates behind which something is held against an adult
AFTER_DAYS = 365
RESAMPLES = 1000
HOURS = {"hours_today": "today_hours", "hours_proposed": "proposed_hours", "visit_minutes": "visit_minutes"}

Notes = list[tuple[str, dict[str, object]]]  # what the data cannot say: messages and their fields

RECORDED = message(
    "People at risk are adults on record. If a group is watched or reported more than others, it is on record more "
    "often, and a share of those at risk hides that: compare with its share of residents."
)
AS_IF = message(
    "The lists of a year ago are those that the rules would have made then, by today's settings and by what is known "
    "now of the time before; nobody used them."
)
NOT_CAUGHT = message(
    "No grave incident since may mean that the listing was wrong, that it worked, or that nobody reported. Time in "
    "custody is taken off the expected incidents, and not off false listings."
)
TWO_PAGES = message(
    "The pages of two runs beside each other may tell of the few people who came or went; hand out one of them."
)
NO_GROUPS = message(
    "Nothing is said of groups of people: no file of groups was given (--groups). The force's own records and the "
    "city's files of incidents hold no groups."
)
NO_CENSUS = message(
    "Nothing is said of groups of residents: no census shares were given (--census, or force.equity_shares)."
)
NO_RESIDENTS = message("Residents of {count} of {all} areas are not known or none; the burden leaves those areas out.")
NO_SHARES = message(
    "The groups of {residents} residents are not known: {count} of {all} areas lack the census share of a group."
)
OTHERS = message("{residents} of {all} residents are in none of the groups that the census shares name.")
ASSUMED = message(
    "Officer hours of {count} of {all} areas are assumed and not reported: their burden is an assumption."
)
WITHOUT_GROUP = message("{grouping}: the group of {count} of {all} people at risk is not stated.")
FEW_WITHOUT = message("{grouping}: the group of some people at risk is not stated; how many is withheld.")
NOT_ON_RECORD = message("{count} of {all} people in the file of groups are not among the people at risk or victims.")
YOUNG_RECORD = message(
    "A year before the run the record was {days} days old, and the rates then are of {window} days: expected incidents "
    "are too few, for all groups alike. Compare groups with everybody, not with 1."
)
UNSCORED = message("False listings and calibration are not measured: a year before the run nobody could be scored.")
WITHHELD = message(
    "{count} of {all} figures are withheld: they are about fewer than ten people, or would tell of them. Wider groups "
    "show more."
)


@dataclass(frozen=True, slots=True)
class GivenFiles:
    """What is given to the audit: groups of people, census shares of areas, forecasts on records of other people.

    `records` by outcome: forecast, came, and a column for each grouping.
    """

    groups: Path | None = None
    census: Path | None = None
    records: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    about_records: str = ""


def write_fairness_page(
    home: Home, run_id: str | None, given: GivenFiles, path: Path, *, reader: str | None, purpose: str | None
) -> date:
    """Write the fairness audit of a run as a page, and return the day from which the report's age counts.

    Parameters
    ----------
    home : Home
        Home of the publication and of the store.
    run_id : str or None
        A kept run; by default the latest.
    given : GivenFiles
        Without groups, nobody is read.
    path : Path
        Page to write.
    reader, purpose : str or None
        Who reads people, and why; logged first.

    Returns
    -------
    date
        The run's local day.

    Raises
    ------
    PurposeError
        Groups are given without reader or purpose.
    SettingsError
        A file cannot be used; see `read_groups` and `shares_in`.
    """
    places = read_places(home.path, ("run", "area_ranking", "officer_allocation", "visit_plan"), run_id)
    run = places["run"].iloc[0]
    day: date = run["as_of"].tz_convert(ZoneInfo(run["time_zone"])).date()
    draws = Resampling(RESAMPLES, home.settings.seed)
    notes: Notes = [] if given.groups else [(NO_GROUPS, {})]
    areas = _areas(places)
    parts: list[pd.DataFrame] = _burden(home, given.census, areas, draws, notes)
    shares: dict[str, pd.DataFrame] = {}
    if given.groups is not None:
        home.log_access("fairness_audit", {"run_id": str(run["run_id"])}, reader=reader, purpose=purpose)
        groups = _joined(home, read_groups(home, given.groups), run, given.groups)
        people = _people(home, run, notes, reader=reader, purpose=purpose)
        for name in map(str, groups):
            group = groups[name].reindex(people.index)
            shares[name] = people_shares(people, group)
            parts.append(people_figures(people, group, LISTS, draws).assign(grouping=name))
        notes += _notes_on_people(people, groups, shares)
    parts += _on_records(given.records, draws)
    figures = with_findings(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()
    notes += _notes_on_figures(figures)
    page = FairnessPage(
        title=f"{run['force_name']}, {day}, run {run['run_id']}",
        made_on=day,
        shares=shares,
        figures=figures,
        fifths=_fifths(areas),
        about_records=given.about_records,
        notes=notes,
    )
    path.write_text(render_fairness(page, home.catalogue), encoding="utf-8")
    return day


def _joined(home: Home, groups: pd.DataFrame, run: pd.Series, path: Path) -> pd.DataFrame:
    """Return the groups by the ids that stood for people in the run."""
    with open_home_store(home) as store:
        return in_one(groups, store.same_people(run["known_at"].to_pydatetime()), path)


def _areas(places: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the areas of a run: residents, public reports, hours per day today and proposed, minutes of visits."""
    ranking = places["area_ranking"][["area_id", "residents", "public_count", "is_staffing_assumed"]]
    hours = places["officer_allocation"][["area_id", "today_hours", "proposed_hours"]]
    visits = places["visit_plan"].groupby("area_id")["minutes"].sum()
    table = ranking.merge(hours, on="area_id").sort_values("area_id", ignore_index=True)
    return table.assign(visit_minutes=table["area_id"].map(visits).fillna(0.0))


def _burden(
    home: Home, census: Path | None, areas: pd.DataFrame, draws: Resampling, notes: Notes
) -> list[pd.DataFrame]:
    """Return the burden of groups of residents, where their shares are known; what is not known goes to the notes."""
    unknown, assumed = areas["residents"].gt(0).eq(False), areas["is_staffing_assumed"].astype(bool)
    for text, of_areas in ((NO_RESIDENTS, unknown), (ASSUMED, assumed)):
        notes += [(text, {"count": int(of_areas.sum()), "all": len(areas)})] if of_areas.any() else []
    census = census or home.settings.force.equity_shares
    if census is None:
        notes.append((NO_CENSUS, {}))
        return []
    shares = shares_in(census, read_map(home.settings).areas)
    refuse_everybody(shares["group"], f"equity shares {census}")
    with_each = shares.groupby("area_id").size().eq(shares["group"].nunique())
    lacking = ~areas["area_id"].isin(with_each.index[with_each]) & ~unknown
    if lacking.any():
        residents = int(areas.loc[lacking, "residents"].sum())
        notes.append((NO_SHARES, {"residents": residents, "count": int(lacking.sum()), "all": len(areas)}))
    if (lacking | unknown).all():
        return []
    figures = burden(areas, shares, HOURS, draws)
    *of_groups, everybody = figures.loc[figures["figure"].eq(next(iter(HOURS))), "base"]
    if sum(of_groups) < 0.995 * everybody:
        notes.append((OTHERS, {"residents": everybody - sum(of_groups), "all": everybody}))
    return [figures.assign(grouping="")]


def _on_records(records: Mapping[str, pd.DataFrame], draws: Resampling) -> list[pd.DataFrame]:
    """Return the figures of forecasts on records of other people, by outcome and grouping."""
    return [
        forecast_figures(rows["forecast"], rows["came"], rows[name], draws).assign(grouping=f"{outcome}: {name}")
        for outcome, rows in records.items()
        for name in rows.columns.difference(["forecast", "came"], sort=False)
    ]


def _fifths(areas: pd.DataFrame) -> pd.DataFrame:
    """Return fifths of the areas with residents by officer hours per resident today, the least first."""
    known = areas[areas["residents"].gt(0)]
    order = (known["today_hours"] / known["residents"]).rank(method="first")
    fifth = ((order - 1) * 5 // max(len(known), 1) + 1).astype(int)
    columns = ["residents", "public_count", *HOURS.values()]
    table = known.groupby(fifth)[columns].sum().assign(areas=known.groupby(fifth).size())
    return table.rename_axis("fifth").reset_index()


def _people(home: Home, run: pd.Series, notes: Notes, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the people at risk and victims of a run, by pseudonym, as `people_figures` and `people_shares` take them.

    Lists are those that the run published, less people whom somebody excepted or who were erased.
    """
    home.progress("computing the lists of people of the run and of a year before it")
    ledger, geography, window_days = read_ledger(home), read_map(home.settings), home.settings.people.window_days
    as_of, known_at = run["as_of"].to_pydatetime(), run["known_at"].to_pydatetime()
    year_ago = home.midnight(home.day_of(as_of) - timedelta(days=AFTER_DAYS))
    frames, now = people_at(home, as_of, known_at, geography)
    frames_then, then = people_at(home, year_ago, known_at, geography)
    record_days = frames_then.events["age_days"].max()
    if record_days < window_days - 1 and not then.decisions["events_per_day"].isna().all():
        notes.append((YOUNG_RECORD, {"days": int(record_days), "window": window_days}))
    listed: dict[str, Any] = {
        name: set(published_list(home, ledger, name, run["run_id"], reader=reader, purpose=purpose)["person_id"])
        for name in LISTS
    }
    public = frames.events[frames.events["discovery"].eq("public") & frames.events["age_days"].lt(window_days)]
    suspects, victims = (set(public.loc[public["role"].isin(r), "person_id"]) for r in (OFFENDER_ROLES, ["victim"]))
    at_risk = set(now.decisions.index[now.decisions["gate"].isin(AT_RISK)]).union(*listed.values())
    ids = pd.Index(sorted(at_risk | victims | set(then.decisions.index)), name="person_id")
    marks = {"is_at_risk": at_risk, "is_suspect": suspects & at_risk, "is_victim": victims, **listed}
    since = _year_since(ids, local_zone_clock(as_of, home.settings), frames, now, then)
    return since.assign(**{name: ids.isin(people) for name, people in marks.items()})


def _year_since(
    ids: pd.Index, as_of: pd.Timestamp, frames: PeopleFrames, now: PeopleLists, then: PeopleLists
) -> pd.DataFrame:
    """Return for each person what the rules said a year before `as_of`, and what came since."""
    evidence = now.evidence[now.evidence["age_days"] < AFTER_DAYS]
    grave = evidence.loc[evidence["band"].eq("high"), "person_id"]
    was_listed = ids.isin(then.decisions.index[then.decisions["tier"].isin(["target", "warn"])])
    register = make_register(frames.persons, as_of)
    days = liberty_days(register, frames.custody, as_of=as_of, window_days=AFTER_DAYS, half_life_days=math.inf)
    return pd.DataFrame(
        {
            "was_listed": was_listed,
            "is_false": was_listed & ~ids.isin(grave),
            "expected": then.decisions["events_per_day"].reindex(ids) * days.reindex(ids),
            "observed": evidence.groupby("person_id")["factor"].sum().reindex(ids, fill_value=0.0),
        },
        index=ids,
    )


def _notes_on_people(people: pd.DataFrame, groups: pd.DataFrame, shares: Mapping[str, pd.DataFrame]) -> Notes:
    """Return what the groups and the records of people cannot say."""
    notes: Notes = [(RECORDED, {}), (AS_IF, {}), (NOT_CAUGHT, {}), (TWO_PAGES, {})]
    if not people["expected"].gt(0).any():
        notes = [(RECORDED, {}), (UNSCORED, {}), (TWO_PAGES, {})]
    strangers = int((~groups.index.isin(people.index)).sum())
    if LEAST <= strangers <= len(groups) - LEAST:
        notes.append((NOT_ON_RECORD, {"count": strangers, "all": len(groups)}))
    for name, table in shares.items():
        at_risk = table.set_index("group")["at_risk"]
        if "not stated" in at_risk:
            count, everybody = at_risk["not stated"], at_risk.iloc[-1]
            told = {"grouping": name, "count": count, "all": everybody}
            notes.append((WITHOUT_GROUP, told) if count == count else (FEW_WITHOUT, {"grouping": name}))
    return notes


def _notes_on_figures(figures: pd.DataFrame) -> Notes:
    """Return how many figures are withheld."""
    of_groups = figures[figures["finding"].ne("")] if len(figures) else figures
    count = int(of_groups["is_withheld"].sum()) if len(of_groups) else 0
    return [(WITHHELD, {"count": count, "all": len(of_groups)})] if count else []
