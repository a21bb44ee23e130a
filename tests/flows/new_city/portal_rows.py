"""Invented rows under the headers that portals use, as text, so that guesses can be tried on them."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flows.home.settings import CONFIGS
from flows.new_city.offence_words import KnownWords, read_known_words
from flows.new_city.table import Table, table_of
from models.places.axes import codebook_axes
from pipeline.database import connect
from pipeline.events.codebook import read_codebook

ROWS = 400
BOOK = read_codebook(CONFIGS / "codebooks" / "harm.csv", date(2026, 1, 1), codebook_axes())

# Portal → its header, each column with the kind of its values.
HEADERS = {
    "chicago": "ID=id,Case Number=case,Date=us_half,Block=street,IUCR=code,Primary Type=offence,Description=detail,"
    "Location Description=premise,Arrest=truth,Domestic=truth,Beat=beat,District=district,Ward=beat,"
    "Community Area=beat,FBI Code=code,X Coordinate=feet,Y Coordinate=feet,Year=year,Updated On=us_half,"
    "Latitude=lat,Longitude=lon,Location=pair",
    "new_york": "CMPLNT_NUM=id,CMPLNT_FR_DT=us_day,CMPLNT_FR_TM=clock,CMPLNT_TO_DT=us_day,CMPLNT_TO_TM=clock,"
    "RPT_DT=us_day,KY_CD=code,OFNS_DESC=offence,PD_CD=code,PD_DESC=detail,LAW_CAT_CD=law,BORO_NM=premise,"
    "ADDR_PCT_CD=district,X_COORD_CD=feet,Y_COORD_CD=feet,Latitude=lat,Longitude=lon,Lat_Lon=pair",
    "los_angeles": "DR_NO=id,Date Rptd=us_midnight,DATE OCC=us_midnight,TIME OCC=hhmm,AREA=district,AREA NAME=premise,"
    "Rpt Dist No=beat,Crm Cd=code,Crm Cd Desc=offence,Vict Age=age,Premis Desc=premise,Status=law,"
    "Status Desc=premise,LOCATION=street,LAT=lat,LON=lon",
    "seattle": "Report Number=case,Report DateTime=us_half,Offense ID=id,Offense Date=us_half,"
    "NIBRS Crime Against Category=law,Block Address=street,Latitude=lat,Longitude=lon,Beat=beat,"
    "Precinct=law,NIBRS Offense Code Description=offence,NIBRS_offense_code=code",
    "boston": "INCIDENT_NUMBER=case,OFFENSE_CODE=code,OFFENSE_DESCRIPTION=offence,DISTRICT=district,"
    "REPORTING_AREA=beat,SHOOTING=truth,OCCURRED_ON_DATE=iso,YEAR=year,MONTH=month,DAY_OF_WEEK=law,"
    "HOUR=hour,STREET=street,Lat=lat,Long=lon,Location=pair",
    "denver": "INCIDENT_ID=repeated,OFFENSE_ID=id,OFFENSE_CODE=code,OFFENSE_TYPE_ID=offence,"
    "FIRST_OCCURRENCE_DATE=us_half,LAST_OCCURRENCE_DATE=us_half,REPORTED_DATE=us_half,"
    "INCIDENT_ADDRESS=street,GEO_X=feet,GEO_Y=feet,GEO_LON=lon,GEO_LAT=lat,DISTRICT_ID=district,"
    "PRECINCT_ID=beat,IS_CRIME=truth",
    "vancouver": "TYPE=offence,YEAR=year,MONTH=month,DAY=day,HOUR=hour,MINUTE=minute,HUNDRED_BLOCK=street,"
    "NEIGHBOURHOOD=district,X=feet,Y=feet",
    "police_uk": "Crime ID=case,Month=iso_month,Reported by=force,Falls within=force,Longitude=lon,Latitude=lat,"
    "Location=street,LSOA code=beat,Crime type=offence,Last outcome category=premise",
}
EXPECTED = {
    "chicago": {"incident_id": "ID", "occurred_at": "Date", "offence": "Primary Type", "offence_detail": "Description",
                "x": "Longitude", "y": "Latitude", "domestic": "Domestic", "updated_at": "Updated On",
                "area_id": "District"},
    "new_york": {"incident_id": "CMPLNT_NUM", "occurred_at": "CMPLNT_FR_DT + CMPLNT_FR_TM", "offence": "OFNS_DESC",
                 "offence_detail": "PD_DESC", "occurred_to": "CMPLNT_TO_DT + CMPLNT_TO_TM", "reported_at": "RPT_DT",
                 "x": "Longitude", "y": "Latitude", "area_id": "ADDR_PCT_CD"},
    "los_angeles": {"incident_id": "DR_NO", "occurred_at": "DATE OCC + TIME OCC", "offence": "Crm Cd Desc", "x": "LON",
                    "y": "LAT", "reported_at": "Date Rptd", "area_id": "AREA"},
    "seattle": {"incident_id": "Report Number", "occurred_at": "Offense Date",
                "offence": "NIBRS Offense Code Description",
                "x": "Longitude", "y": "Latitude", "reported_at": "Report DateTime", "area_id": "Beat"},
    "boston": {"incident_id": "INCIDENT_NUMBER", "occurred_at": "OCCURRED_ON_DATE", "offence": "OFFENSE_DESCRIPTION",
               "x": "Long", "y": "Lat", "area_id": "DISTRICT"},
    "denver": {"incident_id": "INCIDENT_ID", "occurred_at": "FIRST_OCCURRENCE_DATE", "offence": "OFFENSE_TYPE_ID",
               "occurred_to": "LAST_OCCURRENCE_DATE", "reported_at": "REPORTED_DATE", "x": "GEO_LON", "y": "GEO_LAT",
               "area_id": "DISTRICT_ID"},
    "vancouver": {"occurred_at": "YEAR + MONTH + DAY + HOUR + MINUTE", "offence": "TYPE", "x": "X", "y": "Y",
                  "area_id": "NEIGHBOURHOOD"},
    "police_uk": {"incident_id": "Crime ID", "occurred_at": "Month", "offence": "Crime type", "x": "Longitude",
                  "y": "Latitude", "area_id": "LSOA code"},
}  # fmt: skip


def known_words(*without: str) -> KnownWords:
    """Return the words that the project ships, but for some cities'."""
    return KnownWords(read_known_words(CONFIGS, BOOK["label"], without=without), BOOK)


def portal_rows(name: str, rows: int = ROWS) -> pd.DataFrame:
    """Return invented rows of a portal, as text."""
    random = np.random.default_rng(len(name))
    table = pd.read_csv(CONFIGS / "mappings" / f"{name}_offences.csv", dtype=str, keep_default_na=False)
    table = table[table["offence"] != ""].reindex(columns=["offence", "offence_detail"], fill_value="")
    words = table.iloc[np.minimum(random.geometric(0.15, rows) - 1, len(table) - 1)].reset_index(drop=True)
    columns = dict(pair.rsplit("=", 1) for pair in HEADERS[name].split(","))
    moments = [datetime(2024, 1, 1) + timedelta(minutes=int(m)) for m in np.sort(random.integers(0, 500_000, rows))]
    return pd.DataFrame({column: _values(kind, random, words, moments) for column, kind in columns.items()}, dtype=str)


def _values(kind: str, random: np.random.Generator, words: pd.DataFrame, moments: list[datetime]) -> list[str]:
    rows = len(words)
    if kind in ("offence", "detail"):
        own = words["offence_detail"].str.rstrip("*")
        plain = words["offence"] + " " + pd.Series(random.integers(1, 4, rows)).map({1: "A", 2: "B", 3: "C"})
        return list(words["offence"] if kind == "offence" else own.where(own != "", plain))
    if kind in _TIMES:
        return [_TIMES[kind](moment) for moment in moments]
    numbers = random.integers(0, 10_000, rows)
    made: dict[str, Callable[[int], str]] = {
        "id": lambda i: str(11_000_000 + i),
        "case": lambda i: f"JC{200_000 + i}",
        "repeated": lambda i: str(2_016_000_000 + i // 2),
        "code": lambda i: str(400 + numbers[i] % 37),
        "street": lambda i: f"{numbers[i] % 40 * 100} block of Elm St",
        "premise": lambda i: ("STREET", "RESIDENCE", "SIDEWALK", "PARK", "STORE")[numbers[i] % 5],
        "law": lambda i: ("N", "S", "E", "W")[numbers[i] % 4],
        "force": lambda i: "City Police",
        "truth": lambda i: ("true", "false")[numbers[i] % 2],
        "beat": lambda i: f"Z{numbers[i] % 60:03d}",
        "district": lambda i: str(1 + numbers[i] % 311 // 104 * 4 + numbers[i] % 173 // 44),
        "age": lambda i: str(numbers[i] % 90),
        "feet": lambda i: f"{1_150_000 + numbers[i] * 3.5:.1f}",
        "lat": lambda i: f"{41.7 + numbers[i] % 311 / 2000:.6f}",
        "lon": lambda i: f"{-87.7 + numbers[i] % 173 / 2000:.6f}",
        "pair": lambda i: f"({41.7 + numbers[i] % 311 / 2000:.6f}, {-87.7 + numbers[i] % 173 / 2000:.6f})",
    }
    return [made[kind](i) for i in range(rows)]


_TIMES: dict[str, Callable[[datetime], str]] = {
    "us_half": lambda t: f"{t:%m/%d/%Y %I:%M:%S %p}",
    "us_day": lambda t: f"{t:%m/%d/%Y}",
    "us_midnight": lambda t: f"{t:%m/%d/%Y} 12:00:00 AM",
    "clock": lambda t: f"{t:%H:%M:%S}",
    "hhmm": lambda t: f"{t:%H%M}",
    "iso": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "iso_month": lambda t: f"{t:%Y-%m}",
    "year": lambda t: str(t.year),
    "month": lambda t: str(t.month),
    "day": lambda t: str(t.day),
    "hour": lambda t: str(t.hour),
    "minute": lambda t: str(t.minute),
}


@contextmanager
def table_from(rows: pd.DataFrame) -> Iterator[Table]:
    """Open a frame of text as the table of a file."""
    with closing(connect(is_encrypting=False)) as connection:
        connection.register("frame", rows)
        connection.execute("CREATE TEMP TABLE raw AS SELECT *, row_number() OVER () AS harmspot_number FROM frame")
        yield table_of(connection)


def write_rows(rows: pd.DataFrame, file: Path) -> Path:
    """Write rows as CSV."""
    rows.to_csv(file, index=False)
    return file
