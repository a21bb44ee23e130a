"""`harmspot audit`: periodic audit reports, the access log, checks of exported lists, erasure of people."""

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.asking import is_terminal
from flows.command.options import (
    FILE,
    PATH,
    Day,
    NearGroup,
    by_option,
    json_option,
    pass_home,
    reading_options,
    reason_option,
)
from flows.command.printing import print_frame, print_json
from models.governance.audits import REPORTS
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    from flows.home.home import Home

DRAFTED = ("feedback", "displacement", "fairness")  # the first two are keys of flows.outputs.audit_page.INTROS


@click.group("audit", cls=NearGroup)
def command() -> None:
    """Sign reports on fairness, feedback and displacement, verify the access log, check an export, erase a person.

    \b
    Examples:
      harmspot --home town audit status
      harmspot --home town audit verify
      harmspot --home town audit export queue.json
    """


@command.command("record")
@click.argument("about", metavar="KIND", type=click.Choice(REPORTS))
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Report file.")
@click.option(
    "--found", metavar="TEXT", required=True, help="Finding of the report in one sentence, without names or person ids."
)
@by_option
@click.option(
    "--made-on",
    type=Day(),
    help="Day the report was made; its age counts from there. Not needed for a page of `audit draft`, which states it.",
)
@pass_home
def record(home: "Home", about: str, report: Path, found: str, by: str, made_on: date | None) -> None:
    """Record that you read and signed a report of KIND: fairness, feedback or displacement.

    If one of the three is older than 31 days, lists that choose people cannot be approved or used.

    \b
    Example:
      harmspot --home town audit record fairness --report fairness-2026-01.pdf --made-on 2026-01-09 \\
          --found "no group is listed more often than it is suspected" --by "Analyst, M. Ito"
    """
    from flows.decisions.audits import record_audit

    due_on = record_audit(home, about, report=report, found=found, made_on=made_on, by=by)
    click.echo(f"the {about} report is signed by {by}; the next is due before {due_on}")


@command.command("draft")
@click.argument("about", metavar="KIND", type=click.Choice(DRAFTED))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Page to write.")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@click.option("--groups", type=FILE, help="Fairness: CSV of person_id and a column for each grouping of people.")
@click.option("--census", type=FILE, help="Fairness: CSV of area_id, group, share (default: force.equity_shares).")
@click.option("--records", type=PATH, help="Fairness: records of other people, as of `evaluate people`.")
@click.option("--mapping", type=PATH, help="Mapping of the records; see configs/records.")
@reading_options
@pass_home
def draft(
    home: "Home",
    about: str,
    out: Path,
    run_id: str | None,
    groups: Path | None,
    census: Path | None,
    records: Path | None,
    mapping: Path | None,
    purpose: str | None,
    reader: str | None,
) -> None:
    """Write a run's results on displacement, feedback or fairness as a page, for a person to read, complete and sign.

    Fairness joins the file of groups to the people of the run for this page alone: nothing of it is stored, nothing
    else reads it, and the read is logged. Figures about fewer than ten people are withheld.

    \b
    Examples:
      harmspot --home town audit draft displacement --out displacement.html
      harmspot --home town audit draft fairness --groups groups.csv --census equity.csv --out fairness.html \\
          --purpose "monthly fairness audit" --reader "Auditor, J. Sol"
    """
    given = {"--groups": groups, "--census": census, "--records": records, "--mapping": mapping}
    if about != "fairness" and (strange := [name for name, value in given.items() if value is not None]):
        raise click.UsageError(f"{strange[0]} is for `audit draft fairness`; leave it out")
    if (records is None) != (mapping is None):
        raise click.UsageError("--records and --mapping go together; give both, or none")
    if about == "fairness":
        made_on = _write_fairness(home, run_id, given, out, reader=reader, purpose=purpose)
    else:
        from flows.outputs.audit_page import write_audit_page

        made_on = write_audit_page(home, about, run_id, out)
    click.echo(
        f"wrote {out}, dated {made_on}; after reading it: "
        f"harmspot audit record {about} --report {out} --found TEXT --by NAME"
    )


def _write_fairness(
    home: "Home",
    run_id: str | None,
    given: "dict[str, Path | None]",
    out: Path,
    *,
    reader: str | None,
    purpose: str | None,
) -> date:
    from flows.disclosure.fairness import GivenFiles, write_fairness_page

    files = GivenFiles(given["--groups"], given["--census"])
    if given["--records"] and given["--mapping"]:
        from flows.evaluation.people_validation import forecasts_of_records

        about, forecasts = forecasts_of_records(given["--records"], given["--mapping"], seed=home.settings.seed)
        files = replace(files, records=forecasts, about_records=about)
    return write_fairness_page(home, run_id, files, out, reader=reader, purpose=purpose)


@command.command("status")
@json_option
@pass_home
def status(home: "Home", as_json: bool) -> None:
    """Print the age of each audit report; exits 1 with the reason if lists are halted.

    \b
    Example:
      harmspot --home town audit status
    """
    from flows.human_log.audit_events import audit_report, halt_of
    from flows.human_log.ledger import read_ledger

    ledger = read_ledger(home)
    columns = ["report", "state", "made_at", "signed_by", "signed_at", "fresh_until"]
    print_frame(audit_report(home, ledger), title="audits", as_json=as_json, columns=columns)
    if halted := halt_of(home, ledger, home.now()):
        click.secho(inert(halted), fg="red", err=True)
        sys.exit(1)


@command.command("verify")
@click.option("--anchor", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="File with anchors.")
@pass_home
def verify(home: "Home", anchor: Path | None) -> None:
    """Check the access log; exits 1 and names the line where it is broken, cut off or goes back in time.

    Each entry has a hash of the entry before it, keyed with the home's key, and the store records how far the log went
    with every read of people and every decision. Whoever has the home and its key could change all three: against that
    help anchors (`audit anchor`), kept where that person cannot write, and checked with --anchor.

    \b
    Examples:
      harmspot --home town audit verify
      harmspot --home town audit verify --anchor anchors.jsonl
    """
    from flows.human_log.integrity import check_log

    problems = check_log(home) or home.access_log.back_in_time()
    if anchor is not None:
        from flows.health.anchors import anchor_problems

        problems = [*problems, *anchor_problems(home, anchor)]
    for problem in problems:
        click.secho(inert(problem), fg="red", err=True)
    if problems:
        sys.exit(1)
    log = home.access_log
    if left := log.unfinished():
        home.warn(left)
    count, head = sum(1 for _ in log.entries()), log.mark().entry_hash
    click.echo(f"access log {log.path}: the chain is intact, {count:,} entries, head {head}")
    if anchor is None:
        click.echo("Anchor it elsewhere: harmspot audit anchor --out FILE; then check it with --anchor FILE.")


@command.command("clock")
@reason_option
@by_option
@click.option("--with-key", is_flag=True, help="With the home's key, on its machine, instead of an administrator.")
@pass_home
def clock(home: "Home", reason: str, by: str, with_key: bool) -> None:
    """Accept the clock of the system where it is far ahead of the home because nobody used the home for long.

    Until then nothing is stored, run, read or decided: whatever is recorded under a wrong clock would block all that
    comes before it. The access log keeps who accepted it and why.

    \b
    Example:
      harmspot --home city audit clock --reason "the pilot rested over the summer"
    """
    from flows.human_log.integrity import accept_clock

    last = accept_clock(home, reason=reason, by=by)
    click.echo(f"the clock is accepted: {home.local_text(home.now())}, {(home.now() - last).days} days after the last")


@command.command("anchor")
@click.option("--out", required=True, metavar="FILE|topic:NAME|syslog", help="Where it goes; to a file it is appended.")
@pass_home
def anchor(home: "Home", out: str) -> None:
    """Write how far the access log goes, signed, to a place outside the home, for `audit verify --anchor`.

    \b
    Examples:
      harmspot --home town audit anchor --out anchors.jsonl
      harmspot --home town audit anchor --out syslog
    """
    from flows.health.anchors import write_anchor

    mark = write_anchor(home, out)
    click.echo(f"anchored in {out}: {mark.size_bytes:,} bytes, head {mark.entry_hash}")


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_home
def export(home: "Home", file: Path) -> None:
    """Check that the exported list in FILE is unaltered, not expired and not revoked; exits 1 with the reason if not.

    \b
    Example:
      harmspot --home town audit export queue.json
    """
    from flows.decisions.list_exports import verify_export

    export = verify_export(home, file)
    click.echo(
        f"{file}: list {export['list_id']} for {export['recipient']} under {export['agreement_id']} may be used until "
        f"{export['valid_to']}. Not grounds for stop, arrest or eviction."
    )


@command.command("embargoes")
@reading_options
@json_option
@pass_home
def embargoes(home: "Home", purpose: str | None, reader: str | None, as_json: bool) -> None:
    """Print every embargo of a market, also those that are over: who set it, why, until when; logged.

    \b
    Example:
      harmspot --home town audit embargoes --purpose "yearly audit" --reader "Auditor, J. Sol"
    """
    from flows.decisions.embargoes import read_embargoes

    table = read_embargoes(home, is_all=True, reader=reader, purpose=purpose)
    print_frame(table, title=f"embargoes ({len(table)})", as_json=as_json)


@command.command("subject")
@click.argument("person")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="New file to write; else it is printed.")
@click.option("--leave-out", "is_left_out", is_flag=True, help="Leave out what may be withheld; its reason stays.")
@reading_options
@pass_home
def subject(
    home: "Home", person: str, out: Path | None, is_left_out: bool, purpose: str | None, reader: str | None
) -> None:
    """Write all that is held, read, listed, shared and erased about PERSON as JSON, for a subject access request.

    PERSON is the force's own id or a pseudonym. What law lets be withheld is marked with the reason; nothing is about
    anybody else. A file is new and readable by its owner alone.

    \b
    Example:
      harmspot --home town audit subject P000123 --out request-12.json --purpose "subject access request 12" \\
          --reader "Records, M. Ito"
    """
    from flows.disclosure.subject import as_json, left_out, subject_access
    from pipeline.privacy.private_file import write_new

    found = subject_access(home, person, reader=reader, purpose=purpose)
    told = left_out(found) if is_left_out else found
    if out is None:
        print_json(told)
        return
    write_new(out, as_json(told))
    counts = ", ".join(f"{len(found[part])} {part}" for part in ("listed", "letters", "decisions", "read", "shared"))
    click.echo(f"wrote {out}: {counts}; read what is marked may_be_withheld before you give it")


@command.command("register")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Page to write (Markdown).")
@pass_home
def register(home: "Home", out: Path) -> None:
    """Write the public register entry of the system: purpose, data, decisions, safeguards and tests, complaints.

    Its sections are those of the Algorithmic Transparency Recording Standard. It names nobody; what only the force can
    say is left to it, in brackets.

    \b
    Example:
      harmspot --home town audit register --out register.md
    """
    from flows.disclosure.public_entry import FORCE, public_entry

    out.write_text(public_entry(home), encoding="utf-8")
    click.echo(f"wrote {out}; fill in what stands in brackets: {FORCE}")


@command.command("erase")
@click.argument("person")
@click.option("--reason", metavar="TEXT", required=True, help="Who asked and on what legal ground, in a sentence.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask; needed in scripts, where nobody can answer.")
@reading_options
@pass_home
def erase(home: "Home", person: str, reason: str, is_sure: bool, purpose: str | None, reader: str | None) -> None:
    """Erase PERSON, given by pseudonym or by the force's own id; a tombstone remains, so that old hashes still verify.

    Shows what would be erased, in counts, and asks first: it cannot be undone.

    Exits 1 if nothing was stored under the id, also when repeated; the tombstone remains in that case, too.

    \b
    Example:
      harmspot --home town audit erase P000123 --yes --reason "court order 7, records sealed" \\
          --purpose "right to erasure" --reader "Records, M. Ito"
    """
    from flows.decisions.erasure import OUT_OF_REACH, erase_person, preview_erasure

    if not is_sure:
        if not is_terminal():
            raise click.UsageError("an erasure cannot be undone, and nobody can be asked here; add --yes to go on")
        found = preview_erasure(home, person, reader=reader, purpose=purpose)
        click.echo(
            f"Under the id {'one person is' if found.is_known else 'nobody is'} stored{_ids(found.id_count)}. "
            "Erasing deletes identity and "
            f"published rows, revokes {found.list_count} lists in use and deletes {found.copy_count} copies of the "
            "store. It cannot be undone."
        )
        click.confirm("Erase?", abort=True)
    done = erase_person(home, person, reader=reader, purpose=purpose, reason=reason)
    if not done.is_known:
        click.secho(
            "no person with that id, so nobody was erased; a tombstone blocks data that arrives under it later. "
            "Was the id mistyped?",
            fg="red",
            err=True,
        )
        sys.exit(1)
    outcome = "the person was erased before" if done.was_erased else "one person erased"
    outcome += _ids(done.id_count)
    click.echo(
        f"{outcome}: {done.revoked_lists} active lists revoked, "
        f"{done.emptied_letters} dead letters emptied; later runs exclude the person, whatever their clocks"
    )
    click.echo("Not reached, and left to you:")
    for place in OUT_OF_REACH:
        click.echo(f"  {place}")


def _ids(count: int) -> str:
    """Return how many ids a person has, if there are several."""
    return f" under {count} joined ids" if count > 1 else ""
