"""SQL that reads the columns of a record by what they hold, and the rules that refuse a row, composed from a mapping."""

from collections.abc import Mapping as MappingOf
from dataclasses import fields
from typing import NamedTuple

from pipeline.database import literal_sql, name_sql, query
from pipeline.mapped.mapping import Mapping, is_given_sql, local_and_absolute_sql, trimmed_sql
from pipeline.mapped.record_columns import HOLDS, RECORD_KINDS, WORD_KEYS, Holds

OLDEST_YEARS = 120  # nobody alive is older: an earlier birth is a placeholder such as 1900-01-01
_NO = ("FALSE", "F", "NO", "N", "0")
_RFC_3339 = "%Y-%m-%dT%H:%M:%S.%f"


class Rule(NamedTuple):
    """A reason to refuse a row: a condition in SQL over view `record`, a stable reason code, a sentence for people."""

    condition: str
    reason: str
    detail: str


def extract_record_sql(mapping: Mapping, types: MappingOf[str, str]) -> str:
    """Return the query that reads `raw` under our names, each column as what it holds, with `is_…_given` beside it."""
    named = mapping.columns.named()
    names = [item.name for item in fields(RECORD_KINDS[mapping.kind].columns)]
    parts = [part for name in names for part in _parts(name, named.get(name), types, mapping)]
    return f"SELECT {', '.join(['harmspot_number AS row_number', *parts])} FROM raw"  # noqa: S608 - names are quoted


def record_sql(kind: str, rules: list[Rule]) -> str:
    """Return the query of the rows of `extract`, each with its version, offence code and the first rule that applies."""
    has_version = any(item.name == "version" for item in fields(RECORD_KINDS[kind].columns))
    version = "CASE WHEN is_updated_at_given THEN updated_at WHEN is_version_given THEN version ELSE 1 END"
    is_offence = kind == "warrants"
    return "\n".join(
        [
            f"WITH found AS (SELECT extract.*, {version if has_version else '1'} AS stated_version",
            ", offence_word.offence_code" if is_offence else "",
            f"FROM extract {query('mapped/records#offence_join') if is_offence else ''})",
            f"SELECT *, CASE {' '.join(f'WHEN {rule.condition} THEN {n}' for n, rule in enumerate(rules))} END AS rule",
            "FROM found",
        ]
    )


def rules_of(mapping: Mapping) -> list[Rule]:
    """Return the rules of the mapping's kind of record, the first to apply first."""
    named = mapping.columns.named()
    times = [name for name in named if HOLDS.get(name) == "time" and name != "updated_at"]
    return [
        *(_blank(name) for name in RECORD_KINDS[mapping.kind].required),
        *(_unread(name, HOLDS[name]) for name in named if name in HOLDS),
        *(_zoneless(f"is_{name}_local", name) for name in times if mapping.time_zone is None),
        *(_zoneless("week IS NOT NULL", name) for name in named if name == "week" and mapping.time_zone is None),
        *_SPECIAL.get(mapping.kind, ()),
    ]


def _parts(name: str, theirs: str | None, types: MappingOf[str, str], mapping: Mapping) -> list[str]:
    kind = types.get(theirs or "", "")
    ours, holds = name_sql(name), HOLDS.get(name, "text")
    pattern = getattr(mapping, "formats", {}).get(name)
    is_given = f"{is_given_sql(theirs, kind)} AS is_{name}_given"
    if name == "updated_at":
        local, absolute = local_and_absolute_sql(theirs, kind, pattern)
        return [f"epoch(coalesce(timezone('UTC', {absolute}), {local}))::BIGINT AS {ours}", is_given]
    if holds == "time":
        local, absolute = local_and_absolute_sql(theirs, kind, pattern)
        absolute_text = f"strftime(timezone('UTC', {absolute}), '{_RFC_3339}Z')"
        text = f"coalesce({absolute_text}, strftime({local}, '{_RFC_3339}'))"
        return [f"{text} AS {ours}", f"{absolute} IS NULL AND {local} IS NOT NULL AS is_{name}_local", is_given]
    text = trimmed_sql(theirs)
    read = {
        "text": lambda: f"upper({text})" if name in ("offence", "offence_detail") else text,
        "day": lambda: _day_sql(theirs, kind, pattern),
        "number": lambda: _finite_sql(text),
        "whole": lambda: f"TRY_CAST({text} AS BIGINT)",
        "truth": lambda: _truth_sql(text, mapping.true_values),
        "word": lambda: _meaning_sql(text, mapping, name),
    }[holds]
    return [f"{read()} AS {ours}", is_given]


def _day_sql(theirs: str | None, kind: str, pattern: str | None) -> str:
    """A day as the file writes it, whatever the zone; with a time of day other than midnight it is none."""
    local, absolute = local_and_absolute_sql(theirs, kind, pattern)
    moment = f"coalesce({local}, timezone('UTC', {absolute}))"
    day = f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN CAST({moment} AS DATE) END"
    if "%y" not in (pattern or ""):
        return day
    # A year of two digits is never one to come.
    return f"CASE WHEN {day} > getvariable('horizon')::DATE THEN CAST({day} - INTERVAL 100 YEAR AS DATE) ELSE {day} END"


def _finite_sql(text: str) -> str:
    return f"CASE WHEN isfinite(TRY_CAST({text} AS DOUBLE)) THEN TRY_CAST({text} AS DOUBLE) END"


def _truth_sql(text: str, true_values: tuple[str, ...]) -> str:
    yes = ", ".join(literal_sql(word.strip().upper()) for word in true_values)
    no = ", ".join(map(literal_sql, _NO))
    return f"CASE WHEN upper({text}) IN ({yes}) THEN true WHEN upper({text}) IN ({no}) THEN false END"


def _meaning_sql(text: str, mapping: Mapping, name: str) -> str:
    """The meaning of a word: by the mapping's key, or else our own words mean themselves; a blank is the word ''."""
    known = {word.upper(): word for word in RECORD_KINDS[mapping.kind].words[name]}
    known |= {word.strip().upper(): meaning for word, meaning in getattr(mapping, WORD_KEYS[name]).items()}
    cases = " ".join(f"WHEN {literal_sql(word)} THEN {literal_sql(meaning)}" for word, meaning in known.items())
    return f"CASE coalesce(upper({text}), '') {cases} END"


def _blank(name: str) -> Rule:
    condition = f"{name_sql(name)} IS NULL AND NOT is_{name}_given"
    if name in WORD_KEYS:
        way_out = f'say what a blank means by the key "" of `{WORD_KEYS[name]}` in the mapping, then replay'
        return Rule(condition, "missing_field", f"`{name}` is blank; {way_out}.")
    if name.endswith("_id"):
        return Rule(condition, "empty_id", f"`{name}` is blank and should identify something.")
    return Rule(condition, "missing_field", f"`{name}` is blank.")


def _unread(name: str, holds: Holds) -> Rule:
    what = {
        "time": f"is no time in the format that the mapping states; mend `{name}_format`, then replay",
        "day": f"is no date, or has a time of day; mend `{name}_format`, then replay",
        "number": "is no finite number",
        "whole": "is no whole number",
        "truth": "holds a word that is neither among `true_values` nor a plain no",
        "word": f"holds a word that is not in `{WORD_KEYS.get(name)}` of the mapping; add it there, then replay",
    }[holds]
    return Rule(f"{name_sql(name)} IS NULL AND is_{name}_given", "bad_value", f"`{name}` {what}.")


def _zoneless(condition: str, name: str) -> Rule:
    return Rule(condition, "naive_time", f"`{name}` states no offset; set time_zone in the mapping, then replay.")


_UNKNOWN_OFFENCE = "`offence` is not in the mapping's table of offences; add it there, then replay."
_TOO_OLD = f"is over {OLDEST_YEARS} years ago: a placeholder or a slip"
_HORIZON = "getvariable('horizon')::TIMESTAMPTZ"
_SPECIAL: dict[str, tuple[Rule, ...]] = {
    "persons": (
        Rule(
            f"birth_date < CAST({_HORIZON} - INTERVAL {OLDEST_YEARS} YEAR AS DATE)",
            "impossible_date",
            f"`birth_date` {_TOO_OLD}.",
        ),
        Rule(f"birth_year < year({_HORIZON}) - {OLDEST_YEARS}", "impossible_date", f"`birth_year` {_TOO_OLD}."),
    ),
    "warrants": (Rule("offence_code IS NULL", "unknown_offence_code", _UNKNOWN_OFFENCE),),
    "staffing": (
        Rule("(shift_start IS NULL OR shift_end IS NULL) AND week IS NULL", "missing_field", "The row has no time."),
        Rule("coalesce(rostered_hours, available_hours) IS NULL", "missing_field", "The row has no hours."),
    ),
}
