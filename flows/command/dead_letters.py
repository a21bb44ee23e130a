"""`harmspot dead-letters`: what could not be used, and why."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import PATH, json_option, pass_home
from flows.command.printing import print_frame, print_json, print_waiting

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("dead-letters")
@click.option("--reason", "code", metavar="CODE", help="Only these, such as unknown_offence_code.")
@click.option("--file", "file", metavar="NAME", help="Only those of this file or topic.")
@click.option("--rows", is_flag=True, help="Every row instead of one line per reason.")
@click.option("--csv", "csv_file", type=PATH, help="Write the rows to this CSV file.")
@json_option
@pass_home
def command(home: "Home", code: str | None, file: str | None, rows: bool, csv_file: Path | None, as_json: bool) -> None:
    """List the rows and events that could not be used and wait: reason, file, line, column, value.

    The value is shown of times, numbers and offence words, never of ids or free text.

    \b
    Examples:
      harmspot --home city dead-letters
      harmspot --home city dead-letters --reason bad_value --rows
      harmspot --home city dead-letters --csv waiting.csv
    """
    from flows.home.rows import to_json_rows
    from flows.ingest.dead_letters import by_reason, unknown_words, waiting_letters
    from pipeline.publication.downloads import without_formulas

    letters = waiting_letters(home)
    for name, wanted in (("reason", code), ("file", file)):
        if wanted is not None:
            known = sorted(letters[name].unique())
            if wanted not in known:
                raise click.UsageError(
                    f"--{name} {wanted}: no dead letter has it; waiting are {', '.join(known) or 'none'}"
                )
            letters = letters[letters[name] == wanted]
    if csv_file:
        without_formulas(letters).to_csv(csv_file, index=False)
        click.echo(f"{len(letters):,} rows written to {csv_file}")
    elif as_json and not rows:
        listed = {"reasons": by_reason(letters), "unknown_words": unknown_words(letters)}
        print_json({name: to_json_rows(found) for name, found in listed.items()})
    elif rows:
        print_frame(
            letters, title="dead letters", as_json=as_json, columns=["file", "line", "reason", "column", "value"]
        )
    else:
        print_waiting(letters)
