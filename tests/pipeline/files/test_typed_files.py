"""Workbooks, JSON, vector files and Parquet give the rows that the same table gives as text."""

import json
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPoint, Point

from pipeline.database import connect, frame
from pipeline.errors import SourceError
from pipeline.files.table import FileFormat, ReadFile, read_files
from tests.soak import sample

DATE, MOMENT, TIME = 1, 2, 3  # styles of a cell


def read(path: Path, **form: str | int) -> tuple[list[ReadFile], pd.DataFrame, pd.DataFrame]:
    connection = connect(is_encrypting=False)
    files, _ = read_files(connection, path, FileFormat(**form))
    rows = frame(connection, "FROM raw ORDER BY harmspot_number")
    unread = frame(connection, "FROM unread_line ORDER BY file, line")
    connection.close()
    assert sum(file.rows for file in files) == len(rows) + len(unread)
    return files, rows, unread


def cell_xml(cell: object) -> str:
    if cell is None:
        return "<c/>"
    if isinstance(cell, bool):
        return f'<c t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, tuple):  # serial number, style
        return f'<c s="{cell[1]}"><v>{cell[0]}</v></c>'
    if isinstance(cell, (int, float)):
        return f"<c><v>{cell!r}</v></c>"
    text = str(cell)
    return (
        f'<c t="e"><v>{text}</v></c>'
        if text.startswith("#")
        else f'<c t="inlineStr"><is><t>{escape(text)}</t></is></c>'
    )


def write_xlsx(path: Path, sheets: dict[str, list[list[object]]], hidden: str = "") -> Path:
    """Write a workbook as Excel does: parts of XML in a zip."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbered = list(enumerate(sheets.items(), 1))
    state = {name: ' state="hidden"' if name == hidden else "" for name in sheets}
    listed = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"{state[n]}/>' for i, (n, _) in numbered)
    targets = "".join(
        f'<Relationship Id="r{i}" Type="{links}/worksheet" Target="worksheets/sheet{i}.xml"/>' for i, _ in numbered
    )
    formats = "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in (0, 14, 22, 21))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r0" Type="{links}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{targets}<Relationship Id="r9" Type="{links}/styles" '
            'Target="styles.xml"/></Relationships>',
        )
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{main}"><cellXfs>{formats}</cellXfs></styleSheet>')
        for number, (_, rows) in numbered:
            body = "".join(
                f'<row r="{at}">{"".join(map(cell_xml, row))}</row>' for at, row in enumerate(rows, 1) if row
            )
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return path


def test_a_sheet_reads_as_text(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["id", "day", "at", "clock", "lon", "is", "note", "late"],
        [12345.0, (45092, DATE), (45092.4375, MOMENT), (0.4375, TIME), -75.16, True, "O'Brien & co", "#N/A"],
        [],
        [None] * 8,
        [10**15, (45093, DATE), (45093, MOMENT), (0.5, TIME), 39.0, False, None, 1.5],
    ]
    [file], found, _ = read(write_xlsx(tmp_path / "in.xlsx", {"Empty": [], "Data": rows, "Codes": [["a"]]}))
    first, second = found.drop(columns=["harmspot_file", "harmspot_number"]).fillna("").to_numpy().tolist()
    assert first[:7] == ["12345", "2023-06-15", "2023-06-15T10:30:00", "10:30:00", "-75.16", "true", "O'Brien & co"]
    assert second == ["1000000000000000", "2023-06-16", "2023-06-16T00:00:00", "12:00:00", "39", "false", "", "1.5", 5]
    assert first[7] in ("", "#N/A")
    assert first[8] == 2
    assert "'Data' is read; 'Codes' not" in file.notes[0]
    assert file.rows == 2


def test_a_sheet_is_chosen(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "in.xlsx", {"Old": [["id", "lat"], ["a", 1]], "New": [["id", "lat"], ["b", 2]]}, "Old")
    assert read(book)[1]["id"].tolist() == ["b"]
    assert read(book, sheet="Old")[1]["id"].tolist() == ["a"]
    with pytest.raises(SourceError, match="no sheet 'Other'; it has 'Old', 'New'"):
        read(book, sheet="Other")


def test_title_rows_of_a_sheet(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Incidents"], [], ["id", "lat", None], ["a", 1, "x"], ["b", 2]]
    book = write_xlsx(tmp_path / "in.xlsx", {"Data": rows})
    with pytest.raises(SourceError, match="state skip_rows: 2"):
        read(book)
    [file], found, _ = read(book, skip_rows=2)
    assert file.columns == ("id", "lat", "column2")
    assert found["harmspot_line"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no workbook"),
        (b"<html><table></table></html>", "web page"),
        (b"PK\x03\x04nothing", "cannot be opened as a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "cannot be opened as a workbook"),
    ],
)
def test_a_broken_workbook_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in.xlsx").write_bytes(content)
    with pytest.raises(SourceError, match=f"in.xlsx.* {words}"):
        read(tmp_path / "in.xlsx")


def test_an_empty_sheet_and_one_with_a_header_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is empty"):
        read(write_xlsx(tmp_path / "in.xlsx", {"Data": []}))
    with pytest.raises(SourceError, match="a header and no row"):
        read(write_xlsx(tmp_path / "in.xlsx", {"Data": [["id", "lat"]]}))


ROWS = [{"id": "a", "n": 12345.0, "lat": 39.95}, {"id": 2, "n": 2**70, "more": {"x": [1]}, "is": True, "lat": None}]
EXPECTED = [["a", "12345", "39.95", None, None], ["2", str(2**70), None, '{"x":[1]}', "true"]]
COLUMNS = ["id", "n", "lat", "more", "is"]


def lines_of(items: list[dict]) -> str:
    return "".join(f"{json.dumps(item)}\n" for item in items)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.jsonl", lines_of(ROWS)),
        ("in.ndjson", "\n" + lines_of(ROWS) + "\n"),
        ("in.json", lines_of(ROWS)),
        ("in.json", json.dumps(ROWS)),
        ("in.json", "\ufeff" + json.dumps(ROWS, indent=1)),
        ("in.json", json.dumps({"data": ROWS, "fields": [{"name": "id"}]})),
        ("in.json", json.dumps({"success": True, "result": {"fields": [{"id": "id"}], "records": ROWS}})),
        ("in.json", json.dumps({"crimes": ROWS})),
        ("in.json", json.dumps({"fields": [{"id": "id"}], "crimes": ROWS, "links": [{"rel": "self"}]})),
        ("in.json", json.dumps({"results": [], "messages": [{"text": "ok"}], "answer": {"data": ROWS}})),
    ],
)
def test_json_of_any_shape(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    [file], found, _ = read(tmp_path / name)
    assert list(file.columns) == COLUMNS
    assert found[COLUMNS].astype(object).where(found[COLUMNS].notna(), None).to_numpy().tolist() == EXPECTED


@pytest.mark.parametrize(
    "document",
    [
        {"jan": [{"id": "a"}], "feb": [{"id": "b"}, {"id": "c"}]},
        {"2023": {"data": [{"id": "a"}]}, "2024": {"data": [{"id": "b"}]}},
        {"id": "A1", "persons": [{"id": "a"}], "car": {"tyres": [{"id": "b"}]}},
    ],
)
@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_several_lists_in_json_are_refused(tmp_path: Path, document: dict, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(document))
    with pytest.raises(SourceError, match=r"2 lists of objects, .* a file of its own") as refusal:
        read(tmp_path / name)
    assert "feb" not in str(refusal.value)


def test_a_list_in_json_that_is_left_is_said(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"messages": [{"id": "m"}], "data": ROWS, "meta": {"rows": ROWS}}))
    [file], found, _ = read(tmp_path / "in.json")
    assert found["id"].tolist() == ["a", "2"]
    assert file.notes == ("list 'data' is read; 'messages', 'rows' not",)


def test_a_broken_line_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"id": 1}\n{"id": 2\n[3]\n\n{"id": "caf\xe9"}\n{"id": 5}\n')
    _, found, unread = read(tmp_path / "in.jsonl", encoding="utf-8")
    assert (found["id"].tolist(), found["harmspot_line"].tolist()) == (["1", "5"], [1, 6])
    assert unread["line"].tolist() == [2, 3, 5]
    assert unread["text"][2] == b'{"id": "caf\xe9"}'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("[]", "no row"),
        ('[{"id": 1},\n{"id": 2}', "no whole JSON: .* line 2"),
        ("[1, 2]", "no objects with named values"),
        ('{"meta": {"columns": [{"id": 1}]}, "data": [[1, 2]]}', "no objects with named values"),
        ('{"fields": [{"name": "id"}], "features": [], "messages": [{"text": "none"}]}', "no row"),
        ("3", "a single value"),
        ("<html></html>", "web page"),
        ('{"error": {"code": 400, "message": "Invalid URL"}}', "error message of the service"),
        ("[" * 100_000, "nested too deeply|ends too early"),
    ],
)
def test_no_rows_in_json_are_refused_in_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "in.json").write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=f"in.json.*{words}"):
        read(tmp_path / "in.json")


POINT = {"type": "Point", "coordinates": [-75.16, 39.95]}
LINE = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}


def feature(number: int, geometry: dict | None) -> dict:
    return {"type": "Feature", "id": number, "properties": {"what": "THEFT"}, "geometry": geometry}


@pytest.mark.parametrize("shape", ["collection", "lines", "sequence"])
def test_geojson(tmp_path: Path, shape: str) -> None:
    features = [feature(1, POINT), feature(2, None), feature(3, LINE), feature(4, {"type": "Point", "coordinates": []})]
    content = {
        "collection": json.dumps({"type": "FeatureCollection", "features": features}),
        "lines": lines_of(features),
        "sequence": "".join(f"\x1e{json.dumps(item)}\n" for item in features),
    }[shape]
    (tmp_path / "in.geojson").write_text(content, encoding="utf-8")
    [file], found, unread = read(tmp_path / "in.geojson")
    assert found["id"].tolist() == ["1", "2", "4"]
    assert found["geometry"].fillna("").tolist() == ["POINT (-75.16 39.95)", "", ""]
    assert unread[["line", "detail"]].to_numpy().tolist() == [[3, "The geometry is of type LineString, no point."]]
    assert file.crs == "EPSG:4326"


def test_an_answer_of_arcgis_that_was_cut_off_is_said(tmp_path: Path) -> None:
    document = {
        "spatialReference": {"wkid": 102100, "latestWkid": 3857},
        "exceededTransferLimit": True,
        "fields": [{"name": "OBJECTID"}],
        "features": [
            {"attributes": {"OBJECTID": 1, "at": 1700000000000}, "geometry": {"x": -8367000.5, "y": 4859000}},
            {"attributes": {"OBJECTID": 2, "at": None}, "geometry": {"x": "NaN", "y": "NaN"}},
            {"attributes": {"OBJECTID": 3, "at": None}},
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(document), encoding="utf-8")
    [file], found, _ = read(tmp_path / "in.json")
    assert found["at"].fillna("").tolist() == ["1700000000000", "", ""]
    assert found["geometry"].fillna("").tolist() == ["POINT (-8367000.5 4859000)", "", ""]
    assert file.crs == "EPSG:3857"
    assert "after 3 rows (exceededTransferLimit), so rows are missing" in file.notes[0]
    document = {"result": {"records": ROWS, "total": 9}}
    (tmp_path / "in.json").write_text(json.dumps(document), encoding="utf-8")
    assert "2 of 9 rows" in read(tmp_path / "in.json")[0][0].notes[0]


@pytest.mark.parametrize("name", ["in.gpkg", "in.shp", "in.fgb", "in.parquet", "in.geoparquet", "zip"])
def test_points_of_vector_files(tmp_path: Path, name: str) -> None:
    points = gpd.GeoDataFrame(
        {"id": [1, 2, 3], "what": ["a", "b", "c"]}, geometry=[Point(1.5, 2), None, Point(3, 4)], crs="EPSG:2272"
    )
    path = tmp_path / (name if name != "zip" else "in.shp")
    if path.suffix.endswith("parquet"):
        points.to_parquet(path)
    elif path.suffix == ".fgb":
        points.to_file(path, SPATIAL_INDEX="NO")
    else:
        points.to_file(path)
    if name == "zip":
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for file in sorted(tmp_path.glob("in.[sdpc]*")):
                archive.write(file, f"data/{file.name}")
        path = tmp_path / "in.zip"
    [file], found, _ = read(path)
    assert found["geometry"].fillna("").tolist() == ["POINT (1.5 2)", "", "POINT (3 4)"]
    assert found["id"].tolist() == [1, 2, 3]
    assert found["harmspot_line"].tolist() == [1, 2, 3]
    assert file.crs is not None
    if name != "zip" and path.suffix != ".shp":
        assert file.crs == "EPSG:2272"


def test_what_is_no_point_is_refused(tmp_path: Path) -> None:
    shapes = [Point(1, 2), LineString([(0, 0), (1, 1)]), MultiPoint([(5, 6)]), MultiPoint([(5, 6), (7, 8)])]
    gpd.GeoDataFrame({"id": [1, 2, 3, 4]}, geometry=shapes, crs="EPSG:4326").to_parquet(tmp_path / "in.parquet")
    _, found, unread = read(tmp_path / "in.parquet")
    assert found["geometry"].tolist() == ["POINT (1 2)", "POINT (5 6)"]
    assert unread["line"].tolist() == [2, 4]
    assert unread["detail"][0] == "The geometry is a LineString, no point."
    assert json.loads(unread["text"][0]) == {"id": 2}


def test_layers_are_chosen_and_named(tmp_path: Path) -> None:
    for layer in ("first", "second"):
        points = gpd.GeoDataFrame({"id": [layer]}, geometry=[Point(1, 2)], crs="EPSG:4326")
        points.to_file(tmp_path / "in.gpkg", layer=layer)
    [file], found, _ = read(tmp_path / "in.gpkg")
    assert found["id"].tolist() == ["first"]
    assert "'second' not" in file.notes[0]
    assert read(tmp_path / "in.gpkg", sheet="second")[1]["id"].tolist() == ["second"]
    with pytest.raises(SourceError, match="no layer 'third'; it has 'first', 'second'"):
        read(tmp_path / "in.gpkg", sheet="third")


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    first = pd.DataFrame({"id": [1, 2], "at": pd.to_datetime(["2023-01-01", "2023-01-02"])})
    first.to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"at": pd.to_datetime(["2023-01-03"]), "id": [3], "more": ["x"]}).to_parquet(tmp_path / "2.parquet")
    files, found, _ = read(tmp_path)
    assert [(file.name, file.rows) for file in files] == [("1.parquet", 2), ("2.parquet", 1)]
    assert found["id"].tolist() == [1, 2, 3]
    assert found["harmspot_line"].tolist() == [1, 2, 1]
    assert found["harmspot_file"].tolist() == ["1.parquet", "1.parquet", "2.parquet"]
    assert str(found["at"].dtype).startswith("datetime64")
    pd.DataFrame({"id": [1], "harmspot_line": [1]}).to_parquet(tmp_path / "3.parquet")
    with pytest.raises(SourceError, match="a column 'harmspot_line'"):
        read(tmp_path / "3.parquet")
    first.head(0).to_parquet(tmp_path / "4.parquet")
    with pytest.raises(SourceError, match="holds no row"):
        read(tmp_path / "4.parquet")


AT = datetime(2023, 6, 1, 10)


def column(name: str, values: list, kind: pa.DataType) -> pa.Table:
    return pa.table({name: pa.array(values, kind)})


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write Parquet, in a zip where the name says so, which another reader than DuckDB reads."""
    pq.write_table(table, path.with_suffix(".parquet"))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(path.with_suffix(".parquet"), path.with_suffix(".parquet").name)
        path.with_suffix(".parquet").unlink()


@pytest.mark.parametrize("suffix", [".parquet", ".zip"])
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            column("at", [AT], pa.timestamp("us")),
            column("at", [AT], pa.timestamp("us", "UTC")),
            "and TIMESTAMP WITH TIME ZONE",
        ),
        (column("id", [7], pa.int64()), column("ID", [1.0], pa.float64()), "'id' is BIGINT .* DOUBLE"),
        (column("on", [AT.date()], pa.date32()), column("on", [AT], pa.timestamp("us")), "DATE .* and TIMESTAMP"),
        (column("id", [7], pa.int64()), column("id", ["007"], pa.string()), "BIGINT .* and VARCHAR"),
    ],
)
def test_types_that_do_not_go_together_are_refused(
    tmp_path: Path, first: pa.Table, second: pa.Table, words: str, suffix: str
) -> None:
    write_arrow(tmp_path / f"1{suffix}", first)
    write_arrow(tmp_path / f"2{suffix}", second)
    with pytest.raises(SourceError, match=rf"{words} in (2.zip/)?2.parquet.*one by one"):
        read(tmp_path)
    write_arrow(tmp_path / f"2{suffix}", second.slice(0, 0).append_column("more", pa.array([], pa.string())))
    write_arrow(tmp_path / f"3{suffix}", pa.table({second.column_names[0]: pa.nulls(1), "more": ["x"]}))
    files, found, _ = read(tmp_path)
    assert found[first.column_names[0]].dropna().tolist() == first[0].to_pylist()
    assert files[0].columns == (first.column_names[0],)
    assert files[-1].columns == (second.column_names[0], "more")


def test_types_that_hold_each_other_are_read_together(tmp_path: Path) -> None:
    write_arrow(tmp_path / "1.parquet", pa.table({"id": pa.array([1], pa.int32()), "at": pa.array([AT])}))
    at = pa.array([AT], pa.timestamp("ns"))
    write_arrow(tmp_path / "2.parquet", pa.table({"id": pa.array([2**53 + 1], pa.int64()), "at": at}))
    _, found, _ = read(tmp_path)
    assert found["id"].tolist() == [1, 2**53 + 1]
    assert found["at"].tolist() == [AT, AT]


@pytest.mark.parametrize("name", ["file_index", "file_row_number", "filename", "File_Row_Number", "FileName"])
def test_a_column_called_as_duckdb_calls_its_own_is_read(tmp_path: Path, name: str) -> None:
    for file in ("1", "2"):
        write_arrow(tmp_path / f"{file}.parquet", pa.table({"id": [1, 2], name: [f"a{file}", "b"]}))
    files, found, _ = read(tmp_path)
    assert [file.columns for file in files] == [("id", name)] * 2
    assert found[name].tolist() == ["a1", "b", "a2", "b"]
    assert found["harmspot_line"].tolist() == [1, 2, 1, 2]


SUFFIXES = ["xlsx", "ods", "xls", "json", "jsonl", "geojson", "gpkg", "shp", "fgb", "geoparquet", "json.gz"]
BEGINS = [
    b"",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"SQLite format 3\x00",
    b"\x00\x00\x27\x0a",
    b"fgb\x03fgb\x00",
    b"PAR1",
]


@pytest.mark.sampled
@settings(max_examples=sample(80, whole=3_000), deadline=None)
@given(
    begin=st.sampled_from(BEGINS),
    content=st.one_of(st.binary(max_size=200), st.text(st.sampled_from('{}[]":,a1 \n'), max_size=40).map(str.encode)),
    suffix=st.sampled_from(SUFFIXES),
)
def test_any_bytes_are_read_or_refused_by_name(begin: bytes, content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in.{suffix}"
        path.write_bytes(begin + content)
        try:
            read(path)
        except SourceError as error:
            assert f"in.{suffix}" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "[{},{}]",
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
        '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}]}',
    ],
)
def test_rows_without_any_column_are_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.json").write_text(text)
    with pytest.raises(SourceError, match=r"in\.json"):
        read(tmp_path / "in.json")
