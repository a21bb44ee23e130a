"""Why an area ranks where it does, in sentences, and the tables behind it by area."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.wording.catalogue import Catalogue


def reason(
    area: Mapping[str, Any],
    recent: Mapping[str, Any] | None,
    evidence: Sequence[Mapping[str, Any]],
    axes: Mapping[str, Any],
    catalogue: Catalogue,
) -> str:
    """Return what the score is mostly made of, how the last week was, and the heaviest incident; what is known of it.

    Parameters
    ----------
    area : mapping
        A row of `area_ranking`.
    recent : mapping or None
        Its row of `area_recent`, if there is one.
    evidence : sequence of mapping
        Its rows of `area_evidence`, the heaviest first.
    axes : mapping
        The measures by the name in their columns, with `words`.
    catalogue : Catalogue
        Language of the sentences.
    """
    shares = {name: area.get(f"{name}_share") for name in axes}
    known = {name: share for name, share in shares.items() if share is not None and not pd.isna(share)}
    said = []
    if known:
        most = max(known, key=lambda name: known[name])
        said.append(catalogue.text(
            "Most of the score: {measure} ({share}).",
            measure=catalogue.text(axes[most].words), share=catalogue.formats.percent(known[most])))  # fmt: skip
    if recent and recent["week_count"] is not None:
        said.append(_last_week(recent, catalogue))
    if evidence:
        heaviest = evidence[0]
        said.append(catalogue.text(
            "Heaviest incident: {offence}, {day}.",
            offence=catalogue.text(heaviest["offence"]),
            day=catalogue.formats.day(heaviest["occurred_on"])))  # fmt: skip
    return " ".join(said)


def by_area(frame: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return rows by their area, in their order; none where the table is empty or of an earlier version."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows if "area_id" in frame else ():
        found.setdefault(str(row["area_id"]), []).append(row)
    return found


def _last_week(recent: Mapping[str, Any], catalogue: Catalogue) -> str:
    count = catalogue.plural("{count} report last week", "{count} reports last week", int(recent["week_count"]))
    if recent["week_usual_lo"] is None or recent["week_usual_hi"] is None:
        return f"{count}."
    lo, hi = (catalogue.formats.number(recent[name]) for name in ("week_usual_lo", "week_usual_hi"))
    if recent["is_unusual"]:
        return catalogue.text("{reports}, more than the usual {lo} to {hi}.", reports=count, lo=lo, hi=hi)
    return catalogue.text("{reports} (usual: {lo} to {hi}).", reports=count, lo=lo, hi=hi)
