"""Every shipped mapping reads invented rows under its portal's own header to the right times, codes and points."""

import csv
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pipeline.events.codebook import read_codebook
from pipeline.mapped.mapping import check_offence_codes
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import open_store

FOLDER = Path("configs/mappings")
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
AXES = ("violence", "disorder", "minors", "none")
CODES = frozenset(read_codebook(Path("configs/codebooks/harm.csv"), date(2026, 1, 1), AXES).index)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Kept = tuple[str, str, str, str, float, float]  # incident_id (blank: made), occurred_at, code, discovery, lon, lat


@dataclass(frozen=True)
class Portal:
    """A file of a portal: header, invented rows (of the columns that matter), what is kept and what is not."""

    header: str
    columns: str
    rows: tuple[str, ...]
    kept: tuple[Kept, ...]
    refused: tuple[str, ...] = ()  # reasons


PORTALS: MappingOf[str, Portal] = {
    "new_york": Portal(
        header="CMPLNT_NUM,CMPLNT_FR_DT,CMPLNT_FR_TM,CMPLNT_TO_DT,CMPLNT_TO_TM,RPT_DT,KY_CD,OFNS_DESC,PD_CD,PD_DESC,"
        "CRM_ATPT_CPTD_CD,LAW_CAT_CD,JURIS_DESC,BORO_NM,ADDR_PCT_CD,LOC_OF_OCCUR_DESC,PREM_TYP_DESC,PARKS_NM,HADEVELOPT,"
        "X_COORD_CD,Y_COORD_CD,Latitude,Longitude,Lat_Lon",
        columns="CMPLNT_NUM|CMPLNT_FR_DT|CMPLNT_FR_TM|CMPLNT_TO_DT|CMPLNT_TO_TM|OFNS_DESC|PD_DESC|Longitude|Latitude",
        rows=(
            "101|07/01/2019|23:15:00|07/01/2019|23:25:00|PETIT LARCENY|LARCENY,PETIT FROM STORE-SHOPL|-73.98|40.75",
            "102|01/01/2019|00:30:00|||PETIT LARCENY|ANY OTHER|-73.97|40.76",
            "103|01/02/2019|12:00:00|||DANGEROUS WEAPONS|(null)|-73.96|40.77",
            "104|01/03/2019|12:00:00|||(null)|(null)|-73.96|40.77",
            "105|01/04/2019|12:00:00|||ROBBERY||0|0",
        ),
        kept=(
            ("101", "2019-07-02T03:20", "shoplifting", "public", -73.98, 40.75),
            ("102", "2019-01-01T05:30", "theft_other", "public", -73.97, 40.76),
            ("103", "2019-01-02T17:00", "weapons_possession", "police", -73.96, 40.77),
        ),
        refused=("bad_coordinate", "missing_field"),
    ),
    "new_york_shootings": Portal(
        header="INCIDENT_KEY,OCCUR_DATE,OCCUR_TIME,BORO,LOC_OF_OCCUR_DESC,PRECINCT,JURISDICTION_CODE,LOC_CLASSFCTN_DESC,"
        "LOCATION_DESC,STATISTICAL_MURDER_FLAG,PERP_AGE_GROUP,PERP_SEX,PERP_RACE,VIC_AGE_GROUP,VIC_SEX,VIC_RACE,X_COORD_CD,"
        "Y_COORD_CD,Latitude,Longitude,Lon_Lat",
        columns="INCIDENT_KEY|OCCUR_DATE|OCCUR_TIME|STATISTICAL_MURDER_FLAG|Longitude|Latitude",
        rows=(
            "201|08/09/2021|01:06:00|false|-73.92|40.81",
            "202|12/07/2021|22:00:00|true|-73.94|40.68",
        ),
        kept=(
            ("201", "2021-08-09T05:06", "violence_with_injury", "public", -73.92, 40.81),
            ("202", "2021-12-08T03:00", "homicide", "public", -73.94, 40.68),
        ),
    ),
    "los_angeles": Portal(
        header="DR_NO,Date Rptd,DATE OCC,TIME OCC,AREA,AREA NAME,Rpt Dist No,Part 1-2,Crm Cd,Crm Cd Desc,Mocodes,"
        "Vict Age,Vict Sex,Vict Descent,Premis Cd,Premis Desc,Weapon Used Cd,Weapon Desc,Status,Status Desc,Crm Cd 1,"
        "Crm Cd 2,Crm Cd 3,Crm Cd 4,LOCATION,Cross Street,LAT,LON",
        columns="DR_NO|DATE OCC|TIME OCC|Crm Cd Desc|LON|LAT",
        rows=(
            "010304468|01/08/2020 12:00:00 AM|2230|BATTERY - SIMPLE ASSAULT|-118.30|34.01",
            "190101086|07/01/2020 12:00:00 AM|0330|VEHICLE - STOLEN|-118.25|34.05",
            "190101087|07/01/2020 12:00:00 AM|5|THEFT, PERSON|-118.25|34.05",
            "190101088|07/01/2020 12:00:00 AM|1200|CREDIT CARDS, FRAUD USE ($950 & UNDER|0|0",
        ),
        kept=(
            ("10304468", "2020-01-09T06:30", "violence_without_injury", "public", -118.30, 34.01),
            ("190101086", "2020-07-01T10:30", "vehicle_theft", "public", -118.25, 34.05),
            ("190101087", "2020-07-01T07:05", "theft_from_person", "public", -118.25, 34.05),
        ),
        refused=("bad_coordinate",),
    ),
    "san_francisco": Portal(
        header="Incident Datetime,Incident Date,Incident Time,Incident Year,Incident Day of Week,Report Datetime,"
        "Row ID,Incident ID,Incident Number,CAD Number,Report Type Code,Report Type Description,Filed Online,"
        "Incident Code,Incident Category,Incident Subcategory,Incident Description,Resolution,Intersection,CNN,"
        "Police District,Analysis Neighborhood,Supervisor District,Latitude,Longitude,point",
        columns="Incident Datetime|Report Datetime|Incident Number|Incident Category|Incident Subcategory|"
        "Longitude|Latitude",
        rows=(
            "2018/12/01 12:25:00 AM|2018/12/01 12:28:00 AM|301|Robbery|Robbery - Other|-122.43|37.73",
            "2018/07/01 11:00:00 PM|2018/07/02 08:00:00 AM|302|Larceny Theft|Larceny - From Vehicle|-122.42|37.77",
            "2018/07/01 11:00:00 PM|2018/07/02 08:00:00 AM|303|Larceny Theft|Larceny Theft - Other|-122.42|37.77",
            "2018/07/01 11:00:00 PM|2018/07/02 08:00:00 AM|304|Non-Criminal|Non-Criminal|-122.42|37.77",
        ),
        kept=(
            ("301", "2018-12-01T08:25", "robbery", "public", -122.43, 37.73),
            ("302", "2018-07-02T06:00", "theft_from_vehicle", "public", -122.42, 37.77),
            ("303", "2018-07-02T06:00", "theft_other", "public", -122.42, 37.77),
            ("304", "2018-07-02T06:00", "contact_stop", "public", -122.42, 37.77),
        ),
    ),
    "seattle": Portal(
        header="Report Number,Report DateTime,Offense ID,Offense Date,NIBRS Group AB,NIBRS Crime Against Category,"
        "Offense Sub Category,Shooting Type Group,Block Address,Latitude,Longitude,Beat,Precinct,Sector,Neighborhood,"
        "Reporting Area,Offense Category,NIBRS Offense Code Description,NIBRS_offense_code",
        columns="Report Number|Report DateTime|Offense Date|NIBRS Offense Code Description|Longitude|Latitude",
        rows=(
            "2024-1|01/02/2024 08:00:00 AM|01/01/2024 11:30:00 PM|Burglary/Breaking & Entering|-122.33|47.61",
            "2024-2|07/02/2024 08:00:00 AM|07/01/2024 12:05:00 PM|Drug/Narcotic Violations|-122.32|47.62",
            "2024-3|07/02/2024 08:00:00 AM|07/01/2024 12:05:00 PM|Rape|REDACTED|REDACTED",
        ),
        kept=(
            ("2024-1", "2024-01-02T07:30", "burglary_unspecified", "public", -122.33, 47.61),
            ("2024-2", "2024-07-01T19:05", "drug_unspecified", "police", -122.32, 47.62),
        ),
        refused=("no_location",),
    ),
    "boston": Portal(
        header="INCIDENT_NUMBER,OFFENSE_CODE,OFFENSE_CODE_GROUP,OFFENSE_DESCRIPTION,DISTRICT,REPORTING_AREA,SHOOTING,"
        "OCCURRED_ON_DATE,YEAR,MONTH,DAY_OF_WEEK,HOUR,UCR_PART,STREET,Lat,Long,Location",
        columns="INCIDENT_NUMBER|OFFENSE_DESCRIPTION|OCCURRED_ON_DATE|Long|Lat",
        rows=(
            "I182070945|LARCENY SHOPLIFTING|2018-09-02 13:00:00|-71.14|42.36",
            "I182070946|SICK ASSIST|2018-12-02 23:00:00|-71.06|42.31",
            "I182070947|ASSAULT - AGGRAVATED|2018-12-02 23:00:00|-71.06|42.31",
            "232007173|MURDER, NON-NEGLIGENT MANSLAUGHTER|2023-01-27 22:44:00+00|-71.10|42.27",
        ),
        kept=(
            ("232007173", "2023-01-27T22:44", "homicide", "public", -71.10, 42.27),
            ("I182070945", "2018-09-02T17:00", "shoplifting", "public", -71.14, 42.36),
            ("I182070946", "2018-12-03T04:00", "contact_stop", "public", -71.06, 42.31),
            ("I182070947", "2018-12-03T04:00", "violence_with_injury", "public", -71.06, 42.31),
        ),
    ),
    "baltimore": Portal(
        header="RowID,CCNumber,CrimeDateTime,CrimeCode,Description,Inside_Outside,Weapon,Post,Gender,Age,Race,Ethnicity,"
        "Location,Old_District,New_District,Neighborhood,Latitude,Longitude,PremiseType,Total_Incidents",
        columns="CCNumber|CrimeDateTime|Description|Longitude|Latitude",
        rows=(
            "22A00001|2022/01/01 05:00:00+00|AGG. ASSAULT|-76.61|39.29",
            "22A00002|2022/07/01 16:30:00+00|LARCENY FROM AUTO|-76.62|39.30",
            "22A00003|2022/07/01 16:30:00+00|DRUG/NARCOTIC VIOLATIONS|-76.62|39.30",
        ),
        kept=(
            ("22A00001", "2022-01-01T05:00", "violence_with_injury", "public", -76.61, 39.29),
            ("22A00002", "2022-07-01T16:30", "theft_from_vehicle", "public", -76.62, 39.30),
            ("22A00003", "2022-07-01T16:30", "drug_unspecified", "police", -76.62, 39.30),
        ),
    ),
    "baltimore_part1": Portal(
        header="CrimeDate,CrimeTime,CrimeCode,Location,Description,Inside/Outside,Weapon,Post,District,Neighborhood,"
        "Longitude,Latitude,Location 1,Premise,vri_name1,Total Incidents",
        columns="CrimeDate|CrimeTime|Description|Longitude|Latitude",
        rows=(
            "05/28/2016|00:00:00|LARCENY|-76.66|39.30",
            "01/31/2016|23:10:00|ROBBERY - STREET|-76.61|39.29",
            "01/31/2016|23:10:00|ROBBERY - STREET|-76.61|39.29",
        ),
        kept=(
            ("", "2016-02-01T04:10", "robbery", "public", -76.61, 39.29),
            ("", "2016-02-01T04:10", "robbery", "public", -76.61, 39.29),
            ("", "2016-05-28T04:00", "theft_other", "public", -76.66, 39.30),
        ),
    ),
    "denver": Portal(
        header="INCIDENT_ID,OFFENSE_ID,OFFENSE_CODE,OFFENSE_CODE_EXTENSION,OFFENSE_TYPE_ID,OFFENSE_CATEGORY_ID,"
        "FIRST_OCCURRENCE_DATE,LAST_OCCURRENCE_DATE,REPORTED_DATE,INCIDENT_ADDRESS,GEO_X,GEO_Y,GEO_LON,GEO_LAT,DISTRICT_ID,"
        "PRECINCT_ID,NEIGHBORHOOD_ID,IS_CRIME,IS_TRAFFIC",
        columns="INCIDENT_ID|OFFENSE_TYPE_ID|FIRST_OCCURRENCE_DATE|LAST_OCCURRENCE_DATE|REPORTED_DATE|GEO_LON|GEO_LAT",
        rows=(
            "2016376978|weapon-unlawful-discharge-of|6/15/2016 11:31:00 PM||6/15/2016 11:31:00 PM|-104.81|39.77",
            "2016256044.0|burg-auto-theft-resd-w-force|1/24/2016 10:00:00 PM|1/25/2016 6:00:00 AM|"
            "1/25/2016 6:45:00 AM|-104.99|39.67",
            "2016256045|drug-heroin-possess|1/24/2016 12:10:00 AM||1/24/2016 12:10:00 AM|-104.99|39.67",
        ),
        kept=(
            ("2016256044", "2016-01-25T09:00", "burglary_residential", "public", -104.99, 39.67),
            ("2016256045", "2016-01-24T07:10", "drug_possession", "police", -104.99, 39.67),
            ("2016376978", "2016-06-16T05:31", "other_offence", "public", -104.81, 39.77),
        ),
    ),
    "toronto": Portal(
        header="OBJECTID,EVENT_UNIQUE_ID,REPORT_DATE,OCC_DATE,REPORT_YEAR,REPORT_MONTH,REPORT_DAY,REPORT_DOY,REPORT_DOW,"
        "REPORT_HOUR,OCC_YEAR,OCC_MONTH,OCC_DAY,OCC_DOY,OCC_DOW,OCC_HOUR,DIVISION,LOCATION_TYPE,PREMISES_TYPE,UCR_CODE,"
        "UCR_EXT,OFFENCE,CSI_CATEGORY,HOOD_158,NEIGHBOURHOOD_158,HOOD_140,NEIGHBOURHOOD_140,LONG_WGS84,LAT_WGS84,x,y",
        columns="EVENT_UNIQUE_ID|OCC_DATE|OCC_YEAR|OCC_MONTH|OCC_DAY|OCC_HOUR|OFFENCE|LONG_WGS84|LAT_WGS84",
        rows=(
            "GO-1|1/1/2014 5:00:00 AM|2014|January|1|4|B&E W'Intent|-79.34|43.68",
            "GO-2|7/1/2014 4:00:00 AM|2014|July|1|23|Assault With Weapon|-79.18|43.81",
            "GO-3|7/1/2014 4:00:00 AM|2014|July|1|0|Theft Over|0|0",
        ),
        kept=(
            ("GO-1", "2014-01-01T09:00", "burglary_unspecified", "public", -79.34, 43.68),
            ("GO-2", "2014-07-02T03:00", "violence_with_injury", "public", -79.18, 43.81),
        ),
        refused=("bad_coordinate",),
    ),
    "vancouver": Portal(
        header="TYPE,YEAR,MONTH,DAY,HOUR,MINUTE,HUNDRED_BLOCK,NEIGHBOURHOOD,X,Y",
        columns="TYPE|YEAR|MONTH|DAY|HOUR|MINUTE|X|Y",
        rows=(
            "Other Theft|2003|5|12|16|15|493906.5|5457452.47",
            "Other Theft|2003|5|12|16|15|493906.5|5457452.47",
            "Mischief|2003|1|28|4|0|485903.09|5455883.77",
            "Offence Against a Person|2003|2|12|||0|0",
        ),
        kept=(
            ("", "2003-01-28T12:00", "criminal_damage", "public", -123.1937, 49.2556),
            ("", "2003-05-12T23:15", "theft_other", "public", -123.0838, 49.2698),
            ("", "2003-05-12T23:15", "theft_other", "public", -123.0838, 49.2698),
        ),
        refused=("bad_coordinate",),
    ),
    "philadelphia_portal": Portal(
        header="the_geom,cartodb_id,the_geom_webmercator,objectid,dc_dist,psa,dispatch_date_time,dispatch_date,dispatch_time,"
        "hour,dc_key,location_block,ucr_general,text_general_code,point_x,point_y,lat,lng",
        columns="dispatch_date_time|dispatch_date|dispatch_time|dc_key|text_general_code|lng|lat",
        rows=(
            "2025-01-07 02:45:00+00|2025-01-06|21:45:00|202515001499.0|Thefts|-75.10|40.02",
            "2025-07-07 02:45:00+00|2025-07-06|22:45:00|202515001500|Weapon Violations|-75.11|40.03",
            "2025-07-07 02:45:00+00|2025-07-06|22:45:00|202515001501|Rape||",
        ),
        kept=(
            ("202515001499", "2025-01-07T02:45", "theft_other", "public", -75.10, 40.02),
            ("202515001500", "2025-07-07T02:45", "weapons_possession", "police", -75.11, 40.03),
        ),
        refused=("no_location",),
    ),
    "chicago": Portal(
        header="ID,Case Number,Date,Block,IUCR,Primary Type,Description,Location Description,Arrest,Domestic,Beat,"
        "District,Ward,Community Area,FBI Code,X Coordinate,Y Coordinate,Year,Updated On,Latitude,Longitude,Location",
        columns="ID|Date|Primary Type|Description|Domestic|Updated On|Longitude|Latitude",
        rows=(
            "401|07/01/2020 11:30:00 PM|BATTERY|DOMESTIC BATTERY SIMPLE|true|07/08/2020 03:40:00 PM|-87.60|41.75",
            "402|01/01/2020 12:05:00 AM|NARCOTICS|POSS: HEROIN(WHITE)|false|07/08/2020 03:40:00 PM|-87.70|41.90",
        ),
        kept=(
            ("401", "2020-07-02T04:30", "violence_without_injury", "public", -87.60, 41.75),
            ("402", "2020-01-01T06:05", "drug_possession", "police", -87.70, 41.90),
        ),
    ),
    "police_uk": Portal(
        header="Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
        "Last outcome category,Context",
        columns="Crime ID|Month|Crime type|Longitude|Latitude",
        rows=(
            "ab12|2020-01|Burglary|-0.12|51.51",
            "|2020-07|Anti-social behaviour|-0.13|51.52",
        ),
        kept=(
            ("", "2020-06-30T23:00", "antisocial_behaviour", "public", -0.13, 51.52),
            ("ab12", "2020-01-01T00:00", "burglary_unspecified", "public", -0.12, 51.51),
        ),
    ),
}
# Further rows of one id, first the graver offence, and the code that is kept of both.
REPEATED: MappingOf[str, tuple[tuple[str, str], str]] = {
    "new_york": (
        (
            "106|01/05/2019|12:00:00|||FELONY ASSAULT||-73.95|40.78",
            "106|01/05/2019|12:00:00|||HARRASSMENT 2||-73.95|40.78",
        ),
        "violence_with_injury",
    ),
    "new_york_shootings": (
        ("202|12/07/2021|22:00:00|true|-73.94|40.68", "202|12/07/2021|22:00:00|false|-73.94|40.68"),
        "homicide",
    ),
    "san_francisco": (
        (
            "2018/12/01 12:25:00 AM|2018/12/01 12:28:00 AM|301|Robbery|Robbery - Other|-122.43|37.73",
            "2018/12/01 12:25:00 AM|2018/12/01 12:28:00 AM|301|Other Miscellaneous|Other|-122.43|37.73",
        ),
        "robbery",
    ),
    "seattle": (
        (
            "2024-1|01/02/2024 08:00:00 AM|01/01/2024 11:30:00 PM|Burglary/Breaking & Entering|-122.33|47.61",
            "2024-1|01/02/2024 08:00:00 AM|01/01/2024 11:30:00 PM|Motor Vehicle Theft|-122.33|47.61",
        ),
        "burglary_unspecified",
    ),
    "boston": (
        (
            "I182070947|ASSAULT - AGGRAVATED|2018-12-02 23:00:00|-71.06|42.31",
            "I182070947|VERBAL DISPUTE|2018-12-02 23:00:00|-71.06|42.31",
        ),
        "violence_with_injury",
    ),
    "baltimore": (
        (
            "22A00001|2022/01/01 05:00:00+00|AGG. ASSAULT|-76.61|39.29",
            "22A00001|2022/01/01 05:00:00+00|COMMON ASSAULT|-76.61|39.29",
        ),
        "violence_with_injury",
    ),
    "denver": (
        (
            "2016256044|burg-auto-theft-resd-w-force|1/24/2016 10:00:00 PM||1/25/2016 6:45:00 AM|-104.99|39.67",
            "2016256044.0|theft-of-motor-vehicle|1/24/2016 10:00:00 PM||1/25/2016 6:45:00 AM|-104.99|39.67",
        ),
        "burglary_residential",
    ),
    "toronto": (
        (
            "GO-2|7/1/2014 4:00:00 AM|2014|July|1|23|Assault With Weapon|-79.18|43.81",
            "GO-2|7/1/2014 4:00:00 AM|2014|July|1|23|Assault|-79.18|43.81",
        ),
        "violence_with_injury",
    ),
}
# Rows whose point is the portal's number for nothing.
NOWHERE = {
    "seattle": "2024-4|07/02/2024 08:00:00 AM|07/01/2024 12:05:00 PM|Simple Assault|-1.0|-1.0",
    "boston": "I182070948|VANDALISM|2018-12-02 23:00:00|-1.00000000|-1.00000000",
}
KEPT = (
    "SELECT incident_id, strftime(occurred_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M') AS occurred_at, offence_code, "
    "discovery, round(lon, 4) AS lon, round(lat, 4) AS lat FROM store.incident_version"
)


def write(portal: Portal, file: Path) -> Path:
    header, columns = portal.header.split(","), portal.columns.split("|")
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.DictWriter(opened, header, restval="")
        rows.writeheader()
        rows.writerows(dict(zip(columns, row.split("|"), strict=True)) for row in portal.rows)
    return file


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_mapping_reads_and_its_codes_are_in_the_codebook(name: str) -> None:
    mapping = read_mapping(FOLDER / f"{name}.yaml")
    assert mapping.name == name
    assert mapping.time_zone
    check_offence_codes(mapping, CODES)
    assert set(mapping.offences["discovery"]) <= {"public", "police"}


def load(portal: Portal, name: str, folder: Path) -> tuple[list[tuple], list[str]]:
    """Return the incidents that a new store keeps of the portal's rows, and the reasons of its dead letters."""
    with open_store(folder / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
        store.load_mapped(
            write(portal, folder / "in-street.csv"),
            read_mapping(FOLDER / f"{name}.yaml"),
            offence_codes=CODES,
            ingested_at=NOW,
            future_tolerance=timedelta(minutes=10),
        )
        return store._connection.execute(KEPT).fetchall(), sorted(store.dead_letters()["reason"])


# The portal's column RowID hides DuckDB's own rowid.
ROW_ID = pytest.mark.xfail(reason="a column named RowID stops the reading of a file (#14)", strict=True)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=ROW_ID) if "RowID" in PORTALS[name].header else name for name in PORTALS]
)
def test_rows_of_a_portal_become_its_incidents(tmp_path: Path, name: str) -> None:
    portal = PORTALS[name]
    kept, reasons = load(portal, name, tmp_path)
    stated = {row[0] for row in portal.kept}
    made = {row[0] for row in kept} - stated if "" in stated else set()
    assert sorted(("" if row[0] in made else row[0], *row[1:]) for row in kept) == sorted(portal.kept)
    assert len({row[0] for row in kept}) == len(kept)
    assert reasons == sorted(portal.refused)


@pytest.mark.xfail(reason="same_id is not kept by the store yet (#14)", strict=True)
@pytest.mark.parametrize("is_graver_first", [True, False])
@pytest.mark.parametrize("name", REPEATED)
def test_rows_of_one_incident_become_its_gravest_offence(tmp_path: Path, name: str, *, is_graver_first: bool) -> None:
    rows, code = REPEATED[name]
    portal = replace(PORTALS[name], rows=rows if is_graver_first else rows[::-1])
    kept, reasons = load(portal, name, tmp_path)
    assert [row[2] for row in kept] == [code]
    assert reasons == []


@pytest.mark.xfail(reason="blanks of a mapping do not hold for numbers yet (#14)", strict=True)
@pytest.mark.parametrize("name", NOWHERE)
def test_a_number_for_nothing_is_no_place(tmp_path: Path, name: str) -> None:
    kept, reasons = load(replace(PORTALS[name], rows=(NOWHERE[name],)), name, tmp_path)
    assert kept == []
    assert reasons == ["no_location"]


@pytest.mark.parametrize("name", NAMES)
def test_a_portal_whose_ids_repeat_is_tried_with_such_rows(name: str) -> None:
    assert (read_mapping(FOLDER / f"{name}.yaml").same_id == "gravest") is (name in REPEATED)


def test_every_portal_is_tried() -> None:
    assert set(NAMES) - set(PORTALS) == {
        "philadelphia"
    }  # reads a prepared file; see tests/pipeline/mapped/test_mapping.py


def test_words_of_public_classifications_have_codes_of_the_codebook() -> None:
    words = pd.read_csv("configs/codebooks/offence_words.csv", dtype=str, keep_default_na=False)
    assert list(words.columns) == ["word", "offence_code", "discovery", "source"]
    assert set(words["offence_code"]) <= CODES
    assert set(words["discovery"]) == {"public", "police"}
    assert not words["word"].str.upper().duplicated().any()
    assert (words != "").all().all()
