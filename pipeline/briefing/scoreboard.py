"""The scoreboard of the report: the force's months as small charts, with the figures beside them."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.wording.catalogue import message

# Table and column, its words, and of a share the column with its denominator. Costs come after what they are for.
FIGURES = (
    ("scoreboard", "harm", message("Harm reported, in harm points"), None),
    ("scoreboard", "public_calls", message("Incidents that the public reported"), None),
    ("scoreboard", "promises_kept_share", message("Promises kept"), "promises_due"),
    ("scoreboard", "median_consequence_h", message("Hours to a consequence, median"), None),
    ("scoreboard", "started_share", message("Help begun within 72 hours"), "diversions_start_due"),
    ("scoreboard", "treatment_started", message("Starts of treatment"), None),
    ("enforcement_ledger", "arrests", message("Arrests, a cost"), None),
    ("enforcement_ledger", "possession_arrests", message("Arrests for possession, against the policy"), None),
    ("enforcement_ledger", "custody_days", message("Days in custody, a cost"), None),
    ("enforcement_ledger", "complaints", message("Complaints about the police"), None),
    ("enforcement_ledger", "injuries", message("People injured"), None),
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
        months: first days of the whole months. figures: name, values (by month, None where missing), year (of the
        twelve months), lo, hi and of (interval and denominator of a share), is_withheld and is_missing (why the year is
        not told), chart.
    """
    own = {name: frame[frame["scope"] == "force"] for name, frame in tables.items()}
    months = {
        name: frame[(frame["span"] == "month") & ~frame["is_current"].astype(bool)] for name, frame in own.items()
    }
    months = {name: frame.sort_values("from_on") for name, frame in months.items()}
    figures = []
    for table, column, name, of in FIGURES:
        year = own[table][own[table]["span"] == "year"]
        if year.empty:
            continue
        row, values = year.iloc[0], [_plain(value) for value in months[table][column]]
        told = row["not_recorded"] if _plain(row[column]) is None else []
        why = next((text for text in told if (of or column) in text.partition(":")[0].split(", ")), "")
        share = (
            {"lo": _plain(row[f"{column}_lo"]), "hi": _plain(row[f"{column}_hi"]), "of": _plain(row[of])} if of else {}
        )
        figures.append(
            {
                "name": name, "values": values, "year": _plain(row[column]), **share, "is_share": of is not None,
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
