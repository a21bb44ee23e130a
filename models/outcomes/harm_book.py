"""The harm matrices as data: which offence counts to which cell, and the scales by which a cell is graded.

Types of harm by level, and sources of harm by bearer. Severity and incidence have five words each, and a table combines
them to a priority; no total is formed and nothing is averaged (Greenfield and Paoli 2022, Assessing the Harms of
Crime, Oxford University Press). A grade is an ordinal: it is looked up.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

SEVERITIES = ("marginal", "moderate", "serious", "grave", "catastrophic")
INCIDENCES = ("rare", "seldom", "occasional", "persistent", "continuous")
PRIORITIES = ("low", "medium", "high", "very_high")
CONFIDENCES = ("low", "medium", "high")
ANSWERED_BY = ("local", "health", "national")
MATRICES = {  # rows and columns of each matrix
    "type_by_level": (
        ("physical", "social", "environmental", "economic", "structural"),
        ("individual", "community", "country"),
    ),
    "source_by_bearer": (
        ("use", "supply", "production", "enforcement"),
        ("users", "neighbourhood", "national", "international"),
    ),
}


def _values(section: object) -> tuple[float, ...]:
    return tuple(getattr(section, each.name) for each in fields(section))  # type: ignore[arg-type] # any dataclass


def _refuse_falling(section: object, start: float) -> None:
    """Raise ValueError unless the thresholds begin with `start` and rise."""
    found = _values(section)
    if found[0] != start or any(low >= high for low, high in itertools.pairwise(found)):
        raise ValueError(f"{list(found)}: expected thresholds that begin with {start:g} and rise")


@dataclass(frozen=True, slots=True)
class SeverityScale:
    """Least harm points of one event, by severity."""

    marginal: float
    moderate: float
    serious: float
    grave: float
    catastrophic: float

    def __post_init__(self) -> None:
        _refuse_falling(self, 0)


@dataclass(frozen=True, slots=True)
class IncidenceScale:
    """Least number of events a week, by incidence."""

    rare: float
    seldom: float
    occasional: float
    persistent: float
    continuous: float

    def __post_init__(self) -> None:
        _refuse_falling(self, 0)


@dataclass(frozen=True, slots=True)
class IncidenceScales:
    """The scale where residents are known, and that of a whole force."""

    per_100000_residents: IncidenceScale
    in_the_force: IncidenceScale


@dataclass(frozen=True, slots=True)
class ConfidenceScale:
    """Least number of events, by confidence."""

    low: float
    medium: float
    high: float

    def __post_init__(self) -> None:
        _refuse_falling(self, 1)


@dataclass(frozen=True, slots=True)
class PriorityRow:
    """Priority of one severity, by incidence."""

    rare: str
    seldom: str
    occasional: str
    persistent: str
    continuous: str

    def __post_init__(self) -> None:
        for name in INCIDENCES:
            if getattr(self, name) not in PRIORITIES:
                raise ValueError(f"{name}: {getattr(self, name)!r}: expected one of {', '.join(PRIORITIES)}")


@dataclass(frozen=True, slots=True)
class PriorityTable:
    """Priority by severity and incidence; it falls neither with severity nor with incidence."""

    marginal: PriorityRow
    moderate: PriorityRow
    serious: PriorityRow
    grave: PriorityRow
    catastrophic: PriorityRow

    def __post_init__(self) -> None:
        found = [[PRIORITIES.index(self.of(severity, each)) for each in INCIDENCES] for severity in SEVERITIES]
        if any(line != sorted(line) for line in [*found, *map(list, zip(*found, strict=True))]):
            raise ValueError("a graver or more frequent harm has a lower priority; let no row and no column fall")

    def of(self, severity: str, incidence: str) -> str:
        """Return the priority of a severity and an incidence."""
        return str(getattr(getattr(self, severity), incidence))


@dataclass(frozen=True, slots=True)
class Cell:
    """Who answers for a cell, the offences whose events count to it, and figures of the ledger by their severity."""

    answered_by: str
    offences: tuple[str, ...] = ()
    ledger: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.answered_by not in ANSWERED_BY:
            raise ValueError(f"answered_by={self.answered_by!r}: expected one of {', '.join(ANSWERED_BY)}")
        _refuse_severities(self.ledger)
        if self.offences and self.ledger:
            raise ValueError("a cell counts offences or figures of the ledger; name one of both")


def _refuse_severities(named: Mapping[str, str]) -> None:
    for name, severity in named.items():
        if severity not in SEVERITIES:
            raise ValueError(f"{name}: {severity!r}: expected one of {', '.join(SEVERITIES)}")


@dataclass(frozen=True, slots=True)
class LevelRow:
    """The cells of one type of harm."""

    individual: Cell
    community: Cell
    country: Cell


@dataclass(frozen=True, slots=True)
class BearerRow:
    """The cells of one source of harm."""

    users: Cell
    neighbourhood: Cell
    national: Cell
    international: Cell


@dataclass(frozen=True, slots=True)
class TypeByLevel:
    """The matrix of types of harm by level."""

    physical: LevelRow
    social: LevelRow
    environmental: LevelRow
    economic: LevelRow
    structural: LevelRow


@dataclass(frozen=True, slots=True)
class SourceByBearer:
    """The matrix of sources of harm by bearer."""

    use: BearerRow
    supply: BearerRow
    production: BearerRow
    enforcement: BearerRow


@dataclass(frozen=True, slots=True)
class InNoCell:
    """The offences that count to no cell of a matrix."""

    type_by_level: tuple[str, ...]
    source_by_bearer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HarmBook:
    """Both matrices and their scales; `flows.inputs.harm_book.read_harm_book` reads it."""

    severity: SeverityScale
    severity_without_weight: Mapping[str, str]
    incidence: IncidenceScales
    priority: PriorityTable
    confidence: ConfidenceScale
    type_by_level: TypeByLevel
    source_by_bearer: SourceByBearer
    in_no_cell: InNoCell

    def __post_init__(self) -> None:
        _refuse_severities(self.severity_without_weight)

    def cells(self) -> Iterator[tuple[str, str, str, Cell]]:
        """Yield matrix, row, column and cell, in the order of the matrices."""
        for matrix, (rows, columns) in MATRICES.items():
            for row in rows:
                for column in columns:
                    yield matrix, row, column, getattr(getattr(getattr(self, matrix), row), column)

    def severity_of(self, offence_code: str, harm_days: float) -> str:
        """Return the severity of one event of an offence with that weight, in harm points."""
        return self.severity_without_weight.get(offence_code) or _looked_up(self.severity, SEVERITIES, harm_days)

    def incidence_of(self, events_per_week: float, *, is_per_residents: bool) -> str:
        """Return the incidence of so many events a week, per 100,000 residents or in the whole force."""
        scale = self.incidence.per_100000_residents if is_per_residents else self.incidence.in_the_force
        return _looked_up(scale, INCIDENCES, events_per_week)

    def confidence_of(self, event_count: int) -> str:
        """Return how sure so many events make a grade, by chance alone."""
        return _looked_up(self.confidence, CONFIDENCES, event_count)


def _looked_up(scale: object, names: tuple[str, ...], value: float) -> str:
    """Return the last name whose threshold the value reaches."""
    return [name for name in names if getattr(scale, name) <= value][-1]
