"""`harmspot audit`: who read what, whether a copy may still be used, and who asked to be forgotten."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home, reading_options

if TYPE_CHECKING:
    from flows.home import Home


@click.group("audit")
def command() -> None:
    """Check the log of who read what about people, check a copy of a list, erase a person.

    \b
    Examples:
      harmspot --home town audit verify
      harmspot --home town audit export queue.json
    """


@command.command("verify")
@pass_home
def verify(home: "Home") -> None:
    """Check the hash chain of the access log; exits 1 and names the line where it is broken.

    Lines cut off at the end leave the chain whole: compare the number of entries and the head with what you kept.

    \b
    Example:
      harmspot --home town audit verify
    """
    problems = home.access_log.verify()
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    if problems:
        sys.exit(1)
    count = sum(1 for _ in home.access_log.entries())
    click.echo(
        f"access log {home.access_log.path}: the chain is whole, {count:,} entries, head {home.access_log.head()}"
    )
    click.echo("Keep the head elsewhere: only it shows when the last entries were cut off.")


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_home
def export(home: "Home", file: Path) -> None:
    """Check that the copy in FILE is unaltered, not expired and not revoked; exits 1 with the reason otherwise.

    \b
    Example:
      harmspot --home town audit export queue.json
    """
    from flows.lists import verify_export

    said = verify_export(home, file)
    click.echo(
        f"{file}: list {said['list_id']} for {said['recipient']} under {said['agreement_id']} may be used until "
        f"{said['valid_to']}. Not grounds for stop, arrest or eviction."
    )


@command.command("erase")
@click.argument("person")
@click.option("--reason", metavar="TEXT", required=True, help="Who asked, and on what ground, in a sentence.")
@reading_options
@pass_home
def erase(home: "Home", person: str, reason: str, purpose: str | None, reader: str | None) -> None:
    """Erase PERSON, given by pseudonym or by the force's own id: a tombstone stays, so that old hashes still verify.

    \b
    Example:
      harmspot --home town audit erase P000123 --reason "court order 7, records sealed" \\
          --purpose "right to erasure" --reader "Records, M. Ito"
    """
    from flows.erasure import erase_person

    done = erase_person(home, person, reader=reader, purpose=purpose, reason=reason)
    click.echo(
        f"one person erased: {done.revoked_lists} active lists revoked, {done.emptied_letters} dead letters emptied; "
        "the next run leaves the person out at every clock"
    )
