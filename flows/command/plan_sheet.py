"""`harmspot plan sheet`: one page for the crew of a shift."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FILE, pass_home, run_option

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("sheet")
@click.option(
    "--area", required=True, metavar="AREA_ID", help="One area, by its name, its full id or its id in the file."
)
@click.option("--shift", required=True, metavar="NAME", help="A shift of force.shifts, such as late.")
@run_option
@click.option("--out", type=FILE, help="PDF to write (default: shift-AREA-SHIFT.pdf in this folder).")
@pass_home
def sheet(home: "Home", area: str, shift: str, run_id: str | None, out: Path | None) -> None:
    """Write the shift sheet of an area as a one-page PDF: where one crew is to be, when, why, and what to do there.

    It is of the shift that starts on the day of the run. It names places only, and is no ground for a stop or search.

    \b
    Example:
      harmspot --home town plan sheet --area A07 --shift late --out a07-late.pdf
    """
    from flows.outputs.shift_sheet import write_shift_sheet

    named = "-".join(re.sub(r"[^\w.]+", "-", text.partition("@")[0]).strip("-") for text in ("shift", area, shift))
    path = out or Path(f"{named}.pdf")
    written = write_shift_sheet(home, area, shift, run_id, path)
    home.progress(f"wrote {path}: {len(written.stops)} stops, valid until {home.local_text(written.valid_to)}")
