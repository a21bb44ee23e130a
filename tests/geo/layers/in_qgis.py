"""Run by the Python that QGIS brings: open a project as the desktop does, draw it, and say what there is, as JSON."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main(file: str, picture: str, *styled: str) -> dict:
    project = QgsProject.instance()
    is_read = project.read(file)
    tree = project.layerTreeRoot()
    visible = [layer for layer in tree.layerOrder() if tree.findLayer(layer.id()).isVisible()]
    job = drawn(visible, project)
    image = job.renderedImage()
    image.save(picture)
    areas, cells = (layer for name in ("Areas", "Cells") for layer in visible if layer.name() == name)
    over, alone = (drawn(layers, project).renderedImage() for layers in ([areas, cells], [areas]))
    colours = Counter(QColor(image.pixel(x, y)).name() for x in range(image.width()) for y in range(image.height()))
    return {
        "is_read": is_read,
        "crs": project.crs().authid(),
        "order": [layer.name() for layer in tree.layerOrder()],
        "visible": [layer.name() for layer in visible],
        "layers": {layer.name(): about(layer) for layer in project.mapLayers().values()},
        "labels": [
            label.labelText for label in job.takeLabelingResults().labelsWithinRect(QgsRectangle(-1e9, -1e9, 1e9, 1e9))
        ],
        "colours": dict(colours.most_common(500)),
        "cells_under_areas": sum(
            over.pixel(x, y) != alone.pixel(x, y) for x in range(over.width()) for y in range(over.height())
        ),
        "errors": [error.message for error in job.errors()],
        "files": [opened(path) for path in styled],
    }


def drawn(layers: list, project: QgsProject) -> QgsMapRendererSequentialJob:
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(project.crs())
    settings.setOutputSize(QSize(800, 800))
    settings.setBackgroundColor(QColor("#ffffff"))
    settings.setExtent(QgsRectangle(project.viewSettings().defaultViewExtent()))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    return job


def about(layer: QgsVectorLayer) -> dict:
    times = layer.temporalProperties()
    return {
        "is_valid": layer.isValid(),
        "source": layer.source(),
        "crs": layer.crs().authid(),
        "count": layer.featureCount(),
        "aliases": {field.name(): layer.attributeAlias(place) for place, field in enumerate(layer.fields())},
        "display": layer.displayExpression(),
        "tip": layer.mapTipTemplate(),
        "renderer": layer.renderer().type(),
        "classes": len(layer.renderer().legendSymbolItems()),
        "times": [times.isActive(), int(times.mode()), times.startField(), times.endField(), times.durationField()],
    }


def opened(path: str) -> dict:
    """A file by itself, with the style beside it."""
    layer = QgsVectorLayer(path, "file", "ogr")
    layer.loadNamedStyle(str(Path(path).with_suffix(".qml")))
    return about(layer)


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    said = main(*sys.argv[1:])
    sys.stdout.write(json.dumps(said))
    sys.stdout.flush()
    os._exit(0)  # QGIS 3.22 may crash while it takes itself down
