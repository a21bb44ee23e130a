"""`harmspot brief`: the morning brief of a kept run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FOLDER, pass_home, run_option

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("brief")
@run_option
@click.option("--area", metavar="AREA_ID", help="One area alone, by its name, its full id or its id in the file.")
@click.option("--out", type=FOLDER, default=Path(), help="Folder for the two files (default: this one).")
@click.option("--mail", is_flag=True, help="Also send it to the recipients of section mail.")
@pass_home
def command(home: "Home", run_id: str | None, area: str | None, out: Path, mail: bool) -> None:
    """Write the morning brief of a run as a PDF of at most four pages, and the same as one HTML file.

    Its first page stands alone: the day in three sentences, a map with the places to be, what to do there and why, what
    changed. Behind it stand what was promised and kept, what is uncertain, and what a list is no grounds for. It names
    places only. A daily run writes it into folder brief of the home (schedule.brief), and mails it (section mail).

    \b
    Examples:
      harmspot --home city brief
      harmspot --home city brief --area 24 --out briefs
    """
    from flows.brief.make import make_brief
    from flows.brief.morning import finish_by_hand
    from pipeline.complete_file import write_complete
    from pipeline.errors import MailError, SettingsError

    if mail and home.settings.mail.host is None:
        raise SettingsError("mail.host is not set; name the force's server, sender and recipients in section mail")
    made = make_brief(home, run_id, area)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in made.files.items():
        write_complete(out / name, content)
        click.echo(out / name)
    if problem := finish_by_hand(home, made, is_mailed=mail):
        raise MailError(problem)
    if mail:
        home.progress(f"mailed to {len(home.settings.mail.recipients)} recipients")
