"""Literal rows for tests of the ledger and the scoreboard: a small force of two areas, on its own clock."""

from typing import Any

import pandas as pd

from models.outcomes.after_arrest import follow_arrests
from models.outcomes.periods import local_days, make_periods

ZONE = "Europe/London"
AS_OF = pd.Timestamp("2026-04-16", tz=ZONE).tz_convert("UTC")  # local midnight: 15 April is the last day
AREAS = ["A@1", "B@1"]
RECORDS = ("stay in custody", "stay in prison", "charge", "treatment", "leaving")
ALL_KNOWN = dict.fromkeys(RECORDS, pd.Timestamp("2025-01-01"))
OPERATION_COLUMNS = ["market_id", "area_id", "started_at", "ended_at"]
DISPLACEMENT_COLUMNS = [
    *("market_id", "split", "started_at", "window_days", "why"),
    *("harm_target_change", "harm_target_change_lo", "harm_target_change_hi"),
]
WATCH_COLUMNS = [
    *("event_id", "cause", "radius_m", "days", "observed", "expected", "expected_lo", "expected_hi"),
    "not_measurable_because",
]


def at(text: str) -> pd.Timestamp:
    local = pd.Timestamp(text).tz_localize(ZONE, nonexistent="shift_forward", ambiguous=True)
    return local.tz_convert("UTC")


def operations(*rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    """Operations as (market, area, start, end)."""
    made = [(market, area, at(start), at(end) if end else pd.NaT) for market, area, start, end in rows]
    frame = pd.DataFrame(made, columns=OPERATION_COLUMNS)
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("started_at", "ended_at")})


def periods(of: pd.DataFrame | None = None) -> pd.DataFrame:
    return make_periods(AREAS, operations() if of is None else of, as_of=AS_OF, time_zone=ZONE)


def actions(*rows: dict[str, Any]) -> pd.DataFrame:
    """Actions with area_id, on and count, as `flows.measures.done` makes them."""
    columns = ["action_id", "kind", "area_id", "person_id", "at", "hours", "party", "count", "offence_code"]
    frame = pd.DataFrame([{"action_id": f"N{n}", **row} for n, row in enumerate(rows)], columns=columns)
    moments = pd.to_datetime(pd.Series([at(row["at"]) for row in rows], dtype=object), utc=True)
    return frame.astype(dict.fromkeys(("area_id", "person_id", "party", "offence_code"), object)).assign(
        at=moments, on=local_days(moments, ZONE), count=frame["count"].fillna(1).astype("int64"),
        hours=frame["hours"].astype(float),
    )  # fmt: skip


def stays(*rows: tuple[str, str, str | None, str]) -> pd.DataFrame:
    """Stays as (person, from, to, kind)."""
    made = [(person, at(start), at(end) if end else pd.NaT, kind) for person, start, end, kind in rows]
    frame = pd.DataFrame(made, columns=["person_id", "custody_from", "custody_to", "kind"])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("custody_from", "custody_to")})


def charges(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Charges as (person, incident, day)."""
    made = [(person, incident, at(day)) for person, incident, day in rows]
    frame = pd.DataFrame(made, columns=["person_id", "incident_id", "occurred_at"])
    return frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True))


def treatment(*rows: tuple[str, str, bool]) -> pd.DataFrame:
    """What was known of treatment, as (person, day, is engaged)."""
    frame = pd.DataFrame(
        [(who, at(day), engaged) for who, day, engaged in rows], columns=["person_id", "at", "is_engaged"]
    )
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def followed(arrests: pd.DataFrame, **known: pd.DataFrame) -> pd.DataFrame:
    """Arrests with what followed, and with the verdict that their offence stands for in these tests."""
    frames = {"custody": stays(), "charges": charges(), "treatment": treatment(), **known}
    made = follow_arrests(arrests[arrests["kind"] == "arrest"], as_of=AS_OF, **frames)
    said = {"drug_possession": "possession", "contact_stop": "no_offence", "robbery": "kept"}
    return made.assign(verdict=made["offence_code"].map(said).astype(object))


def no_displacement() -> pd.DataFrame:
    return pd.DataFrame(columns=DISPLACEMENT_COLUMNS)


def no_watch() -> pd.DataFrame:
    return pd.DataFrame(columns=WATCH_COLUMNS)
