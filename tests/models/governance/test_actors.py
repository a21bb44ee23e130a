"""Spellings of one name are one person, and harmspot is recognised in any spelling."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.governance.actors import NAMED, PROTECTIVE, is_machine, name_of, same_person, with_reason
from pipeline.store.human_events import HumanEvent

WHY = "evidence read and found sound"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jos\u00e9 Reyes", "Jose\u0301 Reyes"),
        ("A. Reyes", "A Reyes"),
        ("A.Reyes", "a. reyes"),
        ("J. Reyes", "J.\u200b Re\u200dyes\ufeff"),
        ("J. Reyes", "\uff2a\uff0e\u3000\uff32\uff45\uff59\uff45\uff53"),
        ("J. Reyes", "J.\u00a0Reyes\n"),
        ("O'Neil", "O\u2019Neil"),
        ("Anne-Marie Stra\u00dfe", "Anne\u2010Marie STRASSE"),
    ],
)
def test_two_spellings_are_one_person(one: str, other: str) -> None:
    assert same_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("Insp. J. Reyes", "J. Reyes"), ("J. Reyes", "J. Reyez"), ("Jos\u00e9", "Jose"), ("AB", "A B")]
)
def test_what_is_told_apart(one: str, other: str) -> None:
    assert not same_person(one, other)


@pytest.mark.parametrize(
    "name", ["harmspot", "Harm-spot", "\uff48armspot", "Harm\u200bspot run", "\u2066harmspot\u2069", "'harmspot'"]
)
def test_harmspot_is_itself_in_any_letters(name: str) -> None:
    assert is_machine(name)


@given(st.text())
def test_a_folded_name_is_its_own(name: str) -> None:
    assert name_of(name_of(name)) == name_of(name)


def decided(kind: str, actor: str, reason: str) -> HumanEvent:
    return HumanEvent(kind, actor, "list", "l", datetime(2026, 1, 1, tzinfo=UTC), {"reason": reason})


def forbids(event: HumanEvent) -> bool:
    return NAMED.forbids(None, event) or with_reason().forbids(None, event)


@pytest.mark.parametrize("kind", ["approved", "reviewed", "registered", "audited", "lifted", "served"])
@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        ("\u200b", WHY),
        ("\u2800", WHY),
        (".", WHY),
        ("A. Rеyes", WHY),
        (" ", WHY),
        ("A. Reyes", "a b"),
        ("A. Reyes", "- ."),
    ],
)
def test_nobody_decides_without_a_name_and_a_reason(kind: str, actor: str, reason: str) -> None:
    assert forbids(decided(kind, actor, reason))
    assert not forbids(decided(kind, "A. Reyes", WHY))


@pytest.mark.parametrize("kind", PROTECTIVE)
def test_a_stricter_rule_undoes_nothing_that_protects(kind: str) -> None:
    """What a harmspot before recorded under a name or for a reason of its time still counts."""
    for actor, reason in ((".", WHY), ("A. Rеyes", WHY), ("A. Reyes", "case 12"), ("A. Reyes", "a b")):
        assert not forbids(decided(kind, actor, reason))
    assert {"revoked", "withdrawn", "overridden", "erased", "contested", "represented", "embargoed"} <= {*PROTECTIVE}
