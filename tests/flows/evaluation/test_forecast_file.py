"""Forecast from a file: the past it uses, its cells, and rejected input."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.evaluation.forecast_file import Extent, forecast_file, read_events, read_weights
from geo.cells import Grid
from models.forecast.forecast import ForecastConfig
from pipeline.errors import SourceError

GRID = Grid("EPSG:32618", 250)
EXTENT = Extent(480_000, 4_420_000, 485_000, 4_425_000)
# 482 km east, 4,422 km north in UTM zone 18N.
LON, LAT = -75.2095, 39.9490
HARM = pd.Series({"robbery": 365.0, "theft": 2.0})


def events(*times: str, offence: str = "robbery") -> pd.DataFrame:
    return pd.DataFrame({"occurred_at": pd.to_datetime(list(times)), "offence": offence, "lon": LON, "lat": LAT})


def forecast(rows: pd.DataFrame, as_of: str = "2019-07-01") -> pd.DataFrame:
    return forecast_file(
        rows,
        HARM,
        as_of=datetime.fromisoformat(as_of),
        horizon_days=7,
        extent=EXTENT,
        grid=GRID,
        time_zone="America/New_York",
        seed=1,
        config=ForecastConfig(horizon_days=7, history_days=365),
    )


def test_one_row_per_cell_on_whole_multiples() -> None:
    table = forecast(events("2019-06-01 12:00"))
    assert len(table) == 20 * 20
    assert (table["x_min_m"] % 250 == 0).all() and (table["y_min_m"] % 250 == 0).all()
    assert (table["x_min_m"].min(), table["y_min_m"].max()) == (480_000, 4_424_750)
    assert list(table.columns) == [
        "x_min_m", "y_min_m", "expected_harm", "expected_harm_lo", "expected_harm_hi", "expected_events", "p_top1",
        "p_top5", "events_dispersion", "harm_sd", "naive_count",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("extent", "count"),
    [
        (Extent(0, 0, 250, 250), 1),
        (Extent(0, 0, 251, 250), 2),
        (Extent(-1, 0, 250, 250), 2),
        (Extent(10, 10, 20, 20), 1),
    ],
)
def test_cells_share_ground_with_the_extent(extent: Extent, count: int) -> None:
    assert len(extent.cells(GRID)) == count


def test_what_happens_at_as_of_or_later_changes_nothing() -> None:
    past = events("2019-06-01 12:00:00", "2019-06-30 23:59:59")
    later = events("2019-07-01 00:00", "2019-07-02 09:00", "2020-01-01 00:00")
    pd.testing.assert_frame_equal(forecast(past), forecast(pd.concat([past, later])))
    assert forecast(pd.concat([past, later])).attrs["notes"][0] == "3 rows not before as-of were left out"


def test_the_hottest_cell_is_where_it_happened() -> None:
    table = forecast(events(*[f"2019-06-{day:02} 12:00" for day in range(1, 29)]))
    hottest = table.sort_values("expected_harm").iloc[-1]
    assert (hottest["x_min_m"], hottest["y_min_m"]) == (482_000, 4_422_000)
    assert hottest["naive_count"] == 28


def test_an_absolute_time_counts_as_the_local_one_it_is() -> None:
    local, absolute = events("2019-06-30 23:30"), events("2019-07-01 03:30+00:00")
    pd.testing.assert_frame_equal(forecast(local), forecast(absolute))


def test_rows_without_a_point_are_left_out_and_said() -> None:
    broken = events("2019-06-02 12:00").assign(lon=float("nan"))
    table = forecast(pd.concat([events("2019-06-01 12:00"), broken]))
    assert "1 rows without coordinates were left out" in table.attrs["notes"]


def test_an_offence_without_weight_is_named() -> None:
    with pytest.raises(ValueError, match="offence 'arson' has no harm weight"):
        forecast(events("2019-06-01 12:00", offence="arson"))


def test_an_empty_past_still_gives_every_cell() -> None:
    table = forecast(events("2019-08-01 12:00"))
    assert len(table) == 400
    assert table["expected_events"].notna().all()


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("when,offence,lon,lat\n2019-01-01,theft,1,2\n")
    with pytest.raises(SourceError, match="no column 'occurred_at'; it has when, offence, lon, lat"):
        read_events(path)


@pytest.mark.parametrize("row", ["robbery,-1", "robbery,much", "robbery,1\nrobbery,2"])
def test_weights_are_numbers_from_zero_up_each_offence_once(tmp_path: Path, row: str) -> None:
    path = tmp_path / "weights.csv"
    path.write_text(f"offence,harm_days\n{row}\n")
    with pytest.raises(SourceError, match=r"row [23], column (offence|harm_days)"):
        read_weights(path)


def test_the_command_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    events("2019-06-01 12:00", "2019-06-02 13:00").to_csv(file, index=False)
    weights = tmp_path / "weights.csv"
    weights.write_text("offence,harm_days\nrobbery,365\n")
    written = []
    for name in ("a.parquet", "b.parquet"):
        out = tmp_path / name
        result = CliRunner().invoke(
            cli,
            ["forecast", "--events", str(file), "--as-of", "2019-07-01", "--time-zone", "America/New_York",
             "--extent", "480000,4420000,485000,4425000", "--crs", "EPSG:32618", "--weights", str(weights),
             "--out", str(out)],
            catch_exceptions=False,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        written.append(out.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["2010-01-01", "yesterday"], "row 2: 'yesterday'; expected an ISO 8601 time"),
        (["2010-01-01T10:00", "2010-01-01T10:00+01:00"], "mixes times with and without a zone"),
    ],
)
def test_a_time_that_cannot_be_read_is_named_with_its_row(tmp_path: Path, times: list[str], words: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text("occurred_at,offence,lon,lat\n" + "".join(f"{time},theft,0,0\n" for time in times))
    with pytest.raises(SourceError, match=words):
        read_events(path)


def test_an_extent_the_wrong_way_round_is_named_as_it_was_given() -> None:
    with pytest.raises(ValueError, match="extent 10,0,5,5: expected minx,miny,maxx,maxy"):
        Extent(10, 0, 5, 5)
