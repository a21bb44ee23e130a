"""`harmspot show`: print published tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home, reading_options
from flows.command.printing import print_frame

if TYPE_CHECKING:
    import pandas as pd

    from flows.home.home import Home


@dataclass(frozen=True, slots=True)
class Shown:
    """A table that can be printed: its published name, printed columns, and whether it is about people."""

    table: str
    columns: list[str]
    is_about_people: bool = False


TABLES = {
    "areas": Shown("area_ranking", [
        "rank", "area_id", "area_name", "rank_lo", "rank_hi", "p_top_k", "is_listed", "harm_per_day",
        "crimes_per_officer_hour", "violence_share", "disorder_share", "minors_share", "ratio_share",
    ]),
    "cells": Shown("cell_forecast", [
        "rank", "cell_id", "area_id", "expected_harm", "expected_harm_lo", "expected_harm_hi", "expected_events",
        "p_top1", "naive_count", "naive_rank",
    ]),
    "hotspots": Shown("hotspot", ["rank", "hotspot_id", "cell_count", "harm_days", "z_max", "p_adjusted_min"]),
    "markets": Shown("market", [
        "rank", "market_id", "area_id", "grade", "score", "dealing_report_count", "caller_count", "source_count",
        "active_week_count", "is_provisional",
    ]),
    "outcomes": Shown("outcome_monitor", [
        "forecast_as_of", "event_count", "expected_events", "harm_share_top1", "naive_harm_share_top1",
        "harm_share_top5", "naive_harm_share_top5", "pai_top1", "naive_pai_top1",
    ]),
    "officers": Shown("officer_allocation", [
        "area_id", "today_hours", "proposed_hours", "today_ratio", "proposed_ratio", "is_staffing_assumed",
    ]),
    "crackdowns": Shown("crackdown_plan", [
        "position", "market_id", "phase", "next_step", "hours_today", "hours_needed", "p_tips", "starts_on", "why",
    ]),
    "visits": Shown("visit_plan", ["cell_id", "visit_number", "area_id", "chosen_for", "starts_at", "minutes"]),
    "promises": Shown("promise", ["announced_at", "area_id", "promise_kind", "promised", "due_on", "status", "why"]),
    "notices": Shown("area_notice", [
        "notice_id", "area_id", "market_id", "state", "language", "starts_on", "superseded_by",
    ]),
    "notice-states": Shown("area_notice_state", [
        "notice_id", "area_id", "state", "serve_by", "starts_on", "reviewed_by", "approved_by", "served_on", "why",
    ]),
    "displacement": Shown("displacement", [
        "market_id", "split", "part", "window_days", "target_change", "displaced", "displaced_lo", "displaced_hi",
        "harm_displaced_lo", "harm_displaced_hi", "is_alarm", "is_harm_alarm",
    ]),
    "feedback": Shown("feedback", [
        "area_id", "public_share", "police_share", "hours_share", "find_ratio", "find_ratio_lo", "find_ratio_hi",
        "rank_public", "rank_with_police", "is_alarm",
    ]),
    "audits": Shown("audit_report", [
        "report", "state", "made_at", "signed_by", "signed_at", "fresh_until", "halted_because",
    ]),
    "runs": Shown("run", ["run_id", "as_of", "known_at", "valid_to", "predecessor_run_id", "seed"]),
    "changes": Shown("place_change", ["place_kind", "place_id", "change", "rank_before", "rank_after", "why"]),
    "quality": Shown("data_quality", ["measure", "value", "unit", "is_warning", "detail"]),
    "people": Shown("person_tier", [
        "rank", "person_id", "p_top_k", "rank_lo", "rank_hi", "harm_per_year", "rule", "list_status",
    ], True),
    "warrants": Shown("warrant_queue", [
        "position", "warrant_id", "person_id", "kind", "route", "underlying_offence_code",
    ], True),
    "dealers": Shown("dealer_ranking", ["rank", "person_id", "tier", "score", "harm_per_year"], True),
    "call-in": Shown("call_in", [
        "position", "person_id", "attendance_probability", "linked_count", "reach_alone", "added_reach", "plan_reach",
        "plan_gap",
    ], True),
    "referrals": Shown("referral", ["person_id", "route", "offered_at", "started_at", "rule"], True),
    "safeguarding": Shown("safeguarding", ["person_id", "reason", "is_used_by_adult", "rule"], True),
    "person-notices": Shown("person_notice", [
        "notice_id", "person_id", "state", "language", "superseded_by",
    ], True),
    "person-notice-states": Shown("person_notice_state", [
        "notice_id", "person_id", "state", "reviewed_by", "approved_by", "served_on", "why",
    ], True),
    "person-changes": Shown("person_change", ["person_id", "change", "tier_before", "tier_after", "why"], True),
}  # fmt: skip


@click.command("show")
@click.argument("table", type=click.Choice(list(TABLES)))
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows printed; --json prints all.")
@click.option("--resolve", "is_resolved", is_flag=True, help="Show the force's own ids of people; logged separately.")
@reading_options
@json_option
@pass_home
def command(
    home: "Home",
    table: str,
    run_id: str | None,
    limit: int,
    is_resolved: bool,
    purpose: str | None,
    reader: str | None,
    as_json: bool,
) -> None:
    """Print a published TABLE. Tables about people need --purpose and --reader, and the read is logged.

    \b
    Examples:
      harmspot --home town show areas
      harmspot --home town show cells --limit 50
      harmspot --home town show people --purpose "morning tasking" --reader "Insp. J. Reyes"
      harmspot --home town show areas --json
    """
    shown = TABLES[table]
    frame = read_table(home, shown, run_id, purpose=purpose, reader=reader)
    columns = shown.columns
    if is_resolved and shown.is_about_people:
        from flows.human_log.list_rows import resolve_people

        frame = resolve_people(home, frame, reader=reader, purpose=purpose)
        columns = ["raw_person_id" if name == "person_id" else name for name in columns]  # --json has both
    if shown.is_about_people and as_json:
        from pipeline.privacy.signed_export import NOT_GROUNDS

        frame = frame.assign(not_grounds=NOT_GROUNDS)  # a JSON object may be copied out of its table
    is_whole = as_json or len(frame) <= limit
    title = f"{table}: all {len(frame)} rows" if is_whole else f"{table}: first {limit} of {len(frame)} rows"
    print_frame(frame if as_json else frame.head(limit), title=title, as_json=as_json, columns=columns)
    if shown.is_about_people and not as_json:
        click.echo("A place on this list is not grounds for stop, arrest or eviction.")


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
        from flows.human_log.ledger import read_ledger
        from flows.human_log.list_rows import read_list

        rows = read_list(home, read_ledger(home), shown.table, run_id, reader=reader, purpose=purpose)
    if shown.table.endswith("_notice"):
        from flows.decisions.notice_decisions import marked

        return marked(home, rows, shown.table.removesuffix("_notice"), reader=reader, purpose=purpose)
    return _in_rank_order(rows)


def _in_rank_order(rows: "pd.DataFrame") -> "pd.DataFrame":
    ascending = {"rank": True, "position": True, "forecast_as_of": False}  # latest forecast first
    by = [column for column in ascending if column in rows.columns]
    return rows.sort_values(by, ascending=[ascending[column] for column in by], ignore_index=True) if by else rows
