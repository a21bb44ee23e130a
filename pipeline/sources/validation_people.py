"""Read third-party records of people and their outcomes through a mapping, for validation only.

Nothing is stored: the frames live as long as the evaluation. Predictors, outcomes and group attributes are in separate
frames, so that no score can see a group.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import MappingError, SourceError
from pipeline.given_yaml import read_given_yaml


@dataclass(frozen=True, slots=True)
class Measure:
    """A numeric column; `words` maps text values to numbers; every value is taken `times` a number, and `add` added."""

    column: str
    words: Mapping[str, float] = field(default_factory=dict)
    times: float = 1.0
    add: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A column of 0 and 1, and the risk score that was published for it, if any."""

    column: str
    published_score: str | None = None


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """The role of each column of a file; see configs/records."""

    name: str
    about: str
    horizon_years: float
    index_events: int
    priors: tuple[Measure, ...]
    years_at_risk: tuple[Measure, ...]
    outcomes: Mapping[str, Outcome]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """The people of one outcome; all frames share one index.

    Attributes
    ----------
    known : pandas.DataFrame
        Predictors: priors, years_at_risk.
    came : pandas.Series
        The observed outcome, 0 or 1.
    published : pandas.Series or None
        The published score, if there is one.
    attributes : pandas.DataFrame
        One column for each kind of group.
    left_out : dict of str to int
        Number of people excluded for missing data, by reason.
    """

    known: pd.DataFrame
    came: pd.Series
    published: pd.Series | None
    attributes: pd.DataFrame
    left_out: dict[str, int]


def read_record_mapping(path: Path) -> RecordMapping:
    """Read and check a mapping of records.

    Raises
    ------
    MappingError
        When it cannot be read, lacks a key, has an unknown key, or uses a group as a predictor.
    """
    try:
        body = read_given_yaml(path)
    except (OSError, ValueError) as error:
        raise MappingError(f"mapping {path} cannot be read: {error}") from None
    _check_keys(path, "the mapping", body, {item.name for item in fields(RecordMapping)})
    mapping = RecordMapping(
        name=str(body["name"]),
        about=str(body["about"]),
        horizon_years=_positive(path, "horizon_years", body["horizon_years"]),
        index_events=int(_positive(path, "index_events", body["index_events"], least=0)),
        priors=_measures(path, "priors", body["priors"]),
        years_at_risk=_measures(path, "years_at_risk", body["years_at_risk"]),
        outcomes={str(name): _part(path, name, Outcome, part) for name, part in body["outcomes"].items()},
        groups=tuple(map(str, body["groups"] or ())),
    )
    if not mapping.outcomes:
        raise MappingError(f"mapping {path}: outcomes is empty; name at least one column of 0 and 1")
    overlap = sorted({m.column for m in mapping.priors} & {*mapping.groups})
    if overlap:
        raise MappingError(f"mapping {path}: {overlap[0]!r} is a group and cannot be used as priors")
    return mapping


def read_records(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file of people; raise SourceError if it cannot be read."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read as {path.suffix or 'CSV'}: {error}") from None


def select_records(rows: pd.DataFrame, mapping: RecordMapping, outcome_name: str) -> Records:
    """Return the data of one outcome; people with missing data are excluded and counted by reason.

    Raises
    ------
    MappingError
        When a column is missing, or a text value has no number. No message names a person.
    """
    outcome = mapping.outcomes[outcome_name]
    _check_columns(rows, mapping, outcome)
    known = pd.DataFrame(
        {name: _figures(rows, mapping, getattr(mapping, name)) for name in ("priors", "years_at_risk")}
    )
    came = _outcome(rows, mapping, outcome.column)
    published = None
    if outcome.published_score is not None:
        published = _figures(rows, mapping, (Measure(outcome.published_score),))
    reasons = {
        "no count of priors": known["priors"].isna() | known["priors"].lt(0),
        "no time at risk": known["years_at_risk"].isna() | known["years_at_risk"].lt(0),
        "outcome unknown": came.isna(),
        "no published score": published.isna() | published.lt(0) if published is not None else came.isna() & False,
    }
    is_out = pd.Series(False, index=rows.index)
    left_out = {}
    for reason, is_missing in reasons.items():
        left_out[reason] = int((is_missing & ~is_out).sum())
        is_out |= is_missing
    return Records(
        known=known[~is_out],
        came=came[~is_out].astype("int64"),
        published=None if published is None else published[~is_out],
        attributes=rows.loc[~is_out, list(mapping.groups)],
        left_out={reason: n for reason, n in left_out.items() if n},
    )


def _check_keys(path: Path, where: str, body: Any, expected: set[str], optional: frozenset[str] = frozenset()) -> None:
    given = set(body) if isinstance(body, dict) else set()
    missing, unexpected = sorted(expected - optional - given), sorted(map(str, given - expected))
    if missing or unexpected:
        raise MappingError(f"mapping {path}, {where}: missing keys {missing}, unexpected {unexpected}")


def _positive(path: Path, key: str, value: Any, least: float | None = None) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (value <= 0 if least is None else value < least):
        raise MappingError(
            f"mapping {path}: {key}={value!r}: expected a number {'above' if least is None else 'from'} 0"
        )
    return float(value)


def _measures(path: Path, key: str, body: Any) -> tuple[Measure, ...]:
    parts = body if isinstance(body, list) else [body]
    return tuple(_part(path, key, Measure, part) for part in parts)


def _part(path: Path, where: str, kind: type[Any], body: Any) -> Any:
    names = {item.name for item in fields(kind)}
    _check_keys(path, str(where), body, names, optional=frozenset(names - {"column"}))
    return kind(**body)


def _check_columns(rows: pd.DataFrame, mapping: RecordMapping, outcome: Outcome) -> None:
    measures = [m.column for m in (*mapping.priors, *mapping.years_at_risk)]
    wanted = [
        *measures,
        outcome.column,
        *([outcome.published_score] if outcome.published_score else []),
        *mapping.groups,
    ]
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise MappingError(
            f"mapping {mapping.name}: the file has no column {missing[0]!r}; it has {', '.join(map(str, rows.columns))}"
        )


def _figures(rows: pd.DataFrame, mapping: RecordMapping, measures: tuple[Measure, ...]) -> pd.Series:
    total = pd.Series(0.0, index=rows.index)
    for measure in measures:
        raw = rows[measure.column]
        text = raw.astype("string").str.strip()
        given = {str(word): float(figure) for word, figure in measure.words.items()}
        figures = pd.to_numeric(text.map(given).astype("Float64").fillna(pd.to_numeric(text, errors="coerce")))
        is_unread = figures.isna() & raw.notna()
        if is_unread.any():
            raise MappingError(
                f"mapping {mapping.name}: column {measure.column!r} holds {text[is_unread].iloc[0]!r}, which is not "
                "a number; give it one under `words`"
            )
        total += figures.astype("float64") * measure.times + measure.add
    return total


def _outcome(rows: pd.DataFrame, mapping: RecordMapping, column: str) -> pd.Series:
    words = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "1.0": 1.0, "0.0": 0.0}
    raw = rows[column]
    came = raw.astype("string").str.strip().str.lower().map(words).astype("float64")
    is_unread = came.isna() & raw.notna()
    if is_unread.any():
        raise MappingError(
            f"mapping {mapping.name}: outcome {column!r} holds a value that is not 0 or 1, true or false"
        )
    return came
