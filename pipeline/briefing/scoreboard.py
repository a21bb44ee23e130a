"""The scoreboard of the report: the force's months as small charts, with the figures beside them."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.wording.catalogue import message

LESS, MORE = message("less is better"), message("more is better")
# Table and column, its words, and of a share or a median the column with its cases. Costs come after what they are for.
FIGURES = (
    ("scoreboard", "harm", message("Harm reported, in harm points"), None, LESS),
    ("scoreboard", "public_calls", message("Incidents that the public reported"), None, LESS),
    ("scoreboard", "promises_kept_share", message("Promises kept"), "promises_due", MORE),
    (
        "scoreboard",
        "median_consequence_h",
        message("Hours until a report at an announced market was answered, median"),
        "violations_answered",
        LESS,
    ),
    ("scoreboard", "started_share", message("Help begun within 72 hours"), "diversions_start_due", MORE),
    ("scoreboard", "treatment_started", message("Starts of treatment"), None, MORE),
    ("enforcement_ledger", "arrests", message("Arrests, a cost"), None, LESS),
    ("enforcement_ledger", "possession_arrests", message("Arrests for possession, against the policy"), None, LESS),
    ("enforcement_ledger", "custody_days", message("Days in custody, a cost"), None, LESS),
    ("enforcement_ledger", "complaints", message("Complaints about the police"), None, LESS),
    ("enforcement_ledger", "injuries", message("People injured"), None, LESS),
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
        months: first days of the whole months since something is on record. figures: name, direction (what is better),
        values (by month, None where missing), latest (of the last whole month), year (of all days on record), of (cases
        of a share or a median), lo and hi (interval of a share), since (the first month with a value, where it is not
        the first one shown), is_withheld and is_missing (why the year is not told), chart. begin: first day on record.
    """
    own = {name: frame[frame["scope"] == "force"] for name, frame in tables.items()}
    months = {
        name: frame[(frame["span"] == "month") & ~frame["is_current"].astype(bool)] for name, frame in own.items()
    }
    known = pd.concat([frame["recorded_from"].dropna() for frame in own.values()])
    begin = known.min() if len(known) else None
    months = {name: frame.sort_values("from_on") for name, frame in months.items()}
    if begin is not None:
        months = {name: frame[frame["from_on"] >= begin] for name, frame in months.items()}
    shown = list(months["scoreboard"]["from_on"])
    figures = []
    for table, column, name, of, direction in FIGURES:
        year = own[table][own[table]["span"] == "year"]
        if year.empty:
            continue
        row, values = year.iloc[0], [_plain(value) for value in months[table][column]]
        told = row["not_recorded"] if _plain(row[column]) is None else []
        why = next((text for text in told if (of or column) in text.partition(":")[0].split(", ")), "")
        is_share = f"{column}_lo" in year
        ends = {"lo": _plain(row[f"{column}_lo"]), "hi": _plain(row[f"{column}_hi"])} if is_share else {}
        first = next((number for number, value in enumerate(values) if value is not None), 0)
        figures.append(
            {
                "name": name, "direction": direction, "values": values, "year": _plain(row[column]), **ends,
                "of": _plain(row[of]) if of else None, "is_share": is_share, "since": shown[first] if first else None,
                "latest": values[-1] if values else None,
                "most": max((value for value in values if value is not None), default=None),
                "is_withheld": FEW in why, "is_missing": bool(why) and FEW not in why, "chart": chart(values),
            }
        )  # fmt: skip
    return {"months": shown, "figures": figures, "begin": begin}


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
