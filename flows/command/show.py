"""`harmspot show`: print published tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import (
    FILE,
    NearChoice,
    area_set_option,
    json_option,
    limit_option,
    pass_home,
    reading_options,
    run_option,
)
from flows.command.printing import print_frame
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    import pandas as pd

    from flows.home.home import Home


# Name on the command line → published name of a table; `show:` in pipeline/publication/tables.yml chooses its columns.
TABLES = {
    "areas": "area_ranking",
    "sensitivity": "sensitivity",
    "sensitivity-summary": "sensitivity_summary",
    "cells": "cell_forecast",
    "piles": "address_pile",
    "hotspots": "hotspot",
    "markets": "market",
    "outcomes": "outcome_monitor",
    "officers": "officer_allocation",
    "crackdowns": "crackdown_plan",
    "consequences": "consequence",
    "overdoses": "overdose_watch",
    "visits": "visit_plan",
    "promises": "promise",
    "notices": "area_notice",
    "notice-states": "area_notice_state",
    "displacement": "displacement",
    "effects": "operation_effect",
    "register": "operation_register",
    "feedback": "feedback",
    "ledger": "enforcement_ledger",
    "arrests": "arrest_policy",
    "costs": "enforcement_cost",
    "scoreboard": "scoreboard",
    "audits": "audit_report",
    "harm-matrix": "harm_matrix",
    "harm-grades": "harm_grade",
    "runs": "run",
    "changes": "place_change",
    "recent": "area_recent",
    "overnight": "recent_incident",
    "offences": "offence_ranking",
    "focus": "crime_focus",
    "quality": "data_quality",
    "checks": "quality_check",
    "people": "person_tier",
    "warrants": "warrant_queue",
    "dealers": "dealer_ranking",
    "call-in": "call_in",
    "referrals": "referral",
    "safeguarding": "safeguarding",
    "person-notices": "person_notice",
    "person-notice-states": "person_notice_state",
    "person-changes": "person_change",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A table that can be printed: its published name, printed columns, and whether it is about people."""

    table: str
    columns: list[str]
    is_about_people: bool


def shown_table(name: str) -> Shown:
    """Return the table with this name on the command line."""
    from pipeline.publication.tables import read_tables

    tables = read_tables()
    columns = [column.name for column in tables.find(TABLES[name]).shown if column.show.command]
    if TABLES[name].endswith("_notice"):
        columns.insert(columns.index("language"), "state")
        columns.append("superseded_by")
    return Shown(TABLES[name], columns, TABLES[name] not in tables.published)


@click.command("show")
@click.argument("table", type=NearChoice(list(TABLES)))
@run_option
@area_set_option
@limit_option
@click.option("--resolve", "is_resolved", is_flag=True, help="Show the force's own ids of people; logged separately.")
@click.option("--offence", metavar="OFFENCE", help="Areas by one offence or group; `show offences` lists them.")
@click.option("--shift", metavar="SHIFT", help="With --offence: a shift of force.shifts (default: the whole day).")
@reading_options
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@click.option("--xlsx", type=FILE, help="New workbook to write, with all rows.")
@json_option
@pass_home
def command(
    home: "Home",
    table: str,
    run_id: str | None,
    area_set: str | None,
    limit: int,
    is_resolved: bool,
    offence: str | None,
    shift: str | None,
    purpose: str | None,
    reader: str | None,
    as_csv: bool,
    xlsx: Path | None,
    as_json: bool,
) -> None:
    """Print a published TABLE. Tables about people need --purpose and --reader, and the read is logged.

    \b
    Examples:
      harmspot --home town show areas
      harmspot --home town show areas --set beat
      harmspot --home town show cells --limit 50
      harmspot --home town show people --purpose "morning tasking" --reader "Insp. J. Reyes"
      harmspot --home town show areas --offence burglary --shift late
      harmspot --home town show areas --json
      harmspot --home town show cells --xlsx cells.xlsx
    """
    if as_csv + as_json + bool(xlsx) > 1:
        raise click.UsageError("--csv, --xlsx and --json exclude each other; choose one")
    if (offence or shift) and (table != "areas" or not offence):
        raise click.UsageError("--offence is for `show areas` alone, and --shift goes with --offence")
    shown = shown_table("offences" if offence else table)
    if shown.table == "offence_ranking":
        from flows.outputs.offences import read_offence, worst_areas

        if offence:
            frame, table = read_offence(home, offence, shift, area_set, run_id)
        else:
            frame = worst_areas(home, area_set, run_id)
            shown = Shown(shown.table, [*frame.columns], is_about_people=False)
    elif shown.table == "operation_register" and area_set is None:
        from flows.outputs.effect_register import SHOWN, read_register

        frame, shown = read_register(home, run_id), Shown(shown.table, [*SHOWN], is_about_people=False)
    elif area_set is None:
        frame = read_table(home, shown, run_id, purpose=purpose, reader=reader)
    else:
        if table != "areas":
            raise click.UsageError(f"--set {area_set} is for `show areas` alone; {table} are of no set")
        from flows.outputs.explain import read_ranking

        frame, table = _in_rank_order(read_ranking(home, area_set, run_id)), f"areas of set {area_set}"
    if shown.table == "area_ranking":
        say_warnings(home, run_id)
        say_near(home, run_id, None if area_set == home.settings.force.areas.set else area_set)
    if shown.table == "overdose_watch":
        from models.operations.overdose_watch import count_alarms

        click.echo(f"Overdose watch: {count_alarms(frame)}.", err=True)
    columns = shown.columns
    if is_resolved and shown.is_about_people:
        from flows.human_log.list_rows import resolve_people

        frame = resolve_people(home, frame, reader=reader, purpose=purpose)
        own = ["raw_person_id", *(["joined_raw_ids"] if frame["joined_raw_ids"].map(len).any() else [])]
        columns = [each for name in columns for each in (own if name == "person_id" else [name])]  # --json has both
    if shown.is_about_people and (as_json or as_csv or xlsx):
        from pipeline.privacy.signed_export import NOT_GROUNDS

        frame = frame.assign(not_grounds=NOT_GROUNDS)  # a row may be copied out of its table
    if as_csv or xlsx:
        _download(home, shown, frame, xlsx)
        return
    if "horizon_days" in frame and "p_top_k" in frame and len(frame):
        from pipeline.pages.base import days_ahead

        table = f"{table} over {days_ahead(frame['horizon_days'].iloc[0])}"
    is_whole = as_json or len(frame) <= limit
    title = f"{table}: all {len(frame)} rows" if is_whole else f"{table}: first {limit} of {len(frame)} rows"
    rows = frame if as_json else frame.head(limit)
    heads, chances = headings(home, shown.table, frame), chances_of(shown.table)
    print_frame(rows, title=title, as_json=as_json, columns=columns, heads=heads, chances=chances)
    if shown.is_about_people and not as_json:
        click.echo("A place on this list is not grounds for stop, arrest or eviction.")


def headings(home: "Home", table: str, frame: "pd.DataFrame") -> dict[str, str]:
    """Return the headings of a published table's columns in plain words, with K as the number that it is for areas."""
    from pipeline.publication.publish import runs
    from pipeline.publication.tables import read_tables

    top_k: object = "K"
    if "top_k" in frame and len(frame):
        top_k = frame["top_k"].iloc[0]
    elif table in ("area_ranking", "sensitivity", "sensitivity_summary") and len(frame):
        top_k = runs(home.path).set_index("run_id")["top_k"].to_dict()[frame["run_id"].iloc[0]]
    return {each.name: each.title.replace("worst K", f"worst {top_k}") for each in read_tables().find(table).columns}


def chances_of(table: str) -> list[str]:
    """Return the columns of a published table that are probabilities or shares."""
    from pipeline.publication.tables import read_tables

    return [each.name for each in read_tables().find(table).columns if each.unit in ("probability", "0 to 1")]


def _download(home: "Home", shown: Shown, frame: "pd.DataFrame", xlsx: Path | None) -> None:
    """Print all rows as CSV, or write them to a new workbook that its owner alone can read."""
    from flows.command.who_may import REHEARSAL
    from pipeline.privacy.private_file import write_new
    from pipeline.privacy.signed_export import NOT_GROUNDS
    from pipeline.publication.downloads import write_csv, write_workbook
    from pipeline.publication.publish import runs, unusable_run

    zone = home.settings.force.zone
    if xlsx is None:
        click.echo(write_csv(frame, zone), nl=False)
        return
    told = unusable_run(home.path, str(frame["run_id"].iloc[0])) if "run_id" in frame and len(frame) else None
    rehearsed = REHEARSAL.format(home=home.path) if home.is_rehearsal else None
    notes = [note for note in (NOT_GROUNDS if shown.is_about_people else None, rehearsed, told) if note]
    made_at = frame["as_of"].max() if "as_of" in frame and len(frame) else runs(home.path)["as_of"].iloc[-1]
    write_new(xlsx, write_workbook({shown.table: frame}, zone=zone, made_at=made_at, notes=notes))
    home.progress(f"wrote {len(frame):,} rows to {xlsx}")


def say_warnings(home: "Home", run_id: str | None) -> None:
    """Say on standard error what the checks of a run (default: the latest) say of its ranking."""
    from models.places.quality_checks import warnings, warnings_of_ranking
    from pipeline.publication.publish import read_published

    checks, quality = (read_published(home.path, name, run_id) for name in ("quality_check", "data_quality"))
    for warning in [*warnings(checks), *warnings_of_ranking(quality)]:
        click.secho(inert(f"Look: {warning}"), fg="yellow", err=True)


def say_near(home: "Home", run_id: str | None, area_set: str | None) -> None:
    """Say on standard error which areas come next on a list that is not empty."""
    from models.area_review.near_list import near_line
    from pipeline.publication.publish import read_published

    if near := near_line(read_published(home.path, "quality_check", run_id), area_set):
        click.echo(inert(near), err=True)


def read_table(
    home: "Home", shown: Shown, run_id: str | None, *, purpose: str | None, reader: str | None
) -> "pd.DataFrame":
    """Return a published table in rank order; one about people requires purpose and reader, logged first."""
    from pipeline.publication.publish import read_published, runs

    if shown.table == "run":
        return runs(home.path)
    if not shown.is_about_people:
        rows = read_published(home.path, shown.table, run_id)
    else:
        from flows.home.store_access import open_home_store
        from flows.human_log.ledger import ledger_of
        from flows.human_log.list_rows import read_list

        with open_home_store(home) as store:  # held until the rows are read: nobody is excepted in between
            rows = read_list(
                home, ledger_of(home, store), shown.table, run_id, reader=reader, purpose=purpose, store=store
            )
    if shown.table.endswith("_notice"):
        from flows.decisions.notice_decisions import marked

        return marked(home, rows, shown.table.removesuffix("_notice"), reader=reader, purpose=purpose)
    return _in_rank_order(rows)


def _in_rank_order(rows: "pd.DataFrame") -> "pd.DataFrame":
    if "focus_rank" in rows:
        return rows.sort_values(["area_name", "area_id", "focus_rank", "offence_code"], ignore_index=True)
    ascending = {"rank": True, "position": True, "forecast_as_of": False}  # latest forecast first
    by = [column for column in ascending if column in rows.columns]
    return rows.sort_values(by, ascending=[ascending[column] for column in by], ignore_index=True) if by else rows
