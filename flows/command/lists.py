"""`harmspot lists`: named people open, approve, override, revoke and export the lists of people."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import (
    Day,
    NearGroup,
    by_option,
    json_option,
    pass_home,
    reading_options,
    reason_option,
)
from flows.command.printing import print_frame
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    from flows.home.home import Home

# `lists effects` prints when the registration of an effect ends.
STATUS_COLUMNS = ["list_id", "status", "entries", "exceptions", "valid_to", "approved_by", "revoked_because"]


@click.group("lists", cls=NearGroup)
def command() -> None:
    """Register, open, approve, override, revoke and export the lists of people. None is active until approved.

    \b
    Examples:
      harmspot --home town lists show
      harmspot --home town lists register person_tier --outcome "harm reported of those listed, a year on" \\
          --comparison "those just below the list" --stop-on 2026-04-01 --by "Supt. A. Lee"
      harmspot --home town lists open person_tier-RUN --purpose "approve today's list" --reader "Insp. J. Reyes"
      harmspot --home town lists approve person_tier-RUN --by "Insp. J. Reyes" --reason "evidence read, all four stand"
    """


@command.command("show")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@json_option
@pass_home
def show(home: "Home", run_id: str | None, as_json: bool) -> None:
    """Print the lists of a run with their status, and how much people change them; counts only, no persons.

    \b
    Example:
      harmspot --home town lists show
    """
    from flows.human_log.audit_events import halt_of
    from flows.human_log.ledger import read_ledger
    from flows.human_log.list_runs import human_changes, shown_lists

    ledger = read_ledger(home)
    print_frame(shown_lists(home, ledger, run_id), title="lists", as_json=as_json, columns=STATUS_COLUMNS)
    if as_json:
        return
    if halted := halt_of(home, ledger, home.now()):
        click.secho(inert(halted), fg="red", err=True)
    changes = human_changes(home, ledger)
    if len(changes):
        print_frame(changes, title="human changes to lists, over the kept runs", as_json=False)
    for name in changes.loc[changes["is_alarm"], "list"]:
        click.secho(f"ALARM: people change almost nothing on {name}: do they read the evidence?", fg="red", err=True)


@command.command("register")
@click.argument("list_name", metavar="LIST")
@click.option("--outcome", required=True, help="Outcome that will be measured, in words.")
@click.option("--comparison", required=True, help="Comparison for the outcome, in words.")
@click.option(
    "--stop-on", type=Day(), required=True, help="Day on which the registration ends and is evaluated, within 366 days."
)
@by_option
@pass_home
def register(home: "Home", list_name: str, outcome: str, comparison: str, stop_on: date, by: str) -> None:
    """Register the expected effect of LIST before any of its runs is approved; it cannot be changed afterwards.

    LIST is person_tier, dealer_ranking or call_in: the lists for which harmspot chooses people. Lists approved under a
    registration end with it. The next registration requires the evaluation of this one.

    \b
    Example:
      harmspot --home town lists register person_tier --outcome "harm reported of those listed, a year on" \\
          --comparison "those just below the list" --stop-on 2026-04-01 --by "Supt. A. Lee"
    """
    from flows.decisions.list_effects import register_effect

    register_effect(home, list_name, outcome=outcome, comparison=comparison, stop_on=stop_on, by=by)
    click.echo(f"the effect of {list_name} is registered until {stop_on}; {by} is accountable for it")


@command.command("evaluate")
@click.argument("list_name", metavar="LIST")
@click.option("--found", metavar="TEXT", required=True, help="Result beside the comparison, in a sentence.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File with the full evaluation."
)
@by_option
@pass_home
def evaluate(home: "Home", list_name: str, found: str, report: Path, by: str) -> None:
    """Record the evaluation of the registered effect of LIST; this ends the registration and every list under it.

    \b
    Example:
      harmspot --home town lists evaluate person_tier --found "no less harm than just below the list" \\
          --report evaluation-2026-04.pdf --by "Analyst, M. Ito"
    """
    from flows.decisions.list_effects import evaluate_effect

    evaluate_effect(home, list_name, found=found, report=report, by=by)
    click.echo(f"{list_name} is evaluated; register its effect again before approving its lists")


@command.command("effects")
@json_option
@pass_home
def effects(home: "Home", as_json: bool) -> None:
    """Print the registered effects of lists and their evaluations; no persons are shown.

    \b
    Example:
      harmspot --home town lists effects
    """
    from flows.decisions.list_effects import lacking_effect
    from flows.human_log.ledger import read_ledger
    from flows.human_log.list_events import effect_rows

    ledger = read_ledger(home)
    columns = ["list", "outcome", "comparison", "registered_by", "ends_at", "evaluated_by", "found", "report"]
    print_frame(effect_rows(ledger), title="effects of lists", as_json=as_json, columns=columns)
    if not as_json:
        for reason in lacking_effect(home, ledger).values():
            click.echo(inert(f"  {reason}"))


@command.command("open")
@click.argument("list_id")
@reading_options
@json_option
@pass_home
def open_(home: "Home", list_id: str, purpose: str | None, reader: str | None, as_json: bool) -> None:
    """Print LIST_ID with the evidence for every entry, and record that you opened it.

    \b
    Example:
      harmspot --home town lists open person_tier-RUN --purpose "approve today's list" --reader "Insp. J. Reyes"
    """
    from flows.decisions.lists import evidence_of, open_list
    from pipeline.privacy.signed_export import NOT_GROUNDS

    rows, wanted = evidence_of(open_list(home, list_id, reader=reader, purpose=purpose))
    rows = rows.assign(not_grounds=NOT_GROUNDS)
    state = f", {rows['list_status'].iloc[0]}" if len(rows) else ""
    print_frame(rows, title=f"{list_id}{state}: {len(rows)} entries", as_json=as_json, columns=wanted)
    if not as_json:
        click.echo(f"{NOT_GROUNDS} To see why a person is on it: harmspot explain person PSEUDONYM")


@command.command("approve")
@click.argument("list_id")
@by_option
@reason_option
@pass_home
def approve(home: "Home", list_id: str, by: str, reason: str) -> None:
    """Make LIST_ID of the latest run active; only a person who opened it may approve it.

    \b
    Example:
      harmspot --home town lists approve person_tier-RUN --by "Insp. J. Reyes" --reason "evidence read, all four stand"
    """
    from flows.decisions.lists import approve_list

    is_new = approve_list(home, list_id, by=by, reason=reason)
    before = "" if is_new else ", as was recorded before; nothing was recorded now"
    click.echo(f"list {list_id} is active; {by} is accountable for it{before}")


@command.command("override")
@click.argument("list_id")
@click.argument("person")
@by_option
@reason_option
@click.option("--until", type=Day(), required=True, help="Day on which the exception ends, within 90 days.")
@pass_home
def override(home: "Home", list_id: str, person: str, by: str, reason: str, until: date) -> None:
    """Remove PERSON from LIST_ID, and from the same list of later runs, until a day. Nobody can be added to a list.

    \b
    Example:
      harmspot --home town lists override person_tier-RUN P000123 --by "Insp. J. Reyes" \\
          --reason "incident 7 names his brother" --until 2026-03-01
    """
    from flows.decisions.lists import override_entry

    expires_at: datetime = home.midnight(until)
    override_entry(home, list_id, person, by=by, reason=reason, expires_at=expires_at)
    click.echo(f"one person is removed from {list_id} until {until}; earlier copies of it must no longer be used")


@command.command("revoke")
@click.argument("list_id")
@by_option
@reason_option
@pass_home
def revoke(home: "Home", list_id: str, by: str, reason: str) -> None:
    """Revoke LIST_ID and all its copies permanently.

    \b
    Example:
      harmspot --home town lists revoke person_tier-RUN --by "Supt. A. Lee" --reason "two incidents were recorded twice"
    """
    from flows.decisions.lists import revoke_list

    revoke_list(home, list_id, by=by, reason=reason)
    click.echo(f"list {list_id} is revoked; harmspot audit export refuses its copies")


@command.command("export")
@click.argument("list_id")
@click.option("--recipient", metavar="NAME", required=True, help="Recipient of the file.")
@click.option(
    "--agreement", "agreement_id", metavar="ID", required=True, help="Sharing agreement that permits the export."
)
@reading_options
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.option("--resolve", "is_resolved", is_flag=True, help="Write the force's own ids instead of pseudonyms; logged.")
@pass_home
def export(
    home: "Home",
    list_id: str,
    recipient: str,
    agreement_id: str,
    purpose: str | None,
    reader: str | None,
    out: Path,
    is_resolved: bool,
) -> None:
    """Write an approved, valid list to a signed file for one recipient, with only the fields the recipient needs.

    \b
    Example:
      harmspot --home town lists export warrant_queue-RUN --recipient "Warrant unit" --agreement ISA-7 \\
          --purpose "serve warrants" --reader "Insp. J. Reyes" --out queue.json
    """
    from flows.decisions.list_exports import export_list

    count = export_list(
        home,
        list_id,
        out,
        recipient=recipient,
        agreement_id=agreement_id,
        reader=reader,
        purpose=purpose,
        is_resolved=is_resolved,
    )
    click.echo(f"{out}: {count} entries for {recipient}; before each use: harmspot audit export {out}")
