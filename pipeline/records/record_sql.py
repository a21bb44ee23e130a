"""SQL of records that are no incidents: their columns by what they hold, and the rules that refuse a row."""

from typing import NamedTuple

import pyarrow as pa

from pipeline.database import literal_sql, name_sql, query
from pipeline.mapped.mapping import NO_WORDS, PRECISIONS, Mapping
from pipeline.mapped.record_columns import RECORD_KINDS, WORD_KEYS, holds

OLDEST_YEARS = 120  # nobody alive is older: an earlier birth is a placeholder such as 1900-01-01
_RFC_3339 = "%Y-%m-%dT%H:%M:%S.%f"
_SHOWN = ("time", "day", "number", "integer", "offence")
_PERSONAL = ("birth_date", "birth_year", "deceased_at")
_HORIZON = "getvariable('horizon')::TIMESTAMPTZ"


class Rule(NamedTuple):
    """A reason to refuse a row: a condition in SQL over the columns of `record`, a code, a sentence, a column."""

    condition: str
    reason: str
    detail: str
    column: str | None  # of ours


def record_sql(mapping: Mapping) -> str:
    """Return the query of the rows of `extract` as an event has them, each with the first rule that refuses it."""
    reads = mapping.columns.READS
    parts = ["extract.row_number", *(part for name in reads for part in _parts(name, mapping))]
    if "version" in reads:
        version = "CASE WHEN is_updated_at_given THEN updated_at WHEN is_version_given THEN version ELSE 1 END"
        parts += [f"{version} AS stated_version"]
    is_versioned = mapping.columns.is_versioned()
    parts += [f"{is_versioned} AS is_version_stated"]
    parts += ["offence_word.offence_code", "offence_word.fault AS offence_fault"] if "offence" in reads else []
    join = query("records/record#offence_join") if "offence" in reads else ""
    join += query("records/record#updated_at_join") if "updated_at" in reads else ""
    cases = " ".join(f"WHEN {rule.condition} THEN {number}" for number, rule in enumerate(rules_of(mapping)))
    return (
        f"WITH found AS (SELECT {', '.join(parts)} FROM extract {join}) "  # noqa: S608 - our names
        f"SELECT *, CASE {cases} END AS rule FROM found"
    )


def rules_of(mapping: Mapping) -> list[Rule]:
    """Return the rules of the mapping's kind of record, the first to apply first."""
    read = [name for name in mapping.columns.named() if holds(name) not in ("text", "offence")]
    local = [name for name in read if name == "week" or holds(name) == "time"]
    return [
        *(_blank(name) for name in RECORD_KINDS[mapping.kind].required),
        *(_unread(name) for name in read),
        *(_zoneless(name) for name in local if mapping.time_zone is None),
        *((_FUTURE_UPDATE,) if "updated_at" in read else ()),
        *_SPECIAL.get(mapping.kind, ()),
    ]


def reasons_of(mapping: Mapping) -> pa.Table:
    """Return the rules as a table: rule (number), reason, detail, about (the file's column), shown.

    `shown` is the column whose value may be said: of times, numbers and offence words, never of what is about a person.
    """
    rules, named = rules_of(mapping), mapping.columns.named()
    theirs = [named.get(rule.column or "", ()) for rule in rules]
    is_shown = [holds(rule.column or "") in _SHOWN and rule.column not in _PERSONAL for rule in rules]
    return pa.table(
        {
            "rule": pa.array(range(len(rules)), pa.int32()),
            "reason": [rule.reason for rule in rules],
            "detail": [rule.detail for rule in rules],
            "about": pa.array([", ".join(names) or None for names in theirs], pa.string()),
            "shown": pa.array(
                [
                    names[0] if shown and len(names) == 1 else None
                    for names, shown in zip(theirs, is_shown, strict=True)
                ],
                pa.string(),
            ),
        }
    )


def _parts(name: str, mapping: Mapping) -> list[str]:
    """Return the value of a column, whether it is given, and of a time whether it has no offset."""
    is_given = {
        "time": f"{name}_fault IS DISTINCT FROM 'no' AS is_{name}_given",
        "word": f"NOT is_blank(extract.{name_sql(name)}) AS is_{name}_given",
        "text": f"extract.{name_sql(name)} IS NOT NULL AS is_{name}_given",
    }.get(mapping.columns.READS[name], f"is_{name}_given")
    is_local = [f"{name}_absolute IS NULL AS is_{name}_local"] if holds(name) == "time" else []
    return [f"{_value_sql(name, mapping)} AS {name_sql(name)}", is_given, *is_local]


def _value_sql(name: str, mapping: Mapping) -> str:
    column = f"extract.{name_sql(name)}"
    word = f"CASE WHEN is_blank({column}) THEN '' ELSE folded({column}) END"
    # Of a month alone no day is known.
    is_day = f"{name}_rank < {PRECISIONS.index('month')}"
    local, absolute = f"CASE WHEN {is_day} THEN {name}_local END", f"timezone('UTC', {name}_absolute)"
    match holds(name):
        case "time" if name == "updated_at":
            # Without a span it is refused: there is no time zone, or the time is after the horizon.
            return f"coalesce(epoch({absolute}), epoch({local}) - coalesce(updated_at_span.offset_s, 0))::BIGINT"
        case "time":
            return f"coalesce(strftime({absolute}, '{_RFC_3339}Z'), strftime({local}, '{_RFC_3339}'))"
        case "day":
            return _day_sql(f"coalesce({local}, {absolute})", mapping.formats.get(name, ""))
        case "number":
            return f"CASE WHEN isfinite({column}) THEN {column} END"
        case "truth":
            meanings = [*((yes, "true") for yes in mapping.true_values), *((no, "false") for no in NO_WORDS)]
            return _cases_sql(f"whole_number({word})", meanings)
        case "word":
            known = {meaning: meaning for meaning in RECORD_KINDS[mapping.kind].columns.WORDS[name]}
            known |= getattr(mapping, WORD_KEYS[name])
            return _cases_sql(word, [(given, literal_sql(meaning)) for given, meaning in reversed(known.items())])
        case _:
            return column


def _cases_sql(word: str, values: list[tuple[str, str]]) -> str:
    """Return the SQL of the value of the first word that is the same, folded."""
    cases = " ".join(f"WHEN folded({literal_sql(given)}) THEN {value}" for given, value in values)
    return f"CASE {word} {cases} END"


def _day_sql(moment: str, pattern: str) -> str:
    """Return the SQL of a day as the file writes it, whatever the zone; what has a time of day is none."""
    day = f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN CAST({moment} AS DATE) END"
    # A year of two digits is never one to come.
    is_to_come = f"{day} > {_HORIZON}::DATE" if "%y" in pattern else "false"
    return f"CASE WHEN {is_to_come} THEN CAST({day} - INTERVAL 100 YEAR AS DATE) ELSE {day} END"


def _blank(name: str) -> Rule:
    condition = f"{name_sql(name)} IS NULL AND NOT is_{name}_given"
    if name in WORD_KEYS:
        way_out = f'say what a blank means by the key "" of `{WORD_KEYS[name]}` in the mapping, then replay'
        return Rule(condition, "missing_field", f"`{name}` is blank; {way_out}.", name)
    if name.endswith("_id"):
        return Rule(condition, "empty_id", f"`{name}` is blank and should identify something.", name)
    return Rule(condition, "missing_field", f"`{name}` is blank.", name)


def _unread(name: str) -> Rule:
    what = {
        "time": f"is no time that can be read for sure; state `{name}_format` in the mapping, then replay",
        "day": f"is no date that can be read for sure, or has a time of day; state `{name}_format`, then replay",
        "number": "is no finite number",
        "integer": "is no whole number of 15 digits at most",
        "truth": "holds a word that is neither among `true_values` nor a plain no",
        "word": f"holds a word that is not in `{WORD_KEYS.get(name)}` of the mapping; add it there, then replay",
    }[holds(name)]
    return Rule(f"{name_sql(name)} IS NULL AND is_{name}_given", "bad_value", f"`{name}` {what}.", name)


def _zoneless(name: str) -> Rule:
    is_local = f"{name_sql(name)} IS NOT NULL" + (f" AND is_{name}_local" if holds(name) == "time" else "")
    detail = f"`{name}` states no offset; set time_zone in the mapping, then replay."
    return Rule(is_local, "naive_time", detail, name)


_FUTURE_UPDATE = Rule(
    f"updated_at > epoch({_HORIZON})",
    "future_date",
    "`updated_at` is after the time of reading plus ingest.future_tolerance_minutes.",
    "updated_at",
)
_UNKNOWN_OFFENCE = "`offence` is not in the mapping's table of offences; add it there, then replay."
_UNCHECKED_OFFENCE = (
    "`offence` is marked check in the table of offences; see to its code, remove the mark, then replay."
)
_TOO_OLD = f"is over {OLDEST_YEARS} years ago: a placeholder or a slip"
_EARLIEST = f"CAST({_HORIZON} - INTERVAL {OLDEST_YEARS} YEAR AS DATE)"
_SPECIAL: dict[str, tuple[Rule, ...]] = {
    "persons": (
        Rule(f"birth_date < {_EARLIEST}", "impossible_date", f"`birth_date` {_TOO_OLD}.", "birth_date"),
        Rule(f"birth_year < year({_EARLIEST})", "impossible_date", f"`birth_year` {_TOO_OLD}.", "birth_year"),
    ),
    "warrants": (
        Rule("offence_fault = 'unchecked_offence'", "unchecked_offence", _UNCHECKED_OFFENCE, "offence"),
        Rule("offence_code IS NULL", "unknown_offence_code", _UNKNOWN_OFFENCE, "offence"),
    ),
    "staffing": (
        Rule(
            "week IS NULL AND (shift_start IS NULL OR shift_end IS NULL)",
            "missing_field",
            "The row says neither when its shift begins and ends nor which week it is of.",
            None,
        ),
        Rule("coalesce(rostered_hours, available_hours) IS NULL", "missing_field", "The row has no hours.", None),
    ),
}
