"""The figures of data_quality: rows add up over every batch, and the incidents of the window are those ranked."""

from pathlib import Path

import duckdb
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from flows.home.home import Home
from flows.home.settings import load_settings
from flows.home.store_access import open_home_snapshot, open_home_store
from flows.inputs.assembly import query
from flows.run.prioritise import basis_measure
from flows.run.quality import record_measures
from pipeline.pages.report import balance
from pipeline.publication.tables import read_tables
from tests.flows.ingest.test_load_report import csv, folder, in_home, row
from tests.town import TownRun

__all__ = ["folder"]  # the fixture
PARTS = ["versions_stored", "duplicates", "merged", "dead_letters"]
COUNT = st.integers(0, 1000)


def totals(batches: list[dict[str, object]]) -> dict[str, int]:
    columns = ["source", "rows_in", "stored", "duplicates", "merged", "dead", "conflicts"]
    with duckdb.connect() as connection:
        frame = pd.DataFrame(batches, columns=columns)
        connection.register("frame", frame.astype(dict.fromkeys(columns[1:], "int64") | {"source": "str"}))
        connection.execute("CREATE TABLE batch_snapshot AS FROM frame")
        connection.execute("CREATE TABLE dead_letter_snapshot (reason VARCHAR)")
        return {str(name): int(n) for name, n in query(connection, "quality#ingest_totals").iloc[0].items()}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, object]]:
    """Batches one after the other; a replay tries letters that wait."""
    batches, waiting = [], 0
    for number in range(draw(st.integers(0, 8))):
        stored, duplicates, merged, dead = (draw(COUNT) for _ in PARTS)
        is_replay = waiting > 0 and draw(st.booleans())
        if is_replay:
            tried = draw(st.integers(0, waiting))
            stored = draw(st.integers(0, tried))
            duplicates = draw(st.integers(0, tried - stored))
            merged, dead = 0, tried - stored - duplicates
        waiting += dead - (tried if is_replay else 0)
        source = "replay of m" if is_replay else f"jsonl:{number}"
        rows_in = stored + duplicates + merged + dead
        counts = {"rows_in": rows_in, "stored": stored, "duplicates": duplicates, "merged": merged, "dead": dead}
        batches.append({"source": source, **counts, "conflicts": 0})
    return batches


@given(histories())
def test_rows_in_are_what_became_of_them_over_every_batch(batches: list[dict[str, object]]) -> None:
    found, table = totals(batches), pd.DataFrame(batches)
    assert found["rows_in"] == sum(found[name] for name in PARTS)
    assert min(found.values()) >= 0
    if len(table):
        is_replay = table["source"].str.startswith("replay")
        assert found["rows_in"] == table.loc[~is_replay, "rows_in"].sum()  # nothing that came in is counted twice
        assert found["versions_stored"] == table["stored"].sum()  # and nothing that was stored is left out
        assert found["replayed"] == (table["rows_in"] - table["dead"])[is_replay].sum()


def quality_of(home: Home) -> pd.Series:
    with open_home_snapshot(home, home.now()) as snapshot:
        return query(snapshot.connection, "quality#ingest_totals").iloc[0].astype(int)


def test_a_load_of_nothing_new_and_a_replay_are_counted(folder: Path) -> None:
    """A second load repeats every row; of two rows that wait, a replay reads one after its word was added.

    What is known ends with the last batch that stored anything: the second load counts once the replay has.
    """
    first = csv(folder, *(row(f"a{n}") for n in range(6)), row("b", "ARSON"), row("c", "MISCHIEF"), name="one.csv")
    second = csv(folder, *(row(f"a{n}") for n in range(6)), name="two.csv")
    for file in (first, second):
        assert in_home(folder, "load", file).returncode == 0
    home = Home(folder / "home")
    counted = ["rows_in", *PARTS, "replayed", "dead_letters_waiting"]
    assert quality_of(home)[counted].tolist() == [8, 6, 0, 0, 2, 0, 2]
    with (folder / "offences.csv").open("a") as table:
        table.write("ARSON,arson,public\n")
    assert in_home(folder, "replay").returncode == 0
    assert quality_of(home)[counted].tolist() == [14, 7, 6, 0, 1, 1, 1]
    with open_home_store(home) as store:
        assert len(store.dead_letters()) == 1


def test_the_report_of_the_town_adds_up_over_every_batch(town_run: TownRun) -> None:
    quality = town_run.published("data_quality")
    adds_up = balance(quality)
    assert adds_up is not None and adds_up["difference"] == 0
    assert adds_up["rows_in"] == town_run.loaded.rows_in


def test_the_incidents_in_the_window_are_those_that_the_ranking_counts(town_run: TownRun) -> None:
    measured = town_run.published("data_quality").set_index("measure")["value"]
    ranking = town_run.published("area_ranking")
    assert measured["incidents_in_window"] == ranking["public_count"].sum() > 0
    assert measured["police_discovered"] == ranking["police_count"].sum() > 0
    assert measured["before_window"] > 0  # the town's 500 days begin before the window's 365


def test_every_interval_of_every_table_holds_its_point(town_run: TownRun) -> None:
    """Found from tables.yml: whatever has a column x and x_lo or x_hi."""
    tables, outside, tried = read_tables(), [], 0
    for read, file in ((town_run.published, tables.published), (town_run.restricted, tables.restricted)):
        for name, table in file.items():
            columns = set(table.column_names)
            intervals = [c for c in columns if c.endswith(("_lo", "_hi")) and c[:-3] in columns]
            if not intervals:
                continue
            rows = read(name)
            for end in intervals:
                point = rows[end[:-3]]
                beyond = rows[end] > point if end.endswith("_lo") else rows[end] < point
                tried += int((rows[end].notna() & point.notna()).sum())
                outside += [f"{name}.{end}"] * bool(beyond.any())
    assert outside == []
    assert tried > 1000


def test_quality_says_what_the_forecast_rests_on() -> None:
    forecast = pd.DataFrame()
    assert basis_measure(forecast)[1:] == (0.0, "share", False, "no past")
    forecast.attrs["basis"] = [("learned rates", 0.6), ("count over 30 days", 0.4)]
    _, part, _, is_warning, detail = basis_measure(forecast)
    assert (part, is_warning) == (0.6, False)
    assert detail.endswith("rests on: learned rates 60%; count over 30 days 40%")


def test_a_young_record_says_so_and_that_no_earlier_origin_taught_the_spread() -> None:
    codebook = pd.DataFrame({"harm_days": [30.0]}, index=["robbery"])

    def measures(days: int) -> dict[str, tuple[float, bool]]:
        events = pd.DataFrame({"offence_code": "robbery", "discovery": "public", "age_days": range(days), "n": 5})
        found = record_measures(events, codebook, load_settings(environment={}).places)
        return {name: (value, is_warning) for name, value, _, is_warning, _ in found}

    assert measures(120) == {"record_days": (119, True), "earlier_origins": (0, True)}
    assert measures(365 + 65) == {"record_days": (365, False), "earlier_origins": (2, False)}
