"""A QGIS project of the GeoPackage beside it: layers in the order of drawing, with their styles; it opens as it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from geo.layers.fixed_times import write_archive
from geo.layers.geopackage import NAME as PACKAGE
from geo.layers.layer import Layer, extent_of
from geo.layers.styles import QGIS_VERSION, as_text, labels_enabled, style_elements

NAME = "harmspot.qgz"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
BOX = ("xmin", "ymin", "xmax", "ymax")
MARGIN_SHARE = 0.03


def write_project(layers: Sequence[Layer], folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """Write `harmspot.qgz`, in which the last layer is drawn on top."""
    project = DOCTYPE + as_text(_project(layers, run))
    return [write_archive(folder / NAME, {"harmspot.qgs": project.encode()})]


def _project(layers: Sequence[Layer], run: Mapping[str, Any]) -> ET.Element:
    title = f"{run.get('force_name') or 'harmspot'}, as of {run['as_of']:%Y-%m-%d %H:%M}Z, run {run['run_id']}"
    title = f"{run['warning']} {title}" if run.get("warning") else title
    root = ET.Element("qgis", version=QGIS_VERSION, projectname=title)
    ET.SubElement(root, "title").text = title
    crs = layers[0].features.crs
    _add_crs(ET.SubElement(root, "projectCrs"), crs)
    from_the_top = list(reversed(layers))
    _add_tree(root, from_the_top)
    extent = extent_of(layers)
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    ET.SubElement(canvas, "units").text = "meters"
    if extent:
        _add_box(canvas, _with_margin(extent))
    _add_crs(ET.SubElement(canvas, "destinationsrs"), crs)
    drawn = ET.SubElement(root, "projectlayers")
    drawn.extend(_map_layer(layer) for layer in layers)
    order = ET.SubElement(root, "layerorder")
    for layer in from_the_top:
        ET.SubElement(order, "layer", id=_id(layer))
    properties = ET.SubElement(root, "properties")
    ET.SubElement(ET.SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    ET.SubElement(ET.SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", type="int").text = "1"
    if extent:
        settings = ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0")
        sides = zip(BOX, _with_margin(extent), strict=True)
        ET.SubElement(settings, "DefaultViewExtent", {name: f"{side:g}" for name, side in sides})
    return root


def _add_tree(root: ET.Element, from_the_top: Sequence[Layer]) -> None:
    tree = ET.SubElement(root, "layer-tree-group")
    for layer in from_the_top:
        ET.SubElement(
            tree,
            "layer-tree-layer",
            id=_id(layer),
            name=layer.description.title,
            source=_source(layer),
            providerKey="ogr",
            checked="Qt::Checked" if layer.description.is_shown else "Qt::Unchecked",
            expanded="1" if layer.description.is_shown else "0",
        )


def _map_layer(layer: Layer) -> ET.Element:
    kind = {"type": "vector", "geometry": "Polygon", "labelsEnabled": labels_enabled(layer)}
    root = ET.Element("maplayer", {**kind, "styleCategories": "AllStyleCategories"})
    if extent := extent_of([layer]):
        _add_box(root, extent)
    ET.SubElement(root, "id").text = _id(layer)
    ET.SubElement(root, "datasource").text = _source(layer)
    ET.SubElement(root, "layername").text = layer.description.title
    _add_crs(ET.SubElement(root, "srs"), layer.features.crs)
    about = ET.SubElement(root, "resourceMetadata")
    ET.SubElement(about, "title").text = layer.description.title
    ET.SubElement(about, "abstract").text = layer.description.about
    ET.SubElement(root, "provider", encoding="UTF-8").text = "ogr"
    root.extend(style_elements(layer))
    return root


def _id(layer: Layer) -> str:
    """Return the layer's id in the project; QGIS replaces one of ten characters or fewer by a random one."""
    return f"harmspot_layer_{layer.theme}"


def _source(layer: Layer) -> str:
    return f"./{PACKAGE}|layername={layer.theme}"


def _add_crs(root: ET.Element, crs: Any) -> None:
    """Add a coordinate system as text and, where it has one, by its id, which QGIS reads beside an srsid only."""
    system = ET.SubElement(root, "spatialrefsys", nativeFormat="Wkt")
    ET.SubElement(system, "wkt").text = crs.to_wkt()
    if authority := crs.to_authority():
        ET.SubElement(system, "srsid").text = "1"
        ET.SubElement(system, "authid").text = ":".join(authority)


def _add_box(root: ET.Element, sides: Sequence[float]) -> None:
    box = ET.SubElement(root, "extent")
    for name, side in zip(BOX, sides, strict=True):
        ET.SubElement(box, name).text = repr(float(side))


def _with_margin(sides: Sequence[float]) -> list[float]:
    margin = MARGIN_SHARE * max(sides[2] - sides[0], sides[3] - sides[1])
    return [sides[0] - margin, sides[1] - margin, sides[2] + margin, sides[3] + margin]
