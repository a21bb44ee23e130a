"""Text files as people have them: every row they hold is read or refused with its line, whatever wrote them."""

import gzip
import re
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.database import connect, frame
from pipeline.errors import SourceError
from pipeline.files.parts import PassedOver
from pipeline.files.table import FileFormat, ReadFile, read_files
from tests.soak import sample

HEADER = "id,when,what,lon,lat"
ROW = "{},2023-06-15 10:00:00,THEFT,-75.16,39.95"


class Read(NamedTuple):
    """What came of a file."""

    files: list[ReadFile]
    passed_over: list[PassedOver]
    rows: pd.DataFrame
    unread: pd.DataFrame


def read(path: Path, **form: str | int) -> Read:
    connection = connect(is_encrypting=False)
    files, passed_over = read_files(connection, path, FileFormat(**form))
    rows = frame(connection, "FROM raw ORDER BY harmspot_number")
    unread = frame(connection, "FROM unread_line ORDER BY file, line")
    connection.close()
    assert sum(file.rows for file in files) == len(rows) + len(unread)
    assert rows["harmspot_number"].is_unique
    return Read(files, passed_over, rows, unread)


def read_bytes(folder: Path, content: bytes, name: str = "in.csv", **form: str | int) -> Read:
    (folder / name).write_bytes(content)
    return read(folder / name, **form)


def text(*lines: str, end: str = "\n") -> bytes:
    return "".join(f"{line}{end}" for line in lines).encode()


@pytest.mark.parametrize("name", ["in.csv", "in.tab", "in.TSV", "in.txt"])
@pytest.mark.parametrize("delimiter", [None, "\t"])
def test_tabs_are_read_under_any_name(tmp_path: Path, name: str, delimiter: str | None) -> None:
    found = read_bytes(tmp_path, b"month\tid\twhat\n2022-01-01\tt0\tTHEFT\n", name, delimiter=delimiter)
    assert found.rows.loc[0, ["month", "id", "what"]].tolist() == ["2022-01-01", "t0", "THEFT"]
    is_said = delimiter is None and name in ("in.csv", "in.txt")
    assert bool(found.files[0].notes) is is_said


@pytest.mark.parametrize(
    ("content", "ids", "lines"),
    [
        (text("id,lat", "", "AC9,1", "", "", "AC10,2"), ["AC9", "AC10"], [3, 6]),
        (text("id,lat", "AC1,1", "AC2,2", end="\r"), ["AC1", "AC2"], [2, 3]),
        (b"id,lat\r\nAC3,1\nAC4,2\r\nAC5,3\n", ["AC3", "AC4", "AC5"], [2, 3, 4]),
        (b"id,lat\nAC6,1", ["AC6"], [2]),
        (b"\xef\xbb\xbfid,lat\r\nAC6,1\r\n", ["AC6"], [2]),
        (text("id,lat", "AC1,1", end="\r\n"), ["AC1"], [2]),
        (b'id,lat\n"a\nb",1\nc,2\n', ["a\nb", "c"], [2, 4]),
        (b'id,lat\n"a\r\nb",1\r\nc,2\r\n', ["a\r\nb", "c"], [2, 4]),
        (b'"the\nid",lat\na,1\n', ["a"], [3]),
    ],
)
def test_line_ends_of_any_kind(tmp_path: Path, content: bytes, ids: list[str], lines: list[int]) -> None:
    found = read_bytes(tmp_path, content)
    assert found.rows.iloc[:, 0].tolist() == ids
    assert found.rows["harmspot_line"].tolist() == lines
    assert found.unread.empty


def test_repeated_and_blank_names_are_called_by_position(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, text("id,lat,,ID,harmspot_line,column2", "AC12,39.95,other,1,2,3"))
    assert found.files[0].columns == ("id", "lat", "column2", "column3", "column4", "column5")
    assert found.rows.loc[0, ["id", "lat", "column2"]].tolist() == ["AC12", "39.95", "other"]


def test_a_nul_byte_refuses_its_line(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, text("id,lat", "AC7,1", "AC\x008,1"))
    assert found.rows["id"].tolist() == ["AC7"]
    assert found.unread.loc[0, ["line", "detail", "text"]].tolist() == [3, "The line holds a NUL byte.", b"AC\x008,1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"id,when\n", "a header and no row"),
        (text("Incident report", "Generated 2023-07-01,,,,", "", HEADER, ROW.format("AA3")), "state skip_rows: 3"),
        (b'"id,lat\na,1\n', "a quote that is not closed"),
        (b"i\x00d,lat\na,1\n", "header cannot be read"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (b"%PDF-1.4", "is a PDF"),
        (b"BZh9xx", "bunzip2"),
        (b"PK\x03\x04xx", "name it .zip or .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office file"),
        (gzip.compress(b"id,lat\na,1\n", mtime=0)[:-9], "cut off or damaged"),
    ],
)
def test_no_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refusal:
        read_bytes(tmp_path, content)
    assert "in.csv" in str(refusal.value)


def test_a_stated_delimiter_that_separates_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="state delimiter: ';'") as refusal:
        read_bytes(tmp_path, b"SMITH-JOHN;1\nDOE-JANE;1\n", delimiter=",")
    assert "SMITH" not in str(refusal.value)
    found = read_bytes(tmp_path, b"id;lat\na;1,5\n")
    assert found.rows["lat"].tolist() == ["1,5"]
    assert "semicolons" in found.files[0].notes[0]


def test_title_lines_and_totals(tmp_path: Path) -> None:
    lines = ["Incident report", "Generated 2023-07-01,,,,", "", HEADER, ROW.format("AA3"), "Total: 1 record", ""]
    for skip_rows in (2, 3):
        found = read_bytes(tmp_path, text(*lines), skip_rows=skip_rows)
        assert (found.rows["id"].tolist(), found.rows["harmspot_line"].tolist()) == (["AA3"], [5])
        assert found.unread["detail"].tolist() == ["The line has 1 field where 5 are expected."]
    clean = read_bytes(tmp_path, text("A title", "id,lat", "a,1"), skip_rows=1)
    assert clean.rows["harmspot_line"].tolist() == [3]


def test_trailing_delimiters(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, text(HEADER, ROW.format("AM1") + ",,")).rows["lat"].tolist() == ["39.95"]
    assert read_bytes(tmp_path, text(f"{HEADER},,", ROW.format("AM3"))).rows["lat"].tolist() == ["39.95"]
    found = read_bytes(tmp_path, text(HEADER, ROW.format("AM5") + ",,x", "AM6"))
    assert [detail[:21] for detail in found.unread["detail"]] == ["The line has 7 fields", "The line has 1 field "]


def test_an_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    rows = [f"AE{number},THEFT,ok" for number in range(5_000)]
    for row in ('AE9,THEFT,"knife', '"AE9,THEFT,knife', 'AE9,"THEFT,ok'):
        rows[9] = row
        for later in (rows[4_000], 'AE4000,"THEFT",ok'):
            rows[4_000] = later
            found = read_bytes(tmp_path, text("id,what,note", *rows))
            assert (len(found.rows), found.unread["line"].tolist()) == (4_999, [11])
            assert found.unread["detail"].tolist() == ["The line opens a quote that is not closed."]


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ('a,O"Brien', 'O"Brien'),
        ('a,5" pipe', '5" pipe'),
        ('a,"say ""hi"""', 'say "hi"'),
        ('a, "x, y" ', "x, y"),
        ('a,"one\n\nthree"', "one\n\nthree"),
        ('a,""', None),
    ],
)
def test_quotes(tmp_path: Path, row: str, value: str | None) -> None:
    for end in (b"", b"\n\nz,z\n"):  # with the parser of DuckDB, and without
        found = read_bytes(tmp_path, text("id,note", row) + end)
        assert found.rows["note"][0] == value or (value is None and pd.isna(found.rows["note"][0]))
        assert found.unread.empty


def test_text_after_a_closing_quote_is_refused(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, text("id,note", 'a,"Bob" Smith', "b,x"))
    assert found.rows["id"].tolist() == ["b"]
    assert "closing quote" in found.unread["detail"][0]


@pytest.mark.parametrize(
    ("words", "codec", "is_said"),
    [
        (["Robo a transeúnte", "Vol à l’étalage", "año"], "cp1252", True),
        (["Straße", "Körperverletzung", "Calle José"], "latin-1", True),
        (["кража со взломом", "улица Ленина", "кража велосипеда"], "cp1251", True),
        (["Vol à l’étalage"], "utf-8", False),
        (["Vol à l’étalage"], "utf-8-sig", False),
        (["Vol à l’étalage"], "utf-16", False),
        (["Vol à l’étalage"], "utf-16-be", True),
        (["Vol à l’étalage"], "utf-32", False),
    ],
)
def test_encodings_are_found_and_said(tmp_path: Path, words: list[str], codec: str, is_said: bool) -> None:
    content = "".join(f"{line}\r\n" for line in ["id,what", *(f"X,{word}" for word in words)]).encode(codec)
    found = read_bytes(tmp_path, content)
    assert found.rows["what"].tolist() == words
    assert bool(found.files[0].notes) is is_said
    stated = read_bytes(tmp_path, content, encoding=codec)
    assert (stated.rows["what"].tolist(), stated.files[0].notes) == (words, ())


def test_a_header_may_have_accents_too(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, "id,what,año\nX2,Robo a transeúnte,x\nX3,Vol à l’étalage,x\n".encode("cp1252"))
    assert found.rows["año"].tolist() == ["x", "x"]
    assert found.rows["what"].tolist() == ["Robo a transeúnte", "Vol à l’étalage"]


def test_bytes_that_are_not_of_the_encoding_refuse_their_line(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, b"id,what\nX1,caf\xe9\nX2,ok\n", encoding="utf-8")
    assert found.rows["id"].tolist() == ["X2"]
    assert "no utf-8; state the file's encoding" in found.unread["detail"][0]
    assert found.unread["text"][0] == b"X1,caf\xe9"
    with pytest.raises(SourceError, match="encoding='utf-9'"):
        read_bytes(tmp_path, b"id,what\nX1,x\n", encoding="utf-9")


def test_gzip_and_zip_are_known_by_their_bytes(tmp_path: Path) -> None:
    plain = read_bytes(tmp_path, text("id,lat", "a,1"))
    for name in ("in.csv", "in.CSV.GZ", "other.csv.gz"):
        packed = read_bytes(tmp_path, gzip.compress(text("id,lat", "a,1"), mtime=0), name)
        assert packed.rows[["id", "lat"]].equals(plain.rows[["id", "lat"]])
        assert packed.files[0].digest == plain.files[0].digest


def write_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv").replace("_txt", ".txt"), content)
    return path


def test_a_zip_is_a_folder(tmp_path: Path) -> None:
    members = {"b__two_csv": text("lat,id", "2,b"), "a__one_csv": text("id,lat", "a,1"), "read_me_txt": b"hello"}
    found = read(write_zip(tmp_path / "all.zip", **members))
    assert [file.name for file in found.files] == ["all.zip/a/one.csv", "all.zip/b/two.csv"]
    assert found.rows[["id", "lat"]].to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    assert [one.name for one in found.passed_over] == ["all.zip/read_me.txt"]
    only = read(tmp_path / "all.zip", files="two*")
    assert only.rows["id"].tolist() == ["b"]
    (tmp_path / "cut.zip").write_bytes((tmp_path / "all.zip").read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"cut.zip cannot be opened as a zip"):
        read(tmp_path / "cut.zip")
    mixed = read(tmp_path, files="*.zip")
    assert [one.name for one in mixed.passed_over][-2:] == ["cut.zip", "all.zip/read_me.txt"]


def test_a_folder_names_what_it_passes_over(tmp_path: Path) -> None:
    content = text(HEADER, ROW.format("AP1"))
    for name in ("2022.csv", "2023.tsv", "2024.txt", "2025.xlsx", "README.md", ".hidden.csv"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "2021.csv").write_bytes(text(HEADER))
    found = read(tmp_path)
    assert found.rows["id"].tolist() == ["AP1"]
    named = {"2023.tsv", "2024.txt", "2025.xlsx", "README.md", ".hidden.csv", "2021.csv"}
    assert {one.name for one in found.passed_over} == named
    assert all(one.why for one in found.passed_over)
    (tmp_path / "2026.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match="both CSV and Parquet"):
        read(tmp_path)


def test_clean_and_odd_files_of_a_folder_keep_their_order(tmp_path: Path) -> None:
    contents = {
        "1.csv": text("id,lat", "a,1", "b,2"),
        "2.csv": text("lat,id", "3,c"),
        "3.csv": text("id,lat", "d,4", "", "e,5", "f"),
        "4.csv": text("id,lat", "g,6"),
        "sub/1.csv": text("id,lat", "h,7", "i,8"),
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = read(tmp_path)
    assert "".join(found.rows["id"]) == "abcdeghi"
    assert found.rows["harmspot_line"].tolist() == [2, 3, 2, 2, 4, 2, 2, 3]
    names = ["./1.csv", "./1.csv", "2.csv", "3.csv", "3.csv", "4.csv", "sub/1.csv", "sub/1.csv"]
    assert found.rows["harmspot_file"].tolist() == names
    assert found.unread[["file", "line"]].to_numpy().tolist() == [["3.csv", 5]]


class Dialect(NamedTuple):
    """How a file is written."""

    delimiter: str
    end: str
    codec: str
    is_quoting: bool
    has_last_end: bool
    is_packed: bool


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    is_quoting=st.booleans(),
    has_last_end=st.booleans(),
    is_packed=st.booleans(),
)
VALUE = st.text(st.sampled_from("ab1 é\"',;|\t\n\r\\#"), max_size=6)
GOOD = st.tuples(VALUE, VALUE, VALUE).map(lambda row: ("row", row))
ODD = st.sampled_from([("blank", ""), ("few", "x"), ("many", "x{0}y{0}z{0}w{0}v"), ("open", 'k{0}k{0}k{0}"open')])


def row_text(dialect: Dialect, values: tuple[str, ...]) -> str:
    """Write a row: quotes where they are needed, or everywhere."""
    marks = {*'\r\n"', dialect.delimiter}
    return dialect.delimiter.join(
        '"{}"'.format(value.replace('"', '""')) if dialect.is_quoting or marks & set(value) else value
        for value in values
    )


def written(dialect: Dialect, items: list[tuple[str, tuple[str, ...] | str]]) -> bytes:
    """Write a header of four columns and the items; every row begins with its number."""
    records = [(("key", "one", "two", "three"), True)]
    records += [
        ((f"r{at}", *value), True) if kind == "row" else (value, False) for at, (kind, value) in enumerate(items)
    ]
    records.append((("last", "", "", ""), True))
    whole = "".join(
        (row_text(dialect, value) if is_row else str(value).format(dialect.delimiter)) + dialect.end
        for value, is_row in records
    )
    content = (whole if dialect.has_last_end else whole.removesuffix(dialect.end)).encode(dialect.codec)
    return gzip.compress(content, mtime=0) if dialect.is_packed else content


@pytest.mark.sampled
@settings(max_examples=sample(60, whole=1_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dialect=DIALECTS, items=st.lists(st.one_of(GOOD, ODD), max_size=8))
def test_every_row_of_any_dialect_is_read_or_refused(
    dialect: Dialect, items: list[tuple[str, tuple[str, ...] | str]]
) -> None:
    """What a whole writer has written is read as it was; every line that is no row is refused, and costs no other.

    Two things nobody can tell, so they are left out: a line that opens a quote before a row with a line end in a field
    (by the rules of CSV they are one record), and a line inside a row that is by itself a whole row.
    """
    texts = [row_text(dialect, value) for kind, value in items if kind == "row" and isinstance(value, tuple)]
    assume(not any(line.count(dialect.delimiter) > 2 for row in texts for line in re.split("[\r\n]", row)[1:]))
    kinds = [(kind, kind == "row" and bool({"\r", "\n"} & set("".join(value)))) for kind, value in items]
    opened = [at for at, (kind, _) in enumerate(kinds) if kind == "open"]
    assume(not any(is_long for at in opened for _, is_long in kinds[at:]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_bytes(written(dialect, items))
        found = read(path, delimiter=dialect.delimiter, encoding=dialect.codec)
    expected = [[f"r{at}", *value] for at, (kind, value) in enumerate(items) if kind == "row"]
    rows = found.rows[["key", "one", "two", "three"]].fillna("").to_numpy().tolist()
    assert rows == [*expected, ["last", "", "", ""]]
    assert len(found.unread) == sum(kind not in ("row", "blank") for kind, _ in items)
    assert found.files[0].rows == 1 + sum(kind != "blank" for kind, _ in items)


@pytest.mark.sampled
@settings(max_examples=sample(60, whole=1_500), deadline=None)
@given(body=st.text(st.sampled_from('ab, ",\n"'), max_size=40))
def test_duckdb_and_the_line_splitter_read_the_same(body: str) -> None:
    """A file that DuckDB's parser is trusted with gives the rows that the careful way gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_text(f"one,two\nx,y\n{body}", encoding="utf-8")
        straight = read(path, delimiter=",")
        careful = read(write_zip(Path(folder) / "in.zip", in_csv=path.read_bytes()), delimiter=",")
    wanted = ["one", "two", "harmspot_line"]
    pd.testing.assert_frame_equal(straight.rows[wanted], careful.rows[wanted])
    pd.testing.assert_frame_equal(straight.unread.drop(columns="file"), careful.unread.drop(columns="file"))


SUFFIXES = ["csv", "tsv", "txt", "csv.gz", "zip", "parquet"]


@pytest.mark.sampled
@settings(max_examples=sample(60, whole=3_000), deadline=None)
@given(
    content=st.one_of(st.binary(max_size=200), st.text(st.sampled_from('a,;\t"\n\r\0é'), max_size=60).map(str.encode)),
    suffix=st.sampled_from(SUFFIXES),
)
def test_any_bytes_are_read_or_refused_by_name(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in.{suffix}"
        path.write_bytes(content)
        try:
            read(path)
        except SourceError as error:
            assert f"in.{suffix}" in str(error)
