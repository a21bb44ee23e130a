"""`harmspot evaluate outcomes` and `grade`: what policing brought and cost, and grades of harm by named people."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FILE, NearChoice, by_option, pass_home, reason_option, run_option
from models.outcomes.harm_book import CONFIDENCES, INCIDENCES, MATRICES, SEVERITIES

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("outcomes")
@click.option("--out", type=FILE, required=True, help="Page to write.")
@run_option
@pass_home
def outcomes(home: "Home", out: Path, run_id: str | None) -> None:
    """Write what policing brought and what it cost as a page: harm matrices, ledger, scoreboard, consequences.

    The page needs no network and names nobody whom the police know. Tables that a run lacks are left out.

    \b
    Example:
      harmspot --home city evaluate outcomes --out outcomes.html
    """
    from flows.outputs.outcomes_page import write_outcomes_page

    write_outcomes_page(home, run_id, out)
    home.progress(f"wrote {out}")


@click.command("grade")
@click.argument("matrix", type=NearChoice(list(MATRICES)))
@click.argument("row")
@click.argument("column")
@click.option("--severity", type=NearChoice(SEVERITIES), help="How bad one such harm is.")
@click.option("--incidence", type=NearChoice(INCIDENCES), help="How often it comes.")
@click.option("--confidence", type=NearChoice(CONFIDENCES), default="low", help="How sure you are.")
@click.option("--withdraw", "is_withdrawn", is_flag=True, help="Withdraw the grade that is in force.")
@reason_option
@by_option
@pass_home
def grade(
    home: "Home",
    matrix: str,
    row: str,
    column: str,
    severity: str | None,
    incidence: str | None,
    confidence: str,
    is_withdrawn: bool,
    reason: str,
    by: str,
) -> None:
    """Grade a cell of a harm MATRIX, by ROW and COLUMN, where events do not show the harm; or withdraw a grade.

    A grade lasts a year; given again, the later one counts. It changes no figure that comes from events: both are
    shown. The matrices are type_by_level (physical, social, environmental, economic or structural harm; individual,
    community or country) and source_by_bearer (use, supply, production or enforcement; users, neighbourhood, national
    or international).

    \b
    Examples:
      harmspot --home city evaluate grade type_by_level structural community --severity serious \\
          --incidence persistent --reason "residents say that calls go unanswered" --by "Supt. A. Lee"
      harmspot --home city evaluate grade type_by_level structural community --withdraw \\
          --reason "a survey is under way" --by "Supt. A. Lee"
    """
    from flows.decisions.audits import grade_cell, withdraw_grade

    cell, about = (matrix, row, column), f"{row} by {column}"
    if is_withdrawn:
        if severity or incidence:
            raise click.UsageError("--withdraw goes without --severity and --incidence")
        withdraw_grade(home, cell, reason=reason, by=by)
        click.echo(f"the grade of {about} is withdrawn")
        return
    if severity is None or incidence is None:
        raise click.UsageError("give --severity and --incidence, or --withdraw")
    priority, last_day = grade_cell(
        home, cell, severity=severity, incidence=incidence, confidence=confidence, reason=reason, by=by
    )
    click.echo(f"{about} is graded {severity} and {incidence}, priority {priority.replace('_', ' ')}, until {last_day}")
