"""The style of a theme as QGIS keeps it: renderer, labels, names of columns, display name, map tip, validity."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from geo.layers.layer import Field, Layer
from geo.layers.renderers import BLEND_MODES, data_defined, renderer_of

QGIS_VERSION = "3.22.0"  # files of an older version are read without a question
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FEW_LABELS = 60  # so many areas all have theirs; of more those that do not cover each other, the first ranks first


def write_styles(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `<theme>.qml` per layer with a style; QGIS loads it with the file of the same name."""
    styles = {folder / f"{layer.theme}.qml": style_of(layer) for layer in layers}
    styled = {path: style for path, style in styles.items() if style is not None}
    for path, style in styled.items():
        path.write_text(style, encoding="utf-8")
    return list(styled)


def style_of(layer: Layer) -> str | None:
    """Return the style of a layer as a QML document; None if there is none."""
    elements = style_elements(layer)
    if elements[0].tag != "renderer-v2":
        return None
    head = {"version": QGIS_VERSION, "styleCategories": "AllStyleCategories", "labelsEnabled": labels_enabled(layer)}
    root = ET.Element("qgis", head)
    root.extend(elements)
    return DOCTYPE + as_text(root)


def labels_enabled(layer: Layer) -> str:
    """Return 1 where features are labelled, else 0, as QGIS writes it."""
    return "1" if layer.description.label else "0"


def style_elements(layer: Layer) -> list[ET.Element]:
    """Return the elements that QML and project have in common; the renderer is the first, if there is one."""
    style = layer.description.style or layer.theme
    renderer = renderer_of(style, layer.features)
    elements = [] if renderer is None else [renderer]
    if layer.description.label:
        elements += [_labels(layer), _text("previewExpression", layer.description.label), _map_tip(layer)]
    return [
        *elements,
        _aliases(layer),
        _temporal(layer),
        _text("blendMode", BLEND_MODES.get(style, "0")),
        _text("layerOpacity", "1"),
    ]


def as_text(root: ET.Element) -> str:
    """Return an XML document, indented, without characters that XML cannot hold."""
    ET.indent(root)
    return in_xml(ET.tostring(root, encoding="unicode")) + "\n"


def in_xml(text: str) -> str:
    """Return a text in which characters that XML 1.0 cannot hold are replaced."""
    return NOT_IN_XML.sub("�", text)


def _text(tag: str, text: str) -> ET.Element:
    element = ET.Element(tag)
    element.text = text
    return element


def _labels(layer: Layer) -> ET.Element:
    """Return labels that stand inside their features, dark on a pale rim, and give way to those of a better rank."""
    root = ET.Element("labeling", type="simple")
    settings = ET.SubElement(root, "settings", calloutType="simple")
    style = {
        "fieldName": layer.description.label,
        "isExpression": "1",
        "fontFamily": "Sans Serif",
        "fontSize": "8",
        "fontSizeUnit": "Point",
        "textColor": "23,32,42,255",
        "textOpacity": "1",
        "multilineHeight": "0.9",
    }
    text = ET.SubElement(settings, "text-style", style)
    rim = {"bufferColor": "255,255,255,255", "bufferOpacity": "0.9"}
    ET.SubElement(text, "text-buffer", {"bufferDraw": "1", "bufferSize": "0.9", "bufferSizeUnits": "MM", **rim})
    ET.SubElement(settings, "text-format", multilineAlign="1")
    ET.SubElement(settings, "placement", placement="4", priority="5", polygonPlacementFlags="2")
    all_drawn = "1" if layer.description.is_always_labelled and len(layer.features) <= FEW_LABELS else "0"
    scale = layer.description.labels_from_scale
    scales = {"scaleVisibility": "1" if scale else "0", "scaleMin": "0", "scaleMax": str(scale)}
    drawing = {"drawLabels": "1", "obstacle": "0", "fontMinPixelSize": "3", "fontMaxPixelSize": "10000"}
    ET.SubElement(settings, "rendering", {**drawing, **scales, "displayAll": all_drawn})
    if "rank" in layer.features:
        settings.append(data_defined("dd_properties", {"Priority": 'max(0, 10 - ln("rank"))'}))
    return root


def _map_tip(layer: Layer) -> ET.Element:
    """Return the tip of a feature: its name, then the columns that the description chooses."""
    chosen = [field for name in layer.description.tip for field in layer.fields if field.name == name]
    rows = "".join(f"<br>{escape(field.alias)}: [% {_shown(field)} %]" for field in chosen)
    return _text("mapTip", f"<b>[% {_escaped(layer.description.label)} %]</b>{rows}")


def _escaped(expression: str) -> str:
    """Return the expression of a text as HTML shows it: a tip is a page, and the text may come from outside."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        expression = f"replace({expression}, '{sign}', '{entity}')"
    return expression


def _shown(field: Field) -> str:
    """Return the expression of a value in a tip: of a real number, one digit behind the point, or three below 1."""
    name = f'"{field.name}"'
    if field.kind == "double":
        return f"round({name}, if(abs({name}) < 1, 3, 1))"
    return _escaped(name) if field.kind in ("string", "list", None) else name


def _aliases(layer: Layer) -> ET.Element:
    root = ET.Element("aliases")
    for field in layer.fields:
        ET.SubElement(root, "alias", field=field.name, name=field.alias)
    return root


def _temporal(layer: Layer) -> ET.Element:
    """Return from when to when a feature holds: between two columns, or from one for the minutes in another."""
    start, minutes = layer.description.duration or ("as_of", "")
    mode = {"mode": "3", "durationField": minutes} if minutes else {"mode": "2", "endField": "valid_to"}
    return ET.Element(
        "temporal", {"enabled": "1", "startField": start, "durationUnit": "min", "accumulate": "0", **mode}
    )
