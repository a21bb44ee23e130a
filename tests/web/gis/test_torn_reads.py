"""A run is published again and again while readers ask: each answer is of one run, and so is a whole read by paging."""

import threading
from collections.abc import Callable

import mapbox_vector_tile
import pytest

from flows.home.home import Home
from pipeline.publication.duckdb_file import put_in_place
from tests.soak import sample
from tests.web.gis.conftest import client_of

PATHS = ("/collections/areas/items", "/collections/cells/items?limit=20", "/collections/hotspots", "/collections", "/")
TILE = "/gis/collections/areas/tiles/WebMercatorQuad/9/164/257"
