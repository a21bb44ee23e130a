"""Printed tables: at most 120 characters wide, ids and numbers unbroken, prose wrapped, --json complete."""

import csv
import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flows.command import cli
from flows.command.printing import PIPE_WIDTH, fitted, print_frame, print_object
from flows.command.show import TABLES, say_near, say_warnings, shown_table
from pipeline.publication.downloads import without_formulas
from pipeline.terminal_text import inert
from tests.town import CLOCK, TownRun

SIZES = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)).map(lambda s: (s[0], s[0] + s[1])), max_size=8)


@given(sizes=SIZES, spare=st.integers(0, 200))
def test_columns_get_the_least_then_what_they_want_and_never_more_than_there_is(
    sizes: list[tuple[int, int]], spare: int
) -> None:
    least, wanted = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    widths = fitted(sizes, least + spare)
    assert all(low <= width <= high for width, (low, high) in zip(widths, sizes, strict=True))
    assert sum(widths) == min(least + spare, wanted)


def test_rows_that_no_table_can_hold_stand_one_below_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({f"id_{number}": [f"{number}" * 34, "short"] for number in range(5)})
    print_frame(frame, title="wide", as_json=False)
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "wide"
    assert max(map(len, lines)) <= PIPE_WIDTH
    assert [line.startswith("id 0") for line in lines] == [True, False, False, True]
    said = " ".join(" ".join(lines).split())
    assert all(f"id {number} " + f"{number}" * 34 in said for number in range(5))


def test_prose_wraps_between_words_and_ids_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    person = "p_" + "0123456789abcdef" * 2
    frame = pd.DataFrame(
        {
            "person_id": [person],
            "seen_at": pd.to_datetime(["2026-01-01T12:30Z"]),
            "harm": [1234.5],
            "evidence_ids": [["I" + "7" * 12, "I" + "8" * 12, "I" + "9" * 12]],
            "why": ["a sentence of many words " * 12],
        }
    )
    print_frame(frame, title="t", as_json=False)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= PIPE_WIDTH
    for whole in (person, "2026-01-01 12:30 UTC", "1,234", *frame["evidence_ids"].iloc[0]):
        assert whole in out
    assert out.count("sentence") == 12


# Rich's markup and emoji, escape sequences of terminals, marks that turn the direction of writing, ordinary text.
OUTSIDE = st.lists(
    st.sampled_from(
        ["[/x]", "[b]", "[red]W7[/red]", ":smile:", "\x1b[2J", "\x9b31m", "\x07", "\u202e", "\r", "\0", "W7", " "]
    )
    | st.text(max_size=5),
    min_size=1,
    max_size=4,
).map("".join)


@given(title=OUTSIDE, name=OUTSIDE, cells=st.lists(OUTSIDE, min_size=1, max_size=3))
def test_nothing_from_outside_steers_the_terminal(title: str, name: str, cells: list[str]) -> None:
    """A warrant `W[/x]` ended in a traceback, and `W7[b]` was printed as `W7`."""
    with redirect_stdout(StringIO()) as said:
        print_frame(pd.DataFrame({name: cells}), title=title, as_json=False)
        print_object(None, cells, as_json=False)
    out = said.getvalue()
    assert all(sign.isprintable() or sign == "\n" for sign in out)
    printed = "".join(out.split())
    for text in cells:
        assert "".join(inert(text).split()) in printed


@pytest.mark.parametrize("name", ["W[/x]", "W7[b]", ":warning:"])
def test_words_in_brackets_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pd.DataFrame({"warrant_id": [name], name: [1]}), title=name, as_json=False)
    assert capsys.readouterr().out.count(name) == 3


@given(text=st.text(max_size=6) | st.sampled_from(["=1+1", "+1", "-1", "-x", "@a", " =a", "\t=a", "1.5"]))
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    (cell,) = without_formulas(pd.DataFrame({"value": [text]}))["value"]
    assert cell.removeprefix("'") == text.removeprefix("'")
    assert not cell.lstrip().startswith(("=", "+", "-", "@")) or float(cell) is not None


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_of_the_town_fits_and_breaks_no_id(town_run: TownRun, table: str) -> None:
    home = ["--home", str(town_run.home.path), "--config", str(town_run.home.config_file), "--clock", CLOCK.isoformat()]
    words = ["show", table, "--purpose", "a test", "--reader", "A. Test"]
    ways = [[], ["--resolve"]] if shown_table(table).is_about_people else [[]]
    for more in ways:
        text = CliRunner().invoke(cli, [*home, *words, *more], catch_exceptions=False).stdout
        assert max(map(len, text.splitlines())) <= 120
        rows = json.loads(CliRunner().invoke(cli, [*home, *words, *more, "--json"], catch_exceptions=False).stdout)
        if table == "offences":  # rows of `flows.outputs.offences.worst_areas`
            continue
        columns = [column for column in shown_table(table).columns if not (more and column == "person_id")]
        for row in rows[:20]:
            assert {*shown_table(table).columns} <= {*row}
            cells = [row[column] for column in columns if isinstance(row[column], str)]
            assert all(cell in text for cell in cells if " " not in cell and ":" not in cell)


def test_names_from_a_boundary_file_steer_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "\x1b[2Jnorth\x07"
    checks = pd.DataFrame({"check_name": ["near_list"], "outcome": ["passed"], "detail": [f"Next is {name}."]})
    checks = checks.assign(way_out=None)
    quality = pd.DataFrame({"measure": [], "is_warning": [], "detail": []}, dtype=str)
    monkeypatch.setattr(
        "pipeline.publication.publish.read_published",
        lambda _, table, *__: checks if table == "quality_check" else quality,
    )
    say_near(SimpleNamespace(path=None), None, None)  # type: ignore[arg-type]
    checks["outcome"] = "warning"
    say_warnings(SimpleNamespace(path=None), None)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert said.count(r"\x1b[2Jnorth\x07") == 2
    assert not {"\x1b", "\x07"} & set(said)


def test_a_blank_column_with_blank_cells_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_frame(pd.DataFrame({" ": [" "], "a": ["b"]}), title="t", as_json=False)
    assert "b" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["areas", "people"])
def test_a_table_is_downloaded_whole_and_rows_about_people_say_what_they_are_not(
    town_run: TownRun, tmp_path: Path, table: str
) -> None:
    home = ["--home", str(town_run.home.path), "--config", str(town_run.home.config_file), "--clock", CLOCK.isoformat()]
    words = [*home, "show", table, "--purpose", "a test", "--reader", "A. Test"]
    rows = json.loads(CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False).stdout)
    text = CliRunner().invoke(cli, [*words, "--csv"], catch_exceptions=False).stdout
    read = list(csv.DictReader(StringIO(text, newline="")))
    assert len(read) == len(rows) > 0
    assert ("not_grounds" in read[0]) == (table == "people")
    written = CliRunner().invoke(cli, [*words, "--xlsx", str(tmp_path / "t.xlsx")], catch_exceptions=False)
    assert written.exit_code == 0
    assert (tmp_path / "t.xlsx").stat().st_mode & 0o777 == 0o600
