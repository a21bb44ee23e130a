"""Embargoes: named, reasoned, bounded; in force from the recording to the end, and not a moment longer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.governance.embargo import EMBARGO, LONGEST_EMBARGO

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    kind: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    actor: str = "Supt. A. Lee"
    subject: str = "market_1_2"


def embargoed(hours: int, lasting: int = 48, **changes: Any) -> Said:
    at = START + timedelta(hours=hours)
    detail = {
        "reason": "a covert inquiry",
        "ends_at": at + timedelta(hours=lasting),
        "cell_ids": ("EPSG:32618:150:1:2",),
    }
    return Said("embargoed", at, {**detail, **changes})


def lifted(hours: int, reason: str = "the arrests are made") -> Said:
    return Said("lifted", START + timedelta(hours=hours), {"reason": reason})


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (embargoed(0, reason="secret"), "two different words"),
        (embargoed(0, cell_ids=()), "cells of the market are missing"),
        (embargoed(0, lasting=0), "today or later"),
        (embargoed(0, lasting=24 * 90 + 1), "within 90 days"),
        (embargoed(0, ends_at=None), "today or later"),
        (lifted(0), "no embargo of it is in force"),
        (Said("embargoed", START, embargoed(0).detail, actor=" "), "actor is missing"),
        (Said("embargoed", START, embargoed(0).detail, actor="Harmspot"), "a named person must do it"),
    ],
)
def test_what_is_refused_says_why(event: Said, words: str) -> None:
    assert words in " ".join(EMBARGO.refusals((), event))
    assert EMBARGO.state_after([event]) == ()


@given(
    st.lists(
        st.tuples(st.sampled_from(["embargoed", "lifted"]), st.integers(0, 300), st.integers(1, 2160)), max_size=6
    ),
    st.integers(0, 3000),
)
def test_it_is_in_force_exactly_while_one_runs_that_nobody_lifted(said: list[tuple[str, int, int]], hours: int) -> None:
    said.sort(key=lambda event: event[1])
    events = [embargoed(at, lasting) if kind == "embargoed" else lifted(at) for kind, at, lasting in said]
    moment = START + timedelta(hours=hours)
    lifts = [at for kind, at, _ in said if kind == "lifted"]
    expected = any(
        kind == "embargoed"
        and at <= hours < at + lasting
        and not any(n > number and other == "lifted" and when <= hours and when < at + lasting
                    for n, (other, when, _) in enumerate(said))
        for number, (kind, at, lasting) in enumerate(said)
    )  # fmt: skip
    found = EMBARGO.state_after(events)
    assert any(each.is_in_force(moment) for each in found) == expected
    assert all(each.ends_at - each.embargoed.at <= LONGEST_EMBARGO for each in found)
    assert sum(each.lifted is not None for each in found) <= len(found) * bool(lifts)
