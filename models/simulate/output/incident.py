"""Incidents as rows of a structured array, with their common parts: discovery, reporters, victims, reporting delay."""

import numpy as np

from models.simulate.world.days import DAY_S
from models.simulate.world.draws import Ints, Numbers, one_of, uniforms
from models.simulate.world.people import People
from models.simulate.world.vocabulary import (
    ACTIVITY,
    CHANNEL,
    CODE,
    CODES,
    DISCOVERY,
    FIRST_CHANNEL,
    NONE,
    OFFENCES,
    ROLE,
)

SUSPECT, COMPANION, VICTIM, WITNESS = range(4)  # slots of the people in an incident
SLOTS = 4

INCIDENT = np.dtype(
    [
        ("number", "u8"),
        ("occurred_s", "i8"),  # UTC seconds, like all times here
        ("reported_s", "i8"),
        ("code", "i2"),
        ("discovery", "i1"),
        ("channel", "i1"),
        ("reporter", "i4"),
        ("subject", "i1"),
        ("point", "i4"),
        ("is_area_only", "?"),
        ("is_weapon", "?"),
        ("is_injury", "?"),
        ("is_domestic", "?"),
        ("is_fatal", "?"),
        ("is_naloxone", "?"),
        ("activity", "i1"),
        ("substance", "i1"),
        ("price", "f8"),  # per gram; 0 if unknown, like purity
        ("purity", "f8"),
        ("setting", "i1"),
        ("is_minor_victim", "?"),
        ("is_minor_used", "?"),
        ("is_minor_present", "?"),
        ("person", "i4", (SLOTS,)),
        ("role", "i1", (SLOTS,)),
        ("withdrawn_after_s", "i8"),  # −1 if no withdrawal is planted
        # Fields that a version adds to the incident; `label` is an index into versions.LABELS.
        ("version", "i2"),
        ("status", "i1"),
        ("recorded_s", "i8"),
        ("arrives_s", "i8"),
        ("label", "i1"),
    ]
)
_NONE_BY_DEFAULT = (
    "channel",
    "reporter",
    "subject",
    "activity",
    "substance",
    "setting",
    "person",
    "role",
    "withdrawn_after_s",
)
_INJURING = np.isin(CODES, ["homicide", "attempted_murder", "wounding_with_intent", "violence_with_injury"])
_ARMED = np.isin(CODES, ["homicide", "attempted_murder", "wounding_with_intent", "robbery", "weapons_possession"])
_AT_HOME = np.isin(CODES, ["violence_without_injury", "violence_with_injury", "stalking_harassment", "rape"])
_VICTIM_CHANCE = OFFENCES["victim_share"].to_numpy()
_ACTIVITY = np.array([ACTIVITY.get(activity, NONE) for activity in OFFENCES["activity"]])
CALLERS = 20_000  # people who call once or twice


def blank(number: Numbers) -> np.ndarray:
    """Return rows with numbers and no other value."""
    rows = np.zeros(len(number), dtype=INCIDENT)
    rows["number"] = number
    for name in _NONE_BY_DEFAULT:
        rows[name] = NONE
    return rows


def dress(rows: np.ndarray, people: People) -> np.ndarray:
    """Return rows with the fields that follow from offence, discovery and number.

    These are flags, channel, caller, victim, witness and reporting delay.
    """
    filled = rows.copy()
    number, code = rows["number"], rows["code"]
    is_public = rows["discovery"] == DISCOVERY["public"]
    channel = np.where(
        is_public & (uniforms(number, 1) < 0.1), CHANNEL["tip"], np.array(FIRST_CHANNEL)[rows["discovery"]]
    )
    filled["channel"] = np.where(rows["channel"] == NONE, channel, rows["channel"])
    caller = (uniforms(number, 2) * CALLERS).astype(np.int64)
    filled["reporter"] = np.where(is_public & (rows["reporter"] == NONE), caller, rows["reporter"])
    filled["activity"] = _ACTIVITY[code]
    filled["substance"] = np.where(_ACTIVITY[code] == NONE, NONE, (uniforms(number, 3) * 4).astype(np.int64))
    filled["is_weapon"] = _ARMED[code] & (uniforms(number, 4) < 0.6)
    filled["is_injury"] = _INJURING[code]
    filled["is_domestic"] = _AT_HOME[code] & (uniforms(number, 5) < 0.3)
    filled["is_area_only"] = (rows["discovery"] == DISCOVERY["partner"]) & (uniforms(number, 6) < 0.3)
    filled["reported_s"] = rows["occurred_s"] + _delay_s(number, code)
    return _with_bystanders(filled, people)


def concatenate(tables: list[np.ndarray]) -> np.ndarray:
    """Return one table of all the rows; an empty one if there are no tables."""
    return np.concatenate(tables) if tables else np.zeros(0, dtype=INCIDENT)


def _delay_s(number: Numbers, code: Ints) -> Ints:
    """Return reporting delays: minutes for most, hours for burglary and vehicle theft, at most two days."""
    median_s = np.where(np.isin(code, [CODE["burglary_residential"], CODE["vehicle_theft"]]), 5 * 3600, 1200)
    spread = np.sqrt(-2 * np.log1p(-uniforms(number, 7))) * np.cos(2 * np.pi * uniforms(number, 8))
    return np.minimum(median_s * np.exp(0.9 * spread), 2 * DAY_S).astype(np.int64)


def _with_bystanders(rows: np.ndarray, people: People) -> np.ndarray:
    """Add victims and witnesses to free slots; one victim in eight is an offender elsewhere."""
    number, code = rows["number"], rows["code"]
    victims = np.where(
        uniforms(number, 9) < 0.875,
        one_of(people.of("victim"), uniforms(number, 10)),
        one_of(people.of("offender", "user"), uniforms(number, 10)),
    )
    is_hurt = (uniforms(number, 11) < _VICTIM_CHANCE[code]) & ~(rows["person"] == victims[:, None]).any(axis=1)
    is_free = rows["person"][:, VICTIM] == NONE
    _assign(rows, VICTIM, victims, ROLE["victim"], is_hurt & is_free)
    is_seen = (_VICTIM_CHANCE[code] > 0) & (uniforms(number, 12) < 0.12)
    _assign(rows, WITNESS, one_of(people.of("witness"), uniforms(number, 13)), ROLE["witness"], is_seen)
    victim = rows["person"][:, VICTIM]
    rows["is_minor_victim"] |= (victim != NONE) & (rows["occurred_s"] < people.adult_s[victim])
    rows["is_minor_present"] = rows["is_minor_victim"] | (uniforms(number, 14) < 0.01)
    return rows


def _assign(rows: np.ndarray, slot: int, person: Ints, role: int, is_assigned: np.ndarray) -> None:
    """Assign people to a slot of `rows` in place; the rows are this module's own copy."""
    rows["person"][is_assigned, slot] = person[is_assigned]
    rows["role"][is_assigned, slot] = role
