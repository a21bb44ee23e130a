"""What named people sign: reports of audits, whose clock the first run starts, and grades of the harm matrices."""

from datetime import date, timedelta
from pathlib import Path

from flows.decisions.desk import at_desk, refuse_unsaid
from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.human_log.audit_events import audit_events
from flows.human_log.harm_grades import grades_of
from flows.human_log.report_file import sealed_report, stated_day
from flows.inputs.assembly import read_run_codebook
from flows.inputs.harm_book import read_harm_book
from models.governance.actors import MACHINE
from models.governance.audits import AUDIT
from models.governance.harm_grades import GRADE_LASTS, GRADING
from models.outcomes.harm_book import MATRICES
from pipeline.errors import PublicationError
from pipeline.near_words import did_you_mean
from pipeline.store.human_events import HumanEvent


def begin_audits(home: Home, identity: RunIdentity) -> None:
    """Start the clock of the audits at the home's first run; later runs do not change it."""
    with at_desk(home) as desk:
        if not desk.ledger.about("run", kinds=["began"]):
            desk.record(HumanEvent("began", MACHINE, "run", identity.run_id, desk.home.now()))


def record_audit(home: Home, about: str, *, report: Path, found: str, made_on: date | None, by: str) -> date:
    """Record that a named person read and signed a report; return the day before which the next one is due.

    Parameters
    ----------
    home : Home
        Home of the audits.
    about : str
        Kind of report: fairness, feedback or displacement.
    report : Path
        File of the report.
    found : str
        Finding of the report, in a sentence.
    made_on : date or None
        Day the report was made. It may be omitted if the file states it, and must not differ from the file.
    by : str
        Name of the person who signs.

    Returns
    -------
    date
        First day on which the report is no longer fresh.

    Raises
    ------
    PublicationError
        If a rule forbids it, the file cannot be read, the report is too old, or its date is unknown.
    """
    fresh_days, sealed = home.settings.audits.fresh_days, sealed_report(report)
    made_on = _day_made(about, report, made_on)
    made_at = home.midnight(made_on)
    if home.now() >= made_at + timedelta(days=fresh_days):
        raise PublicationError(f"{about} report made on {made_on}: older than {fresh_days} days; sign a newer report")
    with at_desk(home) as desk:
        event = HumanEvent("audited", by, "audit", about, home.now(), {"found": found, "made_at": made_at, **sealed})
        if problem := AUDIT.refusal(AUDIT.state_after(audit_events(desk.ledger)), event):
            raise PublicationError(f"{about} report {report} is not recorded: {problem}")
        desk.record(event)
    return made_on + timedelta(days=fresh_days)


def _day_made(about: str, report: Path, given: date | None) -> date:
    """Return the day on which a report was made, as stated in the file or given by the signer."""
    stated = stated_day(report)
    if stated and given not in (None, stated):
        raise PublicationError(f"{about} report {report}: made on {given}? It says {stated}; leave --made-on out")
    if made_on := stated or given:
        return made_on
    raise PublicationError(f"{about} report {report} does not say when it was made: add --made-on DATE")


def grade_cell(
    home: Home,
    cell: tuple[str, str, str],
    *,
    severity: str,
    incidence: str,
    confidence: str,
    reason: str,
    by: str,
) -> tuple[str, date]:
    """Record a named person's grade of a cell (matrix, row, column); return its priority and its last day.

    Raises
    ------
    PublicationError
        There is no such cell, or a rule forbids it.
    """
    book = read_harm_book(home.settings.force.harm_matrix, read_run_codebook(home.settings, home.now()))
    priority = book.priority.of(severity, incidence)
    grade = {"severity": severity, "incidence": incidence, "priority": priority, "confidence": confidence}
    event = HumanEvent("graded", by, "harm_cell", subject_of(cell), home.now(), {**grade, "reason": reason})
    _record_grade(home, event)
    return priority, (event.at + GRADE_LASTS).astimezone(home.settings.force.zone).date() - timedelta(days=1)


def withdraw_grade(home: Home, cell: tuple[str, str, str], *, reason: str, by: str) -> None:
    """Record that the grade of a cell by a person counts no longer; raises as `grade_cell`."""
    event = HumanEvent("withdrawn", by, "harm_cell", subject_of(cell), home.now(), {"reason": reason})
    _record_grade(home, event)


def subject_of(cell: tuple[str, str, str]) -> str:
    """Return matrix/row/column; PublicationError names the nearest where there is no such cell."""
    matrix, row, column = cell
    rows, columns = MATRICES[matrix]
    for name, known in ((row, rows), (column, columns)):
        if name not in known:
            raise PublicationError(f"matrix {matrix} has no {name!r}; {did_you_mean(name, known)}")
    return "/".join(cell)


def _record_grade(home: Home, event: HumanEvent) -> None:
    with at_desk(home) as desk:
        if problem := GRADING.refusal(grades_of(desk.ledger).get(event.subject, ()), event):
            raise PublicationError(f"{event.subject} cannot be {event.kind}: {problem}")
        refuse_unsaid(event)
        desk.record(event)
