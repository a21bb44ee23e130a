"""What is wrong with an installation: one finding per check, each with the way out."""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import duckdb
import pandas as pd

from flows.assembly import read_map
from flows.home import Home
from flows.ingest import offence_codes, open_home_store
from flows.lists import human_changes, shown_lists
from pipeline.duck import connect
from pipeline.errors import HarmspotError
from pipeline.publication import runs

State = Literal["ok", "warning", "fault"]
LEAST_FREE_BYTES = 1 << 30
BROKER_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    state: State
    detail: str


def examine(home: Home) -> pd.DataFrame:
    """Run every check and return check, state (ok, warning, fault) and detail; never raises for what it finds."""
    return pd.DataFrame([_outcome(name, check, home) for name, check in CHECKS.items()])


def _outcome(name: str, check: Callable[[Home], tuple[State, str]], home: Home) -> Finding:
    try:
        return Finding(name, *check(home))
    except (HarmspotError, ValueError, OSError, duckdb.Error) as error:
        return Finding(name, "fault", str(error))


def _packages(home: Home) -> tuple[State, str]:
    names = ("duckdb", "duckdb-extension-httpfs", "prefect", "fastapi", "kafka-python")
    versions = {name: version(name) for name in names}
    if versions["duckdb"] != versions["duckdb-extension-httpfs"]:
        return "fault", "duckdb and duckdb-extension-httpfs differ in version: install from requirements.lock"
    return "ok", ", ".join(f"{name} {number}" for name, number in versions.items())


def _encryption(home: Home) -> tuple[State, str]:
    connect().close()
    return "ok", "DuckDB can write encrypted files"


def _settings(home: Home) -> tuple[State, str]:
    return "ok", f"{home.settings.force.name}, {home.settings.force.time_zone}"


def _map(home: Home) -> tuple[State, str]:
    chart = read_map(home.settings)
    return "ok", f"{len(chart.areas)} areas, {len(chart.cells):,} cells of {chart.grid.size_m:g} m in {chart.grid.crs}"


def _codebook(home: Home) -> tuple[State, str]:
    return "ok", f"{len(offence_codes(home))} offence codes in force"


def _folder(home: Home) -> tuple[State, str]:
    if not home.path.is_dir():
        return "fault", f"{home.path} is no folder: make it with `harmspot --home {home.path} init`"
    free = shutil.disk_usage(home.path).free
    return ("ok" if free > LEAST_FREE_BYTES else "warning"), f"{home.path}, {free / 1e9:.1f} GB free"


def _store(home: Home) -> tuple[State, str]:
    if not home.store.exists():
        return "fault", f"{home.store} is missing: make it with `harmspot --home {home.path} init`"
    with open_home_store(home) as store:
        dead = len(store.dead_letters())
    if dead:
        return "warning", f"{dead:,} dead letters wait: mend their cause, then `harmspot --home {home.path} replay`"
    return "ok", "opens with the key; no dead letters"


def _publication(home: Home) -> tuple[State, str]:
    kept = runs(home.path)
    if kept.empty:
        return "warning", f"no run yet: `harmspot --home {home.path} run`"
    latest = kept.sort_values(["as_of", "known_at"]).iloc[-1]
    state: State = "ok" if latest["valid_to"] > pd.Timestamp(home.now()) else "warning"
    expiry = "valid until" if state == "ok" else "EXPIRED at"
    return state, f"{len(kept)} runs kept; the latest is {latest['run_id']}, {expiry} {latest['valid_to']}"


def _access_log(home: Home) -> tuple[State, str]:
    problems = home.access_log.verify()
    return ("fault", problems[0]) if problems else ("ok", "the chain is whole")


def _lists(home: Home) -> tuple[State, str]:
    if runs(home.path).empty:
        return "ok", "no lists of people yet"
    changes = human_changes(home)
    stamped = changes.loc[changes["is_alarm"], "list"].tolist()
    if stamped:
        return "warning", f"people change under 2% of {', '.join(stamped)}: is the evidence read before it is approved?"
    waiting = shown_lists(home, None)["status"].eq("draft").sum()
    return "ok", f"{waiting} lists of the latest run wait for approval: `harmspot --home {home.path} lists show`"


def _kafka(home: Home) -> tuple[State, str]:
    if "kafka" not in home.settings.ingest.sources:
        return "ok", "not among ingest.sources"
    for server in _servers(home.settings.kafka.bootstrap_servers):
        socket.create_connection(server, timeout=BROKER_TIMEOUT_S).close()
    return "ok", home.settings.kafka.bootstrap_servers


def _servers(bootstrap_servers: str) -> Iterator[tuple[str, int]]:
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        yield host, int(port)


CHECKS: dict[str, Callable[[Home], tuple[State, str]]] = {
    "packages": _packages,
    "encryption": _encryption,
    "settings": _settings,
    "map": _map,
    "codebook": _codebook,
    "home": _folder,
    "store": _store,
    "publication": _publication,
    "access log": _access_log,
    "lists of people": _lists,
    "kafka": _kafka,
}
