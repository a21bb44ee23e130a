"""What it takes to approve and to export a list of people in a store of 200,000 people: under 3 s of processor each."""

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.decisions import lists
from flows.decisions.list_effects import register_effect
from flows.decisions.list_exports import export_list, verify_export
from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import read_list
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.simulation.town import write_town
from models.governance.list_lifecycle import LISTS, list_id_of

PEOPLE, INCIDENTS, AT_MOST_S = 200_000, 400_000, 3.0
DAY, CLOCK = date(2026, 1, 1), datetime(2026, 1, 1, 12, tzinfo=UTC)
READING = {"reader": "Insp. J. Reyes", "purpose": "approve the list"}
CODES = ("robbery", "violence_with_injury", "public_order", "drug_supply", "drug_possession")
SHARES = (0.1, 0.2, 0.45, 0.02, 0.23)


def write_people(path: Path) -> None:
    """Write people with heavy-tailed offending, and one warrant of a hundred."""
    rng = np.random.default_rng(1)
    envelope = {"specversion": "1.0", "source": "/bench"}
    weight = rng.gamma(0.3, 5.0, PEOPLE)
    who = rng.choice(PEOPLE, INCIDENTS, p=weight / weight.sum())
    days, codes = rng.integers(1, 1800, INCIDENTS), rng.choice(len(CODES), INCIDENTS, p=SHARES)

    def line(kind: str, number: int, data: dict) -> str:
        return json.dumps({**envelope, "type": f"harmspot.{kind}.v1", "id": f"{kind}{number}", "data": data}) + "\n"

    with path.open("w") as file:
        for n in range(PEOPLE):
            file.write(line("person.updated", n, {"person_id": f"B{n:07}", "version": 1, "birth_year": 1960 + n % 52}))
        for n in range(INCIDENTS):
            at = (CLOCK - timedelta(days=int(days[n]))).isoformat()
            data = {"incident_id": f"I{n}", "version": 1, "status": "recorded", "occurred_at": at}
            data |= {
                "offence_code": CODES[codes[n]],
                "discovery": "public",
                "location": {"lon": 1.3106, "lat": 54.0067},
            }
            file.write(
                line(
                    "incident.recorded",
                    n,
                    {**data, "involvements": [{"person_id": f"B{who[n]:07}", "role": "charged"}]},
                )
            )
        for n in range(0, PEOPLE, 100):
            data = {"warrant_id": f"W{n}", "version": 1, "person_id": f"B{n:07}", "kind": "bench"}
            issued = {
                "status": "outstanding",
                "issued_at": "2025-12-01T00:00:00Z",
                "underlying_offence_code": "robbery",
            }
            file.write(line("warrant.changed", n, data | issued))


@pytest.mark.bench
def test_each_list_is_read_approved_exported_and_checked_in_three_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_town(tmp_path / "town", seed=3, days=30, end=DAY)
    monkeypatch.setenv("HARMSPOT__PLACES__DRAWS", "200")
    monkeypatch.setenv("HARMSPOT__PEOPLE__DRAWS", "200")
    monkeypatch.setenv("HARMSPOT__CRACKDOWNS__DRAWS", "200")
    write_people(tmp_path / "people.jsonl")
    home = Home(
        tmp_path / "home", files.config_file, CLOCK - timedelta(hours=1), lambda text: None, is_for_rehearsals=True
    )
    home.ensure()
    load_file(home, tmp_path / "people.jsonl", None)
    run_id = daily_run(home, DAY).run_id
    home, seconds, walls, entries = replace(home, clock=CLOCK), {}, {}, {}
    for name in LISTS:
        list_id = list_id_of(name, run_id)
        if name in ("person_tier", "dealer_ranking", "call_in"):
            said = {"outcome": "harm a year on", "comparison": "those just below", "by": "Supt. A. Lee"}
            register_effect(home, name, stop_on=DAY + timedelta(days=60), **said)
        for reader in (READING["reader"], "Supt. A. Lee"):
            lists.open_list(home, list_id, **{**READING, "reader": reader})
        shared = {"recipient": "Unit", "agreement_id": "ISA-7", **READING}
        out = tmp_path / f"{name}.json"
        acts = {
            "read": lambda name=name: read_list(home, read_ledger(home), name, None, **READING),
            "approve": lambda list_id=list_id: lists.approve_list(
                home, list_id, by=READING["reader"], reason="evidence read and sound"
            ),
            "export": lambda list_id=list_id, out=out, shared=shared: export_list(home, list_id, out, **shared),
            "check": lambda out=out: verify_export(home, out),
        }
        for act, do in acts.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            result = do()
            seconds[name, act] = time.process_time() - start_cpu
            walls[name, act] = time.perf_counter() - start
            entries[name] = len(result) if act == "read" else entries[name]
    with capsys.disabled():
        for (name, act), taken in seconds.items():
            print(
                f"\n{name} ({entries[name]:,} entries) {act}: {taken:.2f} s ({walls[name, act]:.2f} s on the clock)",
                end="",
            )
    assert max(seconds.values()) < AT_MOST_S
