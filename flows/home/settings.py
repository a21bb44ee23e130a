"""Settings: default file, chosen file, environment, flag, in that order; frozen, typed, unknown keys refused."""

import dataclasses
import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from models.forecast.forecast import ForecastConfig
from models.governance.audits import AuditsConfig
from models.governance.notice_drafts import NoticesConfig
from models.operations.allocation import AllocationConfig
from models.operations.benefit import BenefitConfig
from models.operations.crackdowns import CrackdownsConfig
from models.operations.promises import PromisesConfig
from models.operations.visits import VisitsConfig
from models.people_scores.config import PeopleConfig
from models.places.markets import MarketsConfig
from models.places.ranking import PlacesConfig
from pipeline.errors import HarmspotError
from pipeline.messages.partners import Partner
from pipeline.sources.registry import is_source_name, locate_sources

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ENVIRONMENT_PREFIX = "HARMSPOT__"


class SettingsError(HarmspotError):
    """A settings file or variable is invalid; the message names the key, its value and what is expected."""


def _require_from(section: str, settings: Any, **least: float) -> None:
    for key, bound in least.items():
        value = getattr(settings, key)
        if not value >= bound:
            raise SettingsError(f"{section}.{key}={value!r}: expected at least {bound:g}")


@dataclass(frozen=True, slots=True)
class AreasSettings:
    """Where the areas to rank come from."""

    path: Path | None
    id_column: str
    name_column: str | None
    version: str


@dataclass(frozen=True, slots=True)
class StaffingSettings:
    """Officer hours of the areas that no staffing event covers."""

    path: Path | None
    assumed_total_hours_per_day: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ForceSettings:
    """The police force: name, time zone, coordinate system, areas and reference files."""

    name: str
    time_zone: str
    crs: str | None
    areas: AreasSettings
    points_of_interest: Path | None
    staffing: StaffingSettings
    fidelity: Path
    equity_shares: Path | None

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(
                f"force.time_zone={self.time_zone!r}: expected an IANA zone such as 'Europe/London'"
            ) from error

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How events are ingested; `sources` are read at the start of every daily run."""

    sources: tuple[str, ...]
    mapping: Path | None
    codebook: Path
    batch_size: int
    future_tolerance_minutes: float

    def __post_init__(self) -> None:
        _require_from("ingest", self, batch_size=1, future_tolerance_minutes=0)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How long a process waits for the store, in seconds."""

    wait_s: float

    def __post_init__(self) -> None:
        _require_from("store", self, wait_s=0)


@dataclass(frozen=True, slots=True)
class PublicationSettings:
    """The number of runs kept and the days for which their rows may be used."""

    history_runs: int
    valid_days: int
    people_valid_days: int

    def __post_init__(self) -> None:
        _require_from("publication", self, history_runs=1, valid_days=1, people_valid_days=1)


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The brokers and topics; `security` is passed to the client unchanged and never shown."""

    bootstrap_servers: str
    topic_prefix: str
    security: Mapping[str, Any] = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.security, Mapping):
            raise SettingsError(
                f"kafka.security is of type {type(self.security).__name__} (not shown: it may be a secret): "
                "expected a section such as {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, …}"
            )


@dataclass(frozen=True, slots=True)
class PartnersSettings:
    """Recipients of messages outside the force, and their channels."""

    to: tuple[str, ...]
    recipients: tuple[Partner, ...]

    def __post_init__(self) -> None:
        if not self.to or set(self.to) - {"files", "kafka"}:
            raise ValueError(f"partners.to={list(self.to)!r}: expected files, kafka or both")
        names = [partner.name for partner in self.recipients]
        if len(set(names)) < len(names):
            raise ValueError(f"partners.recipients={names!r}: expected different names")


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How a continuous consumer reads: its group, the bounds of a micro-batch, and its reporting interval."""

    group: str | None
    member: str | None
    max_rows: int
    max_bytes: int
    linger_ms: float
    session_timeout_s: float
    progress_s: float
    live: bool

    def __post_init__(self) -> None:
        _require_from("stream", self, max_rows=1, max_bytes=1, linger_ms=0, session_timeout_s=1, progress_s=0)
        if self.group is not None and not self.group.strip():
            raise SettingsError("stream.group is blank: expected the name of a consumer group, or null")


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The schedule of the deployments, as cron lines in the force's time zone."""

    daily: str
    late: str
    late_runs: int

    def __post_init__(self) -> None:
        _require_from("schedule", self, late_runs=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run."""

    seed: int
    force: ForceSettings
    ingest: IngestSettings
    store: StoreSettings
    places: PlacesConfig
    people: PeopleConfig
    forecast: ForecastConfig
    markets: MarketsConfig
    allocation: AllocationConfig
    crackdowns: CrackdownsConfig
    benefit: BenefitConfig
    promises: PromisesConfig
    visits: VisitsConfig
    notices: NoticesConfig
    audits: AuditsConfig
    publication: PublicationSettings
    kafka: KafkaSettings
    sources: Mapping[str, Any]  # by name of the source (pipeline.sources.registry)
    partners: PartnersSettings
    stream: StreamSettings
    schedule: ScheduleSettings

    def identity(self) -> str:
        """Return a hash of all settings that can change a run's content; files are hashed elsewhere, by content."""
        deciding = {
            "force": [self.force.name, self.force.time_zone, self.force.crs, self.force.staffing.note],
            "assumed_hours": self.force.staffing.assumed_total_hours_per_day,
            "area_columns": [self.force.areas.id_column, self.force.areas.name_column, self.force.areas.version],
            "publication": dataclasses.asdict(self.publication),
            **{
                name: dataclasses.asdict(getattr(self, name))
                for name in (
                    "places",
                    "people",
                    "forecast",
                    "markets",
                    "allocation",
                    "crackdowns",
                    "benefit",
                    "promises",
                    "visits",
                    "notices",
                )
            },
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()[:16]


PATH_KEYS = {
    ("force", "areas", "path"),
    ("force", "points_of_interest"),
    ("force", "staffing", "path"),
    ("force", "equity_shares"),
    ("force", "fidelity"),
    ("ingest", "codebook"),
    *(("kafka", "security", f"ssl_{kind}file") for kind in ("ca", "cert", "key", "crl")),
}


def load_settings(config_file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Merge the default file, `config_file` and the environment into settings.

    Raises
    ------
    SettingsError
        A file is unreadable, a key is unknown (the nearest known key is named) or a value is out of range.
    """
    default_file = CONFIGS / "default.yaml"
    known = _read_yaml(default_file)
    values = _resolve_paths(known, default_file.parent)
    if config_file is not None:
        chosen = _read_yaml(config_file)
        _refuse_unknown_keys(chosen, known, str(config_file))
        values = _merged(values, _resolve_paths(chosen, config_file.resolve().parent))
    for name, text in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            override = _nested(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), _yaml_or_text(text))
            _refuse_unknown_keys(override, known, f"environment variable {name}")
            values = _merged(values, _resolve_paths(override, Path.cwd()))
    if environment.get("KAFKA_BOOTSTRAP_SERVERS"):
        values["kafka"]["bootstrap_servers"] = environment["KAFKA_BOOTSTRAP_SERVERS"]
    return _build(values)


def _yaml_or_text(text: str) -> Any:
    """Return the value of a variable; text that is not YAML, such as the cron line `* * * * *`, is returned as is."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"configuration {path}: {error.strerror}; give an existing file with --config") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"configuration {path}: not readable as YAML{_yaml_problem(error)}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"configuration {path}: expected sections such as `force:`, found {type(content).__name__}")
    return content


def _yaml_problem(error: Exception) -> str:
    """Return the place and kind of a YAML error, without any text of the file, which may hold passwords."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return ""
    problem = re.split("['\"]", getattr(error, "problem", None) or "")[0].strip()  # quoted text comes from the file
    return f": line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _refuse_unknown_keys(chosen: Mapping[str, Any], known: Mapping[str, Any], where: str, path: str = "") -> None:
    for key, value in chosen.items():
        if key not in known:
            raise SettingsError(f"{where}: unknown key {path + str(key)!r}; {_nearest(str(key), known)}")
        # `weights`, `security` and `sources` have free keys, which their consumers check.
        if isinstance(known[key], dict) and key not in ("weights", "security", "sources"):
            if not isinstance(value, dict):
                raise SettingsError(
                    f"{where}: {path + key} is of type {type(value).__name__}: "
                    f"expected a section with {', '.join(known[key])}"
                )
            _refuse_unknown_keys(value, known[key], where, f"{path}{key}.")


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict) and key != "weights"
        else value
        for key, value in above.items()
    }
    return {**below, **both}


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    return {keys[0]: _nested(keys[1:], value) if len(keys) > 1 else value}


def _resolve_paths(values: Mapping[str, Any], folder: Path, at: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return `values` with every path made absolute from the folder of the file that named it."""
    resolved: dict[str, Any] = {}
    for key, value in values.items():
        here = (*at, key)
        if here == ("sources",):
            resolved[key] = locate_sources(value, folder)
        elif isinstance(value, dict):
            resolved[key] = _resolve_paths(value, folder, here)
        elif here in PATH_KEYS and isinstance(value, str | Path):
            resolved[key] = (folder / value).resolve()
        elif here == ("ingest", "mapping") and value is not None:
            resolved[key] = find_mapping(str(value), folder)
        elif here == ("ingest", "sources"):
            resolved[key] = tuple(s if is_source_name(s) else str((folder / s).resolve()) for s in value)
        else:
            resolved[key] = value
    return resolved


def find_mapping(name: str, folder: Path) -> Path:
    """Return the mapping file for `name`: a shipped mapping, or a path relative to `folder`.

    Raises
    ------
    SettingsError
        There is neither; the message lists the shipped mappings.
    """
    shipped = CONFIGS / "mappings" / f"{name}.yaml"
    candidates = [shipped] if Path(name).suffix == "" else [folder / name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    names = sorted(p.stem for p in (CONFIGS / "mappings").glob("*.yaml"))
    raise SettingsError(
        f"mapping {name!r}: not found; shipped are {', '.join(names)}, or give the path of a .yaml file"
    )


def _partners(to: Iterable[str], recipients: Iterable[Mapping[str, Any]]) -> PartnersSettings:
    return PartnersSettings(tuple(to), tuple(Partner(**recipient) for recipient in recipients))


def _check_types(section: str, expected: type, values: Mapping[str, Any]) -> None:
    """Raise SettingsError if a value has the wrong type, such as a number instead of text."""
    kinds: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
    for field in dataclasses.fields(expected):
        value = values.get(field.name)
        allowed = kinds.get(field.type)
        if field.name in values and allowed and (not isinstance(value, allowed) or isinstance(value, bool)):
            raise SettingsError(f"{section}.{field.name}={value!r}: expected {_TYPE_NAMES[field.type]}")


_TYPE_NAMES: dict[Any, str] = {int: "a whole number", float: "a number", str: "text"}


def _build(values: Mapping[str, Any]) -> Settings:
    for field in dataclasses.fields(Settings):
        if dataclasses.is_dataclass(field.type):
            _check_types(field.name, field.type, values[field.name])  # type: ignore[arg-type]
    if not isinstance(values["seed"], int):
        raise SettingsError(f"seed={values['seed']!r}: expected a whole number")
    force = dict(values["force"])
    force["areas"] = AreasSettings(**force["areas"])
    force["staffing"] = StaffingSettings(**force["staffing"])
    try:
        return Settings(
            seed=values["seed"],
            force=ForceSettings(**force),
            ingest=IngestSettings(**values["ingest"]),
            store=StoreSettings(**values["store"]),
            places=PlacesConfig(**values["places"]),
            people=PeopleConfig(**values["people"]),
            forecast=ForecastConfig(**values["forecast"]),
            markets=MarketsConfig(**values["markets"]),
            allocation=AllocationConfig(**values["allocation"]),
            crackdowns=CrackdownsConfig(**values["crackdowns"]),
            benefit=BenefitConfig(**values["benefit"]),
            promises=PromisesConfig(**values["promises"]),
            visits=VisitsConfig(**values["visits"]),
            notices=NoticesConfig(**values["notices"]),
            audits=AuditsConfig(**values["audits"]),
            publication=PublicationSettings(**values["publication"]),
            kafka=KafkaSettings(**values["kafka"]),
            sources=values["sources"],
            partners=_partners(**values["partners"]),
            stream=StreamSettings(**values["stream"]),
            schedule=ScheduleSettings(**values["schedule"]),
        )
    except (TypeError, ValueError) as error:
        raise SettingsError(f"configuration: {error}") from error
