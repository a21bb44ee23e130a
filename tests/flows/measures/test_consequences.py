"""What the consequences read of a snapshot: events at their places, nobody's id, nothing on hidden ground."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import place_incidents, query, read_map, read_run_codebook
from flows.measures.consequences import consequences, read_substances
from models.operations.overdose_watch import COLUMNS as WATCH_COLUMNS
from models.outcomes.indicators import OF_FORCE, OF_MARKET
from models.places.displacement import DISPLACEMENT_COLUMNS
from pipeline.errors import SettingsError
from pipeline.publication.tables import RUN_COLUMNS, read_tables
from tests.town import AS_OF, CLOCK, TownRun, event

NOTHING = pd.DataFrame(columns=[*DISPLACEMENT_COLUMNS]), pd.DataFrame(columns=[*WATCH_COLUMNS])


def ago(days: float) -> str:
    return f"{CLOCK - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def incident(name: str, days_ago: float, lon: float, lat: float, **fields: object) -> str:
    data = {
        **{"incident_id": name, "version": 1, "status": "recorded", "offence_code": "robbery", "discovery": "public"},
        **{
            "occurred_at": ago(days_ago),
            "location": {"lon": lon, "lat": lat},
        },
    }
    return event("incident.recorded", name, data | fields)


def action(name: str, days_ago: float, **fields: object) -> str:
    data = {"action_id": name, "version": 1, "at": ago(days_ago)}
    return event("action.recorded", name, data | fields)


@pytest.fixture(scope="module")
def found(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """The three frames, and the table of one operation and of one on hidden ground, of some literal events."""
    folder = tmp_path_factory.mktemp("literal")
    home = new_home(folder / "home")
    cell = town_run.published("cell_forecast").iloc[0]
    lon, lat = float(cell["lon"]), float(cell["lat"])
    area_id = str(cell["area_id"])
    drugs = {"activity": "supply", "substance": "Fentanyl", "price_per_gram": 80.0, "purity": 0.2}
    sellers = [{"person_id": "P-7", "role": "suspect"}, {"person_id": "P-8", "role": "witness"}]
    (folder / "incidents.jsonl").write_text(
        "".join(
            [
                incident("by the public", 10, lon, lat),
                incident("by the police", 11, lon, lat, discovery="police"),
                incident("a theft", 12, lon, lat, offence_code="shoplifting"),
                incident("a stop", 13, lon, lat, offence_code="contact_stop", drugs=drugs),
                incident("a sale", 14, lon, lat, offence_code="drug_supply", drugs=drugs, involvements=sellers),
                incident("an overdose", 15, lon, lat, offence_code="overdose", flags={"naloxone": True}),
            ]
        ),
        encoding="utf-8",
    )
    (folder / "actions.jsonl").write_text(
        action("a", 5, kind="needle_exchange", area=area_id.split("@")[0], count=12)
        + action("b", 4, kind="treatment_wait", days=9.5)
        + action("c", 900, kind="complaint")
        + action("d", 800, kind="crackdown_start", area=area_id.split("@")[0], hours=3.0),
        encoding="utf-8",
    )
    load_file(home, folder, None)
    geography, as_of = read_map(home.settings), home.midnight(AS_OF)
    started = pd.Timestamp(as_of) - pd.Timedelta(weeks=9)
    operations = pd.DataFrame(
        {
            **{
                "market_id": ["_".join(["market", *str(cell["cell_id"]).split(":")[-2:]]), "market_0_0"],
                "area_id": area_id,
            },
            **{"announced_at": pd.NaT, "started_at": started, "is_hidden": [False, True]},
            **{"registered_at": started, "ended_at": pd.NaT},
        }
    )
    with open_home_snapshot(home, as_of) as snapshot:
        place_incidents(snapshot.connection, geography, read_run_codebook(home.settings, as_of), as_of, home.settings)
        since = as_of - timedelta(days=800)
        more: dict[str, dict[str, object]] = {"incident": {"with_violence": True}, "seller": {}, "action": {}}
        frames = {
            name: query(snapshot.connection, f"consequence#{name}", since=since, **given)
            for name, given in more.items()
        }
        table = consequences(snapshot.connection, operations, *NOTHING, as_of, home.settings)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(
                "flows.measures.consequences.measure_consequences", lambda evidence, *_, **__: evidence.actions
            )
            read = consequences(snapshot.connection, operations, *NOTHING, as_of, home.settings)
    return {**frames, "table": table, "read": read, "area": pd.DataFrame({"area_id": [area_id]})}


def test_violence_is_what_others_than_police_reported_and_drugs_are_those_of_no_stop(
    found: dict[str, pd.DataFrame],
) -> None:
    incidents = found["incident"]
    assert incidents["is_violence"].tolist() == [False, False, True]  # oldest first: overdose, sale, robbery
    assert incidents["is_naloxone_given"].tolist() == [True, False, False]
    assert incidents["substance"].dropna().tolist() == ["Fentanyl"]
    assert incidents.loc[1, ["price_per_gram", "purity"]].tolist() == [80.0, 0.2]
    assert incidents["x_m"].notna().all()


def test_actions_have_the_full_id_of_their_area_and_running_operations_count_however_old(
    found: dict[str, pd.DataFrame],
) -> None:
    actions, area = found["action"], found["area"]["area_id"].iloc[0]
    assert actions["kind"].tolist() == ["crackdown_start", "needle_exchange", "treatment_wait"]
    assert actions["area_id"].dropna().tolist() == [area, area]
    assert pd.isna(actions["area_id"].iloc[2])
    assert actions["count"].dropna().tolist() == [12]
    assert actions["days"].dropna().tolist() == [9.5]


def test_what_was_done_in_the_area_of_a_hidden_operation_meanwhile_counts_nowhere(
    found: dict[str, pd.DataFrame],
) -> None:
    kinds = set(found["read"]["kind"])
    assert kinds == {"complaint", "crackdown_start", "treatment_wait"}  # the exchange is left out


def test_suspected_sellers_are_numbers_and_witnesses_none(found: dict[str, pd.DataFrame]) -> None:
    assert found["seller"]["seller"].tolist() == [1]


def test_the_table_has_the_published_columns_and_names_no_hidden_market(found: dict[str, pd.DataFrame]) -> None:
    table = found["table"]
    published = read_tables().published["consequence"]
    assert set(table) == {column.name for column in published.columns} - set(RUN_COLUMNS)
    assert set(table["place"]) == {"force", table["place"].iloc[-1]}
    assert "market_0_0" not in table.to_csv()
    assert len(table) == len(OF_FORCE) + len(OF_MARKET) + 1
    assert table["not_measured_because"].notna().all()  # a handful of events says nothing


def test_a_run_publishes_it(town_run: TownRun) -> None:
    table = town_run.published("consequence")
    assert set(table["indicator"]) == {indicator.name for indicator in OF_FORCE}
    assert not re.search(r"\bp_[0-9a-z]{8}", table.to_csv())


def test_the_shipped_substances_are_read_and_a_wrong_cell_is_named(tmp_path: Path, town_run: TownRun) -> None:
    shipped = read_substances(town_run.home.settings.force.substances)
    assert shipped.loc[shipped["is_synthetic_opioid"], "name"].isin(["fentanyl", "nitazene"]).any()
    assert (shipped["substance"] == shipped["substance"].str.lower().str.strip()).all()
    wrong = tmp_path / "substances.csv"
    wrong.write_text("substance,name,is_synthetic_opioid\nheroin,heroin,perhaps\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"substances.csv, row 2, column is_synthetic_opioid: 'perhaps'"):
        read_substances(wrong)


def test_the_file_of_substances_counts_for_the_identity_of_a_run(tmp_path: Path, town_run: TownRun) -> None:
    from flows.home.run_identity import hash_of_boundaries

    force = town_run.home.settings.force
    other = tmp_path / "substances.csv"
    other.write_bytes(force.substances.read_bytes() + b"new drug,new drug,true\n")
    assert hash_of_boundaries(force) != hash_of_boundaries(replace(force, substances=other))
