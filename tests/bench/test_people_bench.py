"""How long the lists of people take for a large force: 200,000 people in under 15 s on two cores and under 2 GB."""

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.people import PeopleConfig, assess_people

AS_OF = pd.Timestamp("2026-01-01", tz="UTC")
TIME = "datetime64[us, UTC]"
CODEBOOK_FILE = Path(__file__).parents[2] / "configs" / "codebooks" / "harm.csv"
CODES = ["robbery", "violence_with_injury", "violence_without_injury", "public_order", "drug_supply", "contact_stop"]
CONFIG = PeopleConfig(
    window_days=1825,
    half_life_days=365,
    top_k=20,
    draws=2000,
    concentration=20,
    weights={"violence": 0.5, "disorder": 0.2, "minors": 0.3},
    target_probability=0.8,
    warn_probability=0.5,
    leave_margin=0.1,
    minimum_exposure_days=30,
    term_days=90,
    call_in_size=3,
    attendance_probability=0.6,
)


def frames(n: int) -> list[pd.DataFrame]:
    rng = np.random.default_rng(1)
    ids = np.array([f"p_{i:032x}" for i in range(n)])
    who = np.repeat(ids, rng.poisson(rng.gamma(0.3, 5.0, n)))  # heavy-tailed offending, two thirds with nothing
    m = len(who)
    age_days = rng.integers(0, 1825, m)
    events = pd.DataFrame(
        {
            "person_id": who,
            "incident_id": [f"i{i}" for i in range(m)],
            "role": rng.choice(["suspect", "charged", "convicted", "victim"], m),
            "offence_code": rng.choice(CODES, m),
            "occurred_at": pd.Series(AS_OF - pd.to_timedelta(age_days * 24 + 3, unit="h")).astype(TIME),
            "age_days": age_days,
            "discovery": rng.choice(["public", "police"], m, p=[0.8, 0.2]),
            "drug_activity": pd.Series([None] * m, dtype=object),
            "is_minor_used_by_adult": rng.random(m) < 0.01,
            "in_flagrant_market": rng.random(m) < 0.2,
        }
    )
    born = pd.to_datetime(pd.Series(rng.integers(1960, 2005, n)).astype(str) + "-06-15").dt.date
    persons = pd.DataFrame(
        {
            "person_id": ids,
            "birth_date": born,
            "birth_year": pd.Series(pd.NA, index=range(n), dtype="Int32"),
            "deceased_at": pd.Series(pd.NaT, index=range(n), dtype=TIME),
            "is_treatment_consented": False,
            "is_treatment_engaged": False,
        }
    )
    since = AS_OF - pd.to_timedelta(rng.integers(10, 1500, n // 5), unit="D")
    custody = pd.DataFrame(
        {
            "person_id": rng.choice(ids, n // 5),
            "custody_from": pd.Series(since).astype(TIME),
            "custody_to": pd.Series(since + pd.Timedelta(days=90)).astype(TIME),
            "kind": "prison",
        }
    )
    none = pd.Series(dtype="str")
    times = pd.Series(dtype=TIME)
    columns = ["warrant_id", "person_id", "kind", "status", "underlying_offence_code"]
    warrants = pd.DataFrame(dict.fromkeys(columns, none) | {"issued_at": times})
    actions = pd.DataFrame({"kind": none, "subject_person_id": none, "at": times})
    book = pd.read_csv(CODEBOOK_FILE).set_index("offence_code").sort_index().astype({"harm_days": float})
    band = np.select([book["harm_days"] >= 365, book["harm_days"] >= 30], ["high", "mid"], "low")
    return [events, persons, custody, warrants, actions, book.assign(band=band)]


@pytest.mark.bench
def test_two_hundred_thousand_people(capsys: pytest.CaptureFixture[str]) -> None:
    given = frames(200_000)
    start, start_cpu = time.perf_counter(), time.process_time()
    lists = assess_people(*given, as_of=AS_OF, config=CONFIG, seed=1)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    scored, drawn = lists.decisions["p_top_k"].notna().sum(), lists.decisions["is_drawn"].eq(True).sum()
    with capsys.disabled():
        print(
            f"\n200,000 people, {len(given[0]):,} involvements: {seconds:.1f} s ({cpu_seconds:.1f} s of processor), "
            f"{peak_gb:.2f} GB at most; {scored:,} scored, {drawn:,} drawn in full"
        )
    assert scored > 10_000
