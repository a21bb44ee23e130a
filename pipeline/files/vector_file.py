"""Points of GeoPackage, shapefile, FlatGeobuf and GeoParquet; columns keep their types, geometry becomes text."""

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SourceError
from pipeline.files.cells import point_text
from pipeline.files.parsed import LINE, FileFormat, Parsed, RefusedLine, UnreadableError, column_names
from pipeline.files.parts import Part

# By their first bytes, because GDAL would follow what another format under that name refers to.
_SIGNS = {".gpkg": b"SQLite format 3\x00", ".shp": b"\x00\x00\x27\x0a", ".fgb": b"fgb"}
_OF_DUCKDB = ("file_index", "file_row_number", "filename")  # columns that it adds to those of a Parquet file


def read_vector(part: Part, form: FileFormat) -> Parsed:
    """Read the layer that the mapping names as `sheet`, else the first with geometry.

    Raises
    ------
    SourceError
        When it cannot be read or has no such layer, or GDAL returns another number of features than it counts.
    """
    import pyogrio

    with part.stored() as stream:
        if not stream.read(16).startswith(_SIGNS[part.suffix]):
            raise UnreadableError(f"{part.name} is no {part.suffix} file; fetch it again")
    path = str(part.path) if part.member is None else f"/vsizip/{part.path.resolve()}/{part.member}"
    # Its own way to Arrow garbles features without geometry.
    pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": True})
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        layer = _layer(layers, form.sheet, part.name)
        counted = pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]
        meta, table = pyogrio.read_arrow(path, layer=layer)
        table.validate(full=True)
    except (RuntimeError, ValueError, OSError, pa.ArrowException) as error:
        raise UnreadableError(f"{part.name} cannot be read: {error}; fetch it again") from None
    if counted != table.num_rows:
        raise SourceError(f"{part.name} has {counted:,} features, of which {table.num_rows:,} were read")
    others = [name for name, kind in layers if kind is not None and name != layer]
    notes = (
        [f"layer {layer!r} is read; {', '.join(map(repr, others))} not: state sheet: in the mapping"] if others else []
    )
    geometry = (meta["geometry_name"] or "wkb_geometry") if meta["geometry_type"] else None
    return _parsed(part, table, geometry, meta["crs"], notes if form.sheet is None else [])


def is_not_for_duckdb(part: Part) -> bool:
    """Return whether a Parquet file states geometry, lies in a zip, or has a column called as DuckDB calls its own."""
    try:
        found = pq.read_metadata(part.path) if part.member is None else None
    except (pa.ArrowException, OSError):
        return False
    if found is None or b"geo" in (found.metadata or {}):
        return True
    return any(name.lower() in _OF_DUCKDB for name in found.schema.to_arrow_schema().names)


def read_geoparquet(part: Part, _: FileFormat) -> Parsed:
    """Read a Parquet file with its geometry, if it states one.

    Raises
    ------
    SourceError
        When it is no Parquet, or its geometry is written in another way than as WKB.
    """
    try:
        table = pq.read_table(io.BytesIO(part.content()))
        geo = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
        name = geo.get("primary_column")
        column = geo["columns"][name] if name is not None else {}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{part.name} cannot be read: {error}; fetch it again") from None
    if name is not None and column.get("encoding") != "WKB":
        raise SourceError(
            f"{part.name}: geometry written as {column.get('encoding')!r}; write it as WKB, or as x and y"
        )
    return _parsed(part, table.replace_schema_metadata(), name, _crs(column) if name is not None else None, [])


def _crs(column: dict[str, Any]) -> str | None:
    """Return the system of GeoParquet: degrees where it names none, unknown where it is null."""
    if "crs" not in column:
        return "EPSG:4326"
    code = (column["crs"] or {}).get("id") or {}
    if code.get("authority") == "OGC" and code.get("code") == "CRS84":
        return "EPSG:4326"
    return f"{code['authority']}:{code['code']}" if code else json.dumps(column["crs"]) if column["crs"] else None


def _layer(layers: list[tuple[str, Any]], wanted: str | None, origin: str) -> str:
    names = [name for name, _ in layers]
    if wanted is not None:
        if wanted not in names:
            raise SourceError(f"{origin}: no layer {wanted!r}; it has {', '.join(map(repr, names))}")
        return wanted
    if not names:
        raise UnreadableError(f"{origin} is empty: expected a layer of points")
    return next((name for name, kind in layers if kind is not None), names[0])


def _parsed(part: Part, table: pa.Table, geometry: str | None, crs: str | None, notes: list[str]) -> Parsed:
    """Return the rows whose geometry is a point, or that have none; refuse the others."""
    rows = table.num_rows
    numbers = np.arange(1, rows + 1)
    refused: list[RefusedLine] = []
    if geometry is not None:
        texts, kinds = _points(table[geometry])
        table = table.set_column(table.schema.get_field_index(geometry), "geometry", pa.array(texts, pa.string()))
        is_point = np.array([kind is None for kind in kinds], dtype=bool)
        attributes = table.drop_columns(["geometry"])
        refused = [
            RefusedLine(at + 1, f"The geometry is a {kinds[at]}, no point.", _as_json(attributes.slice(at, 1)))
            for at in np.flatnonzero(~is_point).tolist()
        ]
        table, numbers = table.filter(pa.array(is_point)), numbers[is_point]
    names = column_names(table.column_names, origin=part.name)
    table = table.rename_columns(names).append_column(LINE, pa.array(numbers, pa.int64()))
    return Parsed(table, names, rows, tuple(refused), crs, tuple(notes), part.digest())


def _points(column: pa.ChunkedArray) -> tuple[list[str | None], list[str | None]]:
    """Return each point as text, and what a geometry is that is no point."""
    import shapely

    wkb = np.array(column.to_pylist(), dtype=object)
    found = shapely.from_wkb(wkb, on_invalid="ignore")
    broken = shapely.is_missing(found) & np.array([one is not None for one in wkb], dtype=bool)
    is_multi = (shapely.get_type_id(found) == shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(found) == 1
    )
    found = np.where(is_multi, shapely.get_geometry(found, 0), found)
    is_point = shapely.get_type_id(found) == shapely.GeometryType.POINT
    is_none = (shapely.is_missing(found) | shapely.is_empty(found)) & ~broken
    x, y = shapely.get_x(np.where(is_point, found, None)), shapely.get_y(np.where(is_point, found, None))
    texts = [
        point_text(*pair) if is_one else None
        for *pair, is_one in zip(x.tolist(), y.tolist(), is_point & ~is_none, strict=True)
    ]
    kinds = [
        None if fine else "broken geometry" if is_broken else one.geom_type
        for fine, is_broken, one in zip(is_point | is_none, broken, found, strict=True)
    ]
    return texts, kinds


def _as_json(row: pa.Table) -> bytes:
    return json.dumps(row.to_pylist()[0], default=str).encode()
