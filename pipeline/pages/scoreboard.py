"""The scoreboard of the report: the force's months as small charts, with the figures beside them."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.wording.catalogue import message

# Table and column, its words, digits after the point, and whether it is a share. Costs come after what they are for.
FIGURES = (
    ("scoreboard", "harm", message("Harm reported, in harm points"), 0, False),
    ("scoreboard", "public_calls", message("Incidents that the public reported"), 0, False),
    ("scoreboard", "promises_kept_share", message("Promises kept"), 0, True),
    ("scoreboard", "median_consequence_h", message("Hours to a consequence, median"), 0, False),
    ("scoreboard", "started_share", message("Help begun within 72 hours"), 0, True),
    ("scoreboard", "treatment_started", message("Starts of treatment"), 0, False),
    ("enforcement_ledger", "arrests", message("Arrests, a cost"), 0, False),
    ("enforcement_ledger", "possession_arrests", message("Arrests for possession, against the policy"), 0, False),
    ("enforcement_ledger", "custody_days", message("Days in custody, a cost"), 0, False),
    ("enforcement_ledger", "complaints", message("Complaints about the police"), 0, False),
    ("enforcement_ledger", "injuries", message("People injured"), 0, False),
)
WIDTH, HEIGHT = 100, 24
FEW = "fewer than"  # of the reason why a figure about few people is withheld


def board(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the months and the figures of the force to draw; neither for a run that has no scoreboard.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables scoreboard and enforcement_ledger.

    Returns
    -------
    dict
        months: first days of the whole months. figures: name, digits, is_share, values (by month, None where missing),
        year (of the twelve months), is_withheld and is_missing (why a year is not told), points of the chart.
    """
    own = {name: frame[frame["scope"] == "force"] for name, frame in tables.items()}
    months = {
        name: frame[(frame["span"] == "month") & ~frame["is_current"].astype(bool)] for name, frame in own.items()
    }
    months = {name: frame.sort_values("from_on") for name, frame in months.items()}
    figures = []
    for table, column, name, digits, is_share in FIGURES:
        year = own[table][own[table]["span"] == "year"]
        if year.empty:
            continue
        values = [_plain(value) for value in months[table][column]]
        whole = _plain(year[column].iloc[0])
        why = next((text for text in year["not_recorded"].iloc[0] if column in text), "") if whole is None else ""
        figures.append(
            {
                "name": name, "digits": digits, "is_share": is_share, "values": values, "year": whole,
                "is_withheld": FEW in why, "is_missing": bool(why) and FEW not in why, "chart": chart(values),
            }
        )  # fmt: skip
    return {"months": list(months["scoreboard"]["from_on"]), "figures": figures}


def chart(values: list[float | None]) -> Markup:
    """Return the path of a small line chart from zero to the greatest value; it breaks where a value is missing."""
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    step, path, is_drawing = WIDTH / max(len(values) - 1, 1), [], False
    for place, value in enumerate(values):
        if value is not None:
            at = f"{step * place:.1f} {HEIGHT - HEIGHT * value / most:.1f}"
            path.append(f"L{at}" if is_drawing else f"M{at}h0")
        is_drawing = value is not None
    return Markup("".join(path))


def _plain(value: Any) -> float | None:
    return None if pd.isna(value) or not math.isfinite(value) else float(value)
