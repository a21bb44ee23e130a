"""One simulated year, shared by the tests that only read it."""

import json
from datetime import date

import pandas as pd
import pytest

from models.simulate import SimulatedTown, simulate

END = date(2026, 1, 1)


@pytest.fixture(scope="session")
def town() -> SimulatedTown:
    return simulate(seed=11, days=365, end=END)


@pytest.fixture(scope="session")
def incidents(town: SimulatedTown) -> pd.DataFrame:
    """Return the latest version of every incident that was not cancelled, without malformed records."""
    rows = pd.DataFrame(filter(None, (readable(value) for _, value in town.records["incidents"])))
    latest = rows.sort_values("version", kind="stable").drop_duplicates("incident_id", keep="last")
    current = latest[latest["status"] != "cancelled"].reset_index(drop=True)
    return current.assign(occurred_at=pd.to_datetime(current["occurred_at"]))


@pytest.fixture(scope="session")
def involvements(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return one row per incident and person."""
    held = incidents.dropna(subset=["involvements"]).explode("involvements", ignore_index=True)
    people = pd.DataFrame(held["involvements"].tolist())
    return pd.concat([held[["incident_id", "occurred_at", "offence_code", "discovery", "minors"]], people], axis=1)


def readable(value: bytes) -> dict | None:
    """Return flat data of a valid incident event; None for one malformed on purpose (its id ends in .x)."""
    try:
        event = json.loads(value)
        data = event["data"]
        if event["id"].endswith(".x"):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return {**data, **{f"report_{key}": value for key, value in data["report"].items()}, **data["location"]}
