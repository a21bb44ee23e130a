"""`harmspot notices`: review, approve, serve and close notices."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.command import Moment
from flows.command.options import NearGroup, by_option, json_option, pass_home, reading_options
from flows.command.printing import print_frame, print_object
from pipeline.local_time import local_text

if TYPE_CHECKING:
    from flows.home.home import Home
    from models.governance.life_cycle import Event
    from models.governance.notice_lifecycle import Notice

COLUMNS = [
    "notice_id", "kind", "state", "language", "subject", "serve_by", "first_day", "last_day", "reviewed_by",
    "approved_by", "superseded_by", "title",
]  # fmt: skip
# Titles are omitted because ids must not wrap; --json has every column.
SHOWN = ["notice_id", "state", "subject", "serve_by", "first_day", "last_day", "reviewed_by", "approved_by"]
SHOWN_WITH_PEOPLE = [name for name in SHOWN if name not in ("first_day", "last_day")]  # room for the pseudonym


@click.group("notices", cls=NearGroup)
def command() -> None:
    """List, read, review, approve, serve and close notices: draft → reviewed → approved → served → kept or broken.

    Two different named people review and approve, and both must have opened the notice. A decision that a rule forbids
    is refused with every reason, exits 1 and changes nothing.

    \b
    Examples:
      harmspot --home town notices list
      harmspot --home town notices show n_5f0c --reader "Sgt. A. Bell" --purpose "review the notice"
      harmspot --home town notices review n_5f0c --by "Sgt. A. Bell" --reason "Read all five records; they hold."
      harmspot --home town notices approve n_5f0c --by "Insp. J. Reyes" --reason "Lawful, needed, no lesser step."
      harmspot --home town notices serve n_5f0c --by "PC 4411 Lund" --manner displayed
    """


@command.command("list")
@click.option("--people", is_flag=True, help="Include notices to people; needs --purpose and --reader.")
@click.option("--state", help="Only notices in this state, such as draft or served.")
@reading_options
@json_option
@pass_home
def list_(
    home: "Home", people: bool, state: str | None, purpose: str | None, reader: str | None, as_json: bool
) -> None:
    """List the drafts of the latest run and every notice that was ever opened.

    The lines below the table name each draft superseded by another notice to the same market or person. If that notice
    is live, the draft cannot be decided upon; if it is a newer draft, it is based on later data.

    \b
    Examples:
      harmspot --home town notices list
      harmspot --home town notices list --people --purpose "morning review" --reader "Insp. J. Reyes"
    """
    import pandas as pd

    from flows.decisions.notice_decisions import standing_notices, superseded_by
    from models.governance.notice_kinds import KINDS
    from models.governance.notice_lifecycle import is_live

    kinds = [kind.name for kind in KINDS.values() if people or not kind.is_to_person]
    found = standing_notices(home, kinds, reader=reader, purpose=purpose)
    chosen = [notice for notice in found if state in (None, notice.status.state)]
    instead_of = superseded_by(home, chosen, found)
    listed = pd.DataFrame(list(map(_row, chosen, instead_of)), columns=COLUMNS)
    shown = SHOWN_WITH_PEOPLE if people else SHOWN
    shown = shown if listed["language"].nunique() < 2 else [*shown, "language"]
    print_frame(listed, title=f"notices: {len(listed)}", as_json=as_json, columns=shown)
    live = {notice.notice_id for notice in found if is_live(notice, home.today())}
    if not as_json:
        for row in listed[listed["superseded_by"].notna()].to_dict("records"):
            instead = row["superseded_by"]
            why = "which is live; withdraw it first" if instead in live else "a newer draft"
            click.echo(f"  {row['notice_id']}: superseded by {instead}, {why}")


@command.command("show")
@click.argument("notice_id", metavar="NOTICE")
@click.option(
    "--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write the notice as a PDF, ready to print."
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the notice as an HTML page.")
@click.option("--recipient", help="Name to print on the notice; it is not stored.")
@reading_options
@json_option
@pass_home
def show(
    home: "Home",
    notice_id: str,
    pdf: Path | None,
    html: Path | None,
    recipient: str | None,
    purpose: str | None,
    reader: str | None,
    as_json: bool,
) -> None:
    """Print NOTICE with its records and history, and record that --reader opened it.

    The reviewer and the approver must have opened it. Notices to people need --purpose and --reader. --pdf and --html
    write a new file that only its owner can read. A notice whose person must not be addressed by what is known now is
    neither shown nor written.

    \b
    Examples:
      harmspot --home town notices show n_5f0c --reader "Sgt. A. Bell" --purpose "review the notice"
      harmspot --home town notices show n_5f0c --reader "PC 4411 Lund" --purpose "to serve it" --pdf notice.pdf
    """
    from flows.decisions.notice_decisions import open_notice
    from flows.human_log.notice_records import notice_page
    from pipeline.pages.notice_outline import notice_text
    from pipeline.privacy.private_file import write_new

    notice = open_notice(home, notice_id, reader=reader, purpose=purpose)
    page = notice_page(notice, recipient, is_rehearsal=home.is_rehearsal)
    if html:
        write_new(html, page.body_html.encode())
        home.progress(f"wrote {html}")
    if pdf:
        write_new(pdf, _pdf(notice, page.title, page.body_html))
        home.progress(f"wrote {pdf}")
    print_object(_object(notice), [notice_text(page.body_html), "", *_history(notice)], as_json=as_json)


REASON = click.option(
    "--reason", required=True, metavar="TEXT", help="Reason, in a sentence; a single word is refused."
)
SPEAKER = click.option(
    "--speaker",
    type=click.Choice(["person", "resident", "partner"]),
    default="person",
    help="Who makes the statement.",
)
# The options of each kind of decision; every other kind has a reason only.
OPTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "represented": (REASON, SPEAKER),
    "contested": (REASON, SPEAKER),
    "served": (
        click.option(
            "--manner", required=True, help="Of a notice to a place: displayed or posted; to a person: in_person."
        ),
        click.option(
            "--at", "served_at", type=Moment(), help="Time of service, which may be earlier than now (default: now)."
        ),
        click.option(
            "--breach", metavar="TEXT", help="How a notice that must not be served was served anyway; records a breach."
        ),
    ),
}
# By verb: the kind of decision, a summary and an example.
VERBS = {
    "review": (
        "reviewed",
        "Record that you checked NOTICE against its records and that it is correct.",
        'n_5f0c --by "Sgt. A. Bell" --reason "Read all five records; they hold."',
    ),
    "approve": (
        "approved",
        "Approve NOTICE; the reviewer may not approve it.",
        'n_5f0c --by "Insp. J. Reyes" --reason "Lawful, needed, no lesser step."',
    ),
    "serve": (
        "served",
        "Record that NOTICE was served: displayed, posted, or handed over in person.",
        'n_5f0c --by "PC 4411 Lund" --manner displayed --at 2026-01-04T17:30:00Z',
    ),
    "withdraw": (
        "withdrawn",
        "Withdraw NOTICE permanently; it can never be served again.",
        'n_5f0c --by "Insp. J. Reyes" --reason "The market has closed."',
    ),
    "keep": (
        "kept",
        "Record that what NOTICE announced was done.",
        'n_5f0c --by "Sgt. A. Bell" --reason "Officers were there on all 28 days."',
    ),
    "fail": (
        "broken",
        "Record that what NOTICE announced was not done.",
        'n_5f0c --by "Sgt. A. Bell" --reason "Nobody was there after the first week."',
    ),
    "represent": (
        "represented",
        "Record a representation by the person or on behalf of the place; it reopens NOTICE.",
        'n_5f0c --by "Sgt. A. Bell" --speaker resident --reason "The stall has moved away."',
    ),
    "contest": (
        "contested",
        "Record that NOTICE is contested as wrong; it reopens NOTICE.",
        'n_5f0c --by "Sgt. A. Bell" --speaker person --reason "He was abroad on that day."',
    ),
}


def _add_verb(name: str, kind: str, summary: str, example: str) -> None:
    """Add the verb for one kind of decision; the values of its own options are the details of the event."""

    def verb(home: "Home", notice_id: str, by: str, purpose: str | None, as_json: bool, **detail: Any) -> None:
        from flows.decisions.notice_decisions import Decision, do

        if kind == "served":
            detail["served_at"] = detail["served_at"] or home.now()
        if "speaker" in detail:
            detail["by"] = detail.pop("speaker")
        notice = do(home, notice_id, Decision(kind, by, detail), purpose=purpose or f"to have it {kind}")
        print_object(_object(notice), [f"notice {notice_id} is {notice.status.state}"], as_json=as_json)

    verb.__doc__ = f"{summary}\n\n\b\nExample:\n  harmspot --home town notices {name} {example}\n"
    decorators: tuple[Callable[..., Any], ...] = (
        click.argument("notice_id", metavar="NOTICE"),
        by_option,
        click.option("--purpose", metavar="TEXT", help="Purpose of reading a notice to a person; logged."),
        *OPTIONS.get(kind, (REASON,)),
        json_option,
        pass_home,
    )
    decorated: Callable[..., Any] = verb
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    command.add_command(click.command(name)(decorated))


for name, verb in VERBS.items():
    _add_verb(name, *verb)


@command.command("deliver")
@pass_home
def deliver(home: "Home") -> None:
    """Deliver pending messages to partners; decisions on notices and runs also do this.

    \b
    Example:
      harmspot --home town notices deliver
    """
    from flows.decisions.partners import deliver_to_partners, log_partners_not_told

    log_partners_not_told(home)
    click.echo(f"delivered {deliver_to_partners(home):,} messages")


def _row(notice: "Notice", instead: str | None) -> dict[str, Any]:
    from flows.human_log.notice_records import notice_page

    fields, status = notice.fields, notice.status
    return {
        "notice_id": notice.notice_id,
        "kind": notice.kind.name,
        "state": status.state,
        "language": fields["language"],
        "subject": fields.get("area_name") or notice.subject,
        "serve_by": fields["serve_by"],
        "first_day": fields.get("starts_on"),
        "last_day": notice.last_day,
        "reviewed_by": status.reviewed_by,
        "approved_by": status.approved_by,
        "superseded_by": instead,
        "title": notice_page(notice).title,
    }


def _object(notice: "Notice") -> dict[str, Any]:
    import json
    from dataclasses import asdict

    from models.governance.notice_drafts import fields_json

    steps = [_step(notice, event) for event in notice.events]
    status = {**asdict(notice.status), "opened_by": sorted(notice.status.opened_by)}
    plain = json.loads(json.dumps({"standing": status, "steps": steps}, default=lambda value: value.isoformat()))
    return {"notice_id": notice.notice_id, "fields": json.loads(fields_json(notice.fields)), **plain}


def _step(notice: "Notice", event: "Event") -> dict[str, Any]:
    served_at = event.detail.get("served_at")
    return {
        "kind": event.kind,
        "actor": event.actor,
        "at": event.at,
        "on": notice.day_of(event.at),
        "reason": event.detail.get("reason", ""),
        "served_at": served_at,
        "served_on": notice.day_of(served_at) if served_at else None,
        "manner": event.detail.get("manner"),
        "breach": event.detail.get("breach"),
    }


def _history(notice: "Notice") -> list[str]:
    fields, status = notice.fields, notice.status
    return [
        f"state {status.state}; serve by {fields['serve_by']}; records: {', '.join(fields['evidence_ids'])}",
        *[f"  {local_text(event.at)} {event.kind} by {event.actor} {_why(event)}".rstrip() for event in notice.events],
    ]


def _why(event: "Event") -> str:
    detail = event.detail
    if served_at := detail.get("served_at"):
        in_breach = f", in breach: {detail['breach']}" if detail.get("breach") else ""
        return f"at {local_text(served_at)}{in_breach}"
    return str(detail.get("reason", ""))


def _pdf(notice: "Notice", title: str, body_html: str) -> bytes:
    from datetime import UTC, time

    from pipeline.pages.notice_pdf import notice_pdf

    written_at = datetime.combine(notice.fields["written_on"], time(), tzinfo=UTC)
    return notice_pdf(body_html, title=title, language=notice.fields["language"], written_at=written_at)
