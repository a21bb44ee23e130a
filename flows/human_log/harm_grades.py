"""Grades of the harm matrices by named people, from the ledger: table harm_grade."""

from datetime import datetime
from typing import Any

import pandas as pd

from flows.human_log.ledger import Ledger
from models.governance.harm_grades import GRADE_EVENTS, GRADING, Grade, Grades
from pipeline.publication.tables import read_tables


def grades_of(ledger: Ledger) -> dict[str, Grades]:
    """Return the grades of every cell that ever had one, by matrix/row/column."""
    return GRADING.by_subject(ledger.about("harm_cell", kinds=GRADE_EVENTS))


def harm_grade(ledger: Ledger, now: datetime) -> pd.DataFrame:
    """Return harm_grade, with the state at a moment."""
    rows = [_row(grade, now) for grades in grades_of(ledger).values() for grade in grades]
    return pd.DataFrame(rows, columns=read_tables().published["harm_grade"].column_names)


def _row(grade: Grade, now: datetime) -> dict[str, Any]:
    event, ended, before = grade.graded, grade.ended, grade.before
    matrix, row, column = event.subject.split("/")
    names = ("severity", "incidence", "priority", "confidence", "reason")
    return {
        **{"matrix": matrix, "matrix_row": row, "matrix_column": column, "state": grade.state(now)},
        **{name: event.detail[name] for name in names},
        **{"graded_by": event.actor, "graded_at": event.at, "ends_at": grade.ends_at},
        "ended_by": ended.actor if ended else None,
        "ended_because": ended.detail["reason"] if ended else None,
        "severity_before": before.detail["severity"] if before else None,
        "incidence_before": before.detail["incidence"] if before else None,
    }
