"""How the features of a theme are drawn: classes with their colours, as the renderers of QGIS.

The colours are those of the report: areas in blues by probability, cells in oranges by expected harm, hot spots in
reds. The classes are quantiles of the run itself, so that five areas or five thousand are told apart.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd

STYLES = Path(__file__).parents[1] / "styles"
AREA_BLUES = ("#1f4e79", "#4c7aa6", "#7fa3c4", "#adc4d9", "#d5e0ea", "#eef2f5")
AREA_SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1)  # of all areas, by rank
FEW_AREAS = 100  # of fewer the top 1% is none: each class has a sixth
CELL_CLASSES = {
    0.005: "#7d3103",
    0.01: "#dd6a0a",
    0.02: "#f7a823",
    0.05: "#fcd873",
}  # by share of all cells; the rest is clear
HOTSPOT_CLASSES = {
    0.1: ("#bd0026", "top 10% of hot spots by harm"),
    0.25: ("#f03b20", "top 25%"),
    1: ("#fd8d3c", "the rest"),
}
HOTSPOT_LINE = "#67000d"
CHANGES = {"entered": "#b2182b", "rose": "#ef8a62", "fell": "#67a9cf", "left": "#2166ac"}
INK = "#17202a"
# Areas are multiplied: what lies below them stays visible, a street map or, in another order of layers, the cells.
BLEND_MODES = {"areas": "6"}  # as QGIS numbers them; others are 0, drawn over what is below
PLAIN = {"symbollevels": "0", "forceraster": "0", "enableorderby": "0"}


def renderer_of(style: str, features: gpd.GeoDataFrame) -> ET.Element | None:
    """Return the renderer of a style with the classes of these features; None if there is no such style."""
    if style in BY_CODE:
        return BY_CODE[style](features)
    path = STYLES / f"{style}.qml"
    return ET.parse(path).getroot().find("renderer-v2") if style and path.exists() else None


def rank_classes(count: int, shares: Sequence[float]) -> list[tuple[int, int, float]]:
    """Return first rank, last rank and share of each class that holds a rank.

    >>> rank_classes(12, (0.1, 0.5, 1))
    [(1, 2, 0.1), (3, 6, 0.5), (7, 12, 1)]
    """
    lasts = [math.ceil(round(count * share, 9)) for share in shares]
    firsts = [1, *(last + 1 for last in lasts[:-1])]
    return [(first, last, share) for first, last, share in zip(firsts, lasts, shares, strict=True) if first <= last]


def _areas(features: gpd.GeoDataFrame) -> ET.Element:
    """Classes of rank, the order of the probability to be in the top K; the target list has a strong border."""
    few = tuple((place + 1) / len(AREA_BLUES) for place in range(len(AREA_BLUES)))
    shares = few if len(features) < FEW_AREAS else AREA_SHARES
    colours = dict(zip(shares, AREA_BLUES, strict=True))
    classes = [
        (first, last, _probabilities(features, first, last), _fill(colours[share], "#ffffff", 0.2, listed=True))
        for first, last, share in rank_classes(len(features), shares)
    ]
    return _graduated("rank", classes, drawn_last="is_listed")


def _probabilities(features: gpd.GeoDataFrame, first: int, last: int) -> str:
    """Return the ranks of a class and the least and greatest probability in it."""
    ranks = _ranks(first, last)
    if "p_top_k" not in features:
        return ranks
    inside = features.loc[features["rank"].between(first, last), "p_top_k"]
    least, most = f"{inside.min():.0%}", f"{inside.max():.0%}"
    return f"{ranks}, P(top K) {least}" if least == most else f"{ranks}, P(top K) {most} to {least}"


def _ranks(first: int, last: int) -> str:
    return f"rank {first:,}" if first == last else f"rank {first:,} to {last:,}"


def _cells(features: gpd.GeoDataFrame) -> ET.Element:
    """Classes by rank of expected harm; most cells are left clear."""
    classes = [
        (first, last, _least_harm(features, first, last, share), _fill(CELL_CLASSES[share], None))
        for first, last, share in rank_classes(len(features), tuple(CELL_CLASSES))
    ]
    return _graduated("rank", classes)


def _least_harm(features: gpd.GeoDataFrame, first: int, last: int, share: float) -> str:
    """Return the share of a class, or its ranks where cells are few, and the least expected harm in it."""
    is_share = len(features) * min(CELL_CLASSES) >= 1
    top = f"top {100 * share:g}% of cells" if is_share else _ranks(first, last)
    if "expected_harm" not in features:
        return top
    least = features.loc[features["rank"] == last, "expected_harm"]
    return f"{top}, expected harm from {float(least.iloc[0]):.1f} days" if len(least) else top


def _hotspots(features: gpd.GeoDataFrame) -> ET.Element:
    """Classes by rank of harm, called by their ranks where few; outlined, and half clear over the cells."""
    is_share = len(features) * min(HOTSPOT_CLASSES) >= 1
    classes = [
        (
            first,
            last,
            HOTSPOT_CLASSES[share][1] if is_share else _ranks(first, last),
            _fill(HOTSPOT_CLASSES[share][0], HOTSPOT_LINE, 0.5),
        )
        for first, last, share in rank_classes(len(features), tuple(HOTSPOT_CLASSES))
    ]
    return _graduated("rank", classes, alpha=0.6)


def _changes(_: gpd.GeoDataFrame) -> ET.Element:
    root = ET.Element("renderer-v2", {"type": "categorizedSymbol", "attr": "change", **PLAIN})
    categories = ET.SubElement(root, "categories")
    for place, change in enumerate(CHANGES):
        ET.SubElement(categories, "category", symbol=str(place), value=change, label=change, render="true")
    _add_symbols(root, [_fill(colour, colour, 0.6, pattern="b_diagonal") for colour in CHANGES.values()])
    return root


def _outlined(_: gpd.GeoDataFrame) -> ET.Element:
    root = ET.Element("renderer-v2", {"type": "singleSymbol", **PLAIN})
    _add_symbols(root, [_fill(INK, INK, 0.7, pattern="no")])
    return root


BY_CODE: Mapping[str, Callable[[gpd.GeoDataFrame], ET.Element]] = {
    "areas": _areas,
    "cells": _cells,
    "hotspots": _hotspots,
    "changes": _changes,
    "area_sets": _outlined,
    "visits": _outlined,
}


def _graduated(
    attribute: str,
    classes: Sequence[tuple[int, int, str, ET.Element]],
    *,
    drawn_last: str | None = None,
    alpha: float = 1.0,
) -> ET.Element:
    """Return a renderer of classes: first and last value, words, symbol layer."""
    kind = {"type": "graduatedSymbol", "attr": attribute, "graduatedMethod": "GraduatedColor", **PLAIN}
    root = ET.Element("renderer-v2", kind | ({"enableorderby": "1"} if drawn_last else {}))
    ranges = ET.SubElement(root, "ranges")
    for place, (first, last, words, _) in enumerate(classes):
        bounds = {"lower": str(first), "upper": str(last), "label": words}
        ET.SubElement(ranges, "range", {"symbol": str(place), **bounds, "render": "true"})
    _add_symbols(root, [symbol for *_, symbol in classes], alpha)
    if drawn_last:
        order = ET.SubElement(root, "orderby")
        ET.SubElement(order, "orderByClause", asc="1", nullsFirst="1").text = f'"{drawn_last}"'
    return root


def _add_symbols(root: ET.Element, layers: Sequence[ET.Element], alpha: float = 1.0) -> None:
    symbols = ET.SubElement(root, "symbols")
    for place, layer in enumerate(layers):
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(place), alpha=f"{alpha:g}", clip_to_extent="1")
        symbol.append(layer)


def _fill(
    colour: str, outline: str | None, width_mm: float = 0.2, *, pattern: str = "solid", listed: bool = False
) -> ET.Element:
    """Return the layer of a symbol: a filled polygon; `listed` gives features of the target list a strong border."""
    layer = ET.Element("layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
    options = {
        "color": _rgba(colour),
        "outline_color": _rgba(outline or colour),
        "outline_style": "solid" if outline else "no",
        "outline_width": f"{width_mm:g}",
        "outline_width_unit": "MM",
        "style": pattern,
        "joinstyle": "miter",
    }
    values = ET.SubElement(layer, "Option", type="Map")
    for name, value in options.items():
        ET.SubElement(values, "Option", type="QString", name=name, value=value)
    if listed:
        strong = {
            "outlineColor": f"if(\"is_listed\", '{INK}', '{outline}')",
            "outlineWidth": 'if("is_listed", 0.7, 0.2)',
        }
        layer.append(data_defined("data_defined_properties", strong))
    return layer


def data_defined(tag: str, expressions: Mapping[str, str]) -> ET.Element:
    """Return properties of a symbol or label that expressions decide, by name of the property."""
    root = ET.Element(tag)
    collection = ET.SubElement(root, "Option", type="Map")
    ET.SubElement(collection, "Option", type="QString", name="name", value="")
    properties = ET.SubElement(collection, "Option", type="Map", name="properties")
    for name, expression in expressions.items():
        one = ET.SubElement(properties, "Option", type="Map", name=name)
        ET.SubElement(one, "Option", type="bool", name="active", value="true")
        ET.SubElement(one, "Option", type="QString", name="expression", value=expression)
        ET.SubElement(one, "Option", type="int", name="type", value="3")
    ET.SubElement(collection, "Option", type="QString", name="type", value="collection")
    return root


def _rgba(colour: str) -> str:
    """Return a colour as QGIS writes it.

    >>> _rgba("#1f4e79")
    '31,78,121,255'
    """
    return ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5)) + ",255"
