"""Arrests of a town with side effects: some keep to the policy, some do not, and no other draw changes."""

import re
from datetime import date

import pytest

from models.simulate import Emitted, SideEffects, new_town, step


@pytest.fixture(scope="module")
def records() -> list[Emitted]:
    _, emitted = step(new_town(5, start=date(2026, 1, 1), side_effects=SideEffects()), (), 20)
    return emitted


def test_a_town_arrests_for_its_incidents_and_against_the_policy(records: list[Emitted]) -> None:
    actions = [record.value for record in records if record.topic == "actions"]
    codes = {found for value in actions for found in re.findall(rb'"offence_code":"([a-z_]+)"', value)}
    assert b"drug_possession" in codes
    assert len(codes) > 1
    arrests = [value for value in actions if b'"kind":"arrest"' in value]
    assert all(
        b'"area":' in value and b'"subject":' in value for value in arrests if value.startswith(b'{"specversion')
    )


def test_no_other_record_changes() -> None:
    _, without = step(new_town(5, start=date(2026, 1, 1)), (), 5)
    _, beside = step(new_town(5, start=date(2026, 1, 1), side_effects=SideEffects()), (), 5)
    custody = [[r for r in emitted if r.topic in ("custody", "persons", "warrants")] for emitted in (without, beside)]
    assert custody[0] == custody[1]
    assert {r for r in without if r.topic == "actions"} < {r for r in beside if r.topic == "actions"}
