"""Checks of well-formed events, one column at a time: dates, places, codes, ids."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.events.columns import ENTITY_KEYS, UTC_TIME
from pipeline.events.diagnosis import Refusal
from pipeline.local_time import EARLIEST, LATEST
from pipeline.privacy.pii_guard import PSEUDONYM

# Times that may be in the future: rosters, planned releases, and the sender's own clock.
_MAY_BE_FUTURE = {"event_time", "custody_to", "shift_start", "shift_end"}
_CODE_COLUMNS = ("offence_code", "underlying_offence_code")
_LONGEST_SHIFT = timedelta(days=31)


class Check(NamedTuple):
    """Reason to refuse rows, and the rows that it applies to (bool array)."""

    refusal: Refusal
    holds: np.ndarray


def checks_of(entity: str, table: pa.Table, offence_codes: pa.Array, horizon: datetime) -> list[Check]:
    """Return every check of one entity's rows, most serious first; no event may be dated after `horizon`."""
    times = [field.name for field in table.schema if field.type == UTC_TIME]
    present = [name for name in _CODE_COLUMNS if name in table.column_names]
    return [
        *(_impossible(table, name) for name in times),
        *(_future(table, name, horizon) for name in times if name not in _MAY_BE_FUTURE),
        *_SPECIAL.get(entity, lambda table, horizon: [])(table, horizon),
        *(_unknown_code(table, name, offence_codes) for name in present),
        *(_blank(table, name) for name in ("event_source", "event_id", *ENTITY_KEYS[entity])),
        *(_unprintable(table, name) for name in ("event_source", "event_id", *ENTITY_KEYS[entity])),
        *(_names_person(table, name) for name in _text_columns(table)),
    ]


def first_that_holds(checks: list[Check], rows: int) -> np.ndarray:
    """Return for each row the index of the first check that applies; `len(checks)` if none does."""
    first = np.full(rows, len(checks))
    for index in reversed(range(len(checks))):
        first[checks[index].holds] = index
    return first


def _is_true(found: pa.ChunkedArray) -> np.ndarray:
    return pc.fill_null(found, False).to_numpy()


def _utc_scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, UTC_TIME)


def _impossible(table: pa.Table, name: str) -> Check:
    is_early = pc.less(table[name], _utc_scalar(EARLIEST))
    is_late = pc.greater_equal(table[name], _utc_scalar(LATEST))
    detail = f"`{name}` is before {EARLIEST.year} or not before {LATEST.year}: a placeholder or a slip."
    return Check(Refusal("impossible_date", detail), _is_true(pc.or_(is_early, is_late)))


def _future(table: pa.Table, name: str, horizon: datetime) -> Check:
    detail = f"`{name}` is after the time of reading plus ingest.future_tolerance_minutes."
    return Check(Refusal("future_date", detail), _is_true(pc.greater(table[name], _utc_scalar(horizon))))


def _unknown_code(table: pa.Table, name: str, offence_codes: pa.Array) -> Check:
    detail = f"`{name}` is not in the codebook; add the code there, then replay."
    is_unknown = pc.and_(pc.is_valid(table[name]), pc.invert(pc.is_in(table[name], value_set=offence_codes)))
    return Check(Refusal("unknown_offence_code", detail), _is_true(is_unknown))


def _blank(table: pa.Table, name: str) -> Check:
    holds = np.zeros(table.num_rows, dtype=bool)
    if pa.types.is_string(table.schema.field(name).type):
        holds = _is_true(pc.utf8_is_space(table[name]))
    return Check(Refusal("empty_id", f"`{name}` is blank and should identify something."), holds)


def _text_columns(table: pa.Table) -> list[str]:
    """Return the text columns that must not name a person; a reporter's ref is internal to the source and not used."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    return [name for name in texts if name not in ("person_id", "subject_person_id", "same_person_id", "reporter_ref")]


def _names_person(table: pa.Table, name: str) -> Check:
    detail = f"`{name}` holds a pseudonym of harmspot; send it again with words that name nobody."
    return Check(Refusal("names_person", detail), _is_true(pc.match_substring_regex(table[name], PSEUDONYM)))


def _unprintable(table: pa.Table, name: str) -> Check:
    """Refuse ids with invisible characters: two ids that look the same would be two entities."""
    holds = np.zeros(table.num_rows, dtype=bool)
    if pa.types.is_string(table.schema.field(name).type):
        holds = _is_true(pc.invert(pc.utf8_is_printable(table[name])))
    return Check(Refusal("bad_value", f"`{name}` holds control, zero-width or other characters not printed."), holds)


def _location(table: pa.Table, horizon: datetime) -> list[Check]:
    lon, lat, area = (table[name].is_valid().to_numpy() for name in ("lon", "lat", "area_id"))
    at_zero = _is_true(pc.and_(pc.equal(table["lon"], 0.0), pc.equal(table["lat"], 0.0)))
    half = Refusal("bad_coordinate", "`$.data.location` has one of `lon` and `lat`, not both.")
    zero = Refusal("bad_coordinate", "`$.data.location` is 0, 0: what a failed geocoding leaves, in the open sea.")
    none = Refusal("no_location", "`$.data.location` has neither `lon` and `lat` nor `area_id`.")
    return [Check(half, lon != lat), Check(zero, at_zero), Check(none, ~lon & ~lat & ~area)]


def _birth(table: pa.Table, horizon: datetime) -> list[Check]:
    year = pc.year(table["birth_date"])
    today = pa.scalar(horizon.astimezone(UTC).date(), pa.date32())
    ahead = pc.or_kleene(
        pc.greater(table["birth_date"], today), pc.greater(table["birth_year"], horizon.astimezone(UTC).year)
    )
    return [
        Check(
            Refusal("impossible_date", "`birth_date` is before 1880: a placeholder or a slip."),
            _is_true(pc.less(year, 1880)),
        ),
        Check(Refusal("future_date", "`birth_date` or `birth_year` is still to come."), _is_true(ahead)),
        Check(
            Refusal("bad_value", "`birth_year` is not the year of `birth_date`."),
            _is_true(pc.not_equal(year, table["birth_year"])),
        ),
    ]


def _pair(table: pa.Table, horizon: datetime) -> list[Check]:
    refusal = Refusal("bad_value", "`$.data.same_as` is the same id as `$.data.person_id`.")
    return [Check(refusal, _is_true(pc.equal(table["person_id"], table["same_person_id"])))]


def _stay(table: pa.Table, horizon: datetime) -> list[Check]:
    refusal = Refusal("bad_value", "`$.data.to` is before `$.data.from`.")
    return [Check(refusal, _is_true(pc.less(table["custody_to"], table["custody_from"])))]


def _shift(table: pa.Table, horizon: datetime) -> list[Check]:
    backward = Refusal("bad_value", "`$.data.shift_end` is not after `$.data.shift_start`.")
    long = Refusal("bad_value", f"`$.data.shift_end` is over {_LONGEST_SHIFT.days} days after `$.data.shift_start`.")
    length = pc.subtract(table["shift_end"], table["shift_start"])
    return [
        Check(backward, _is_true(pc.less_equal(length, timedelta(0)))),
        Check(long, _is_true(pc.greater(length, _LONGEST_SHIFT))),
    ]


_SPECIAL = {"incident": _location, "person": _birth, "same_person": _pair, "custody": _stay, "staffing": _shift}
