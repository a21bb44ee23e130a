"""Changes between two runs in words, as report, board and brief tell them."""

from collections.abc import Mapping
from typing import Any

from pipeline.wording.catalogue import Catalogue, message

KINDS = {"market": message("Market"), "hotspot": message("Hot spot")}


def change_name(
    change: Mapping[str, Any], names: Mapping[str, str], places: Mapping[str, str], catalogue: Catalogue
) -> str:
    """Return what changed: the name of an area, or kind and place of a market or hot spot.

    Parameters
    ----------
    change : mapping
        A row of `place_change`; runs of earlier versions have no `place`.
    names, places : mapping of str to str
        Names of areas and places of markets and hot spots by their id.
    catalogue : Catalogue
        Language of the words.
    """
    kind, key = change["place_kind"], change["place_id"]
    if kind == "area":
        return names.get(key, key)
    place = change.get("place") or places.get(key) or key
    return f"{catalogue.text(KINDS.get(kind, kind))} {catalogue.sentence(place)}"


def change_words(change: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Return how a row of `place_change` moved: that it entered or left, or its ranks before and now."""
    number = catalogue.formats.number
    before, now = number(change["rank_before"]), number(change["rank_after"])
    if change["change"] == "entered":
        return catalogue.text("entered, rank {now}.", now=now)
    if change["change"] == "left":
        return catalogue.text("left, was rank {before}.", before=before)
    return catalogue.text("rank {before} → {now}.", before=before, now=now)
