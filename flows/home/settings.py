"""Settings: default file, chosen file, environment, flag, in that order; frozen, typed, unknown keys refused."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from flows.home.log import LogSettings
from models.forecast.forecast import ForecastConfig
from models.governance.audits import AuditsConfig
from models.governance.notice_drafts import NoticesConfig
from models.governance.setting_bounds import check_bounds
from models.operations.allocation import AllocationConfig
from models.operations.benefit import BenefitConfig
from models.operations.crackdowns import CrackdownsConfig
from models.operations.promises import PromisesConfig
from models.operations.shifts import Shift, read_shifts
from models.operations.visits import VisitsConfig
from models.outcomes.unit_costs import UnitCost, unit_cost_of
from models.people_scores.config import PeopleConfig
from models.places.address_piles import AddressPilesConfig
from models.places.markets import MarketsConfig
from models.places.quality_checks import QualityConfig
from models.places.ranking import PlacesConfig
from models.users.roles import ROLES
from pipeline.errors import SettingsError
from pipeline.given_yaml import read_given_yaml
from pipeline.map_link import base_map_at, check_map_link
from pipeline.messages.mail import MailSettings
from pipeline.messages.partners import Partner
from pipeline.privacy.short_ids import SOURCE_IDS
from pipeline.sources.registry import is_source_name, settings_type
from pipeline.typed_sections import Sections, build_typed, checked_keys
from pipeline.users.oidc import OidcSettings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
# The keys of `geo.layers.FORMATS`, whose libraries are heavy; a test holds them to each other.
LAYER_FORMATS = ("geopackage", "geoparquet", "geojson", "flatgeobuf", "filegdb", "pmtiles", "shapefile")
STORE_ENGINES = ("duckdb", "postgresql")
ENVIRONMENT_PREFIX = "HARMSPOT__"
FIGURE_COLUMNS = {"residents": "residents_column", "street_km": "street_km_column"}  # figure of an area → its setting


def find_mapping(name: str, folder: Path) -> Path:
    """Return the mapping file for `name`: a shipped mapping, or a path relative to `folder`.

    Raises
    ------
    SettingsError
        There is neither; the message lists the shipped mappings.
    """
    shipped = CONFIGS / "mappings"
    file = folder / name if Path(name).suffix else shipped / f"{name}.yaml"
    if not file.is_file():
        names = sorted(path.stem for path in shipped.glob("*.yaml"))
        raise SettingsError(
            f"mapping {name!r}: not found; shipped are {', '.join(names)}, or give the path of a .yaml file"
        )
    return file.resolve()


def _locate_source(source: str, folder: Path) -> str:
    return source if is_source_name(source) else str((folder / source).resolve())


def _locate_certificates(security: Mapping[Any, Any], folder: Path) -> dict[Any, Any]:
    """Return the options of the Kafka client with absolute paths of certificates and keys."""

    def is_file(name: Any, value: Any) -> bool:
        return isinstance(value, str) and bool(re.fullmatch("ssl_(ca|cert|key|crl)file", str(name)))

    return {name: (folder / value).resolve() if is_file(name, value) else value for name, value in security.items()}


def _require_from(section: str, settings: Any, **least: float) -> None:
    for key, bound in least.items():
        value = getattr(settings, key)
        if not value >= bound:
            raise SettingsError(f"{section}.{key}={value!r}: expected at least {bound:g}")


@dataclass(frozen=True, slots=True)
class AreaFile:
    """A boundary file and how its areas are read; the defaults are those of the main set in `configs/default.yaml`."""

    path: Path | None
    layer: str | None = None
    id_column: str = "area_id"
    name_column: str | None = None
    version: str | int | float | date = "1"  # as YAML reads it without quotes
    note: str | None = None
    residents_column: str | None = None
    street_km_column: str | None = None

    @property
    def figures(self) -> dict[str, str]:
        """The columns of figures of an area that the file has, by figure."""
        columns = {name: getattr(self, setting) for name, setting in FIGURE_COLUMNS.items()}
        return {name: column for name, column in columns.items() if column is not None}

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides the figures of a run, besides the content of the file; what the main set is called does not."""
        names = [field.name for field in dataclasses.fields(self) if field.name not in ("path", "set", "further")]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class FurtherAreas(AreaFile):
    """A further set of areas, which is ranked and drawn by itself."""

    top_k: int | None = None  # size of its target list; None takes places.top_k


def _further_areas(name: str) -> type:
    """Return the section of a further set; its name must be a word that an environment variable can hold, too."""
    if not (isinstance(name, str) and name.isidentifier() and name == name.lower()):
        raise ValueError("expected a name of small letters, digits and _ that begins with a letter, such as beat")
    return FurtherAreas


@dataclass(frozen=True, slots=True)
class AreasSettings(AreaFile):
    """Where the areas to rank come from: the main set, and further sets by name."""

    set: str = "area"
    further: Annotated[Mapping[str, FurtherAreas], Sections(_further_areas)] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, areas in self.further.items():
            key = f"force.areas.further.{name}"
            if name in (self.set, "area", "point_of_interest"):  # the last two name other shapes in table map_shape
                raise SettingsError(f"{key}: {name!r} is the name of other shapes; choose another name for the set")
            if areas.path is None:
                raise SettingsError(f"{key}.path is not set; name the boundary file of {name!r}, or leave the set out")
            if areas.top_k is not None:
                _require_from(key, areas, top_k=1)


@dataclass(frozen=True, slots=True)
class StaffingSettings:
    """Officer hours of the areas that no staffing event covers."""

    path: Path | None
    assumed_total_hours_per_day: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class PlaceNamesSettings:
    """Where the names of places come from: lines, points or outlines with a name, or a table of named points."""

    path: Path | None
    layer: str | None
    name_column: str
    x_column: str
    y_column: str
    crs: str | int
    within_m: float

    def __post_init__(self) -> None:
        _require_from("force.place_names", self, within_m=0)


@dataclass(frozen=True, slots=True)
class ForceSettings:
    """The police force: name, time zone, coordinate system, areas and reference files."""

    name: str
    time_zone: str
    crs: str | int | None
    areas: AreasSettings
    points_of_interest: Path | None
    points_of_interest_layer: str | None
    institutions: Path | None
    staffing: StaffingSettings
    fidelity: Path
    equity_shares: Path | None
    harm_matrix: Path
    substances: Path
    shifts: Mapping[str, str]
    language: str
    place_names: PlaceNamesSettings
    map_link: str
    messages: Path | None
    unit_costs: Annotated[Mapping[str, UnitCost], Sections(unit_cost_of)]

    def __post_init__(self) -> None:
        self._check_language()
        try:
            check_map_link(self.map_link)
        except ValueError as error:
            raise SettingsError(f"force.map_link: {error}") from error
        try:
            read_shifts(self.shifts)
        except ValueError as error:
            raise SettingsError(f"force.shifts: {error}") from error
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsError(
                f"force.time_zone={self.time_zone!r}: expected an IANA zone such as 'Europe/London'"
            ) from error

    def _check_language(self) -> None:
        """Raise SettingsError if there are no texts in the language; what a file of messages says is read when used."""
        shipped = ("en", "es")  # a test compares them with the catalogues
        if self.language not in shipped and self.messages is None:
            raise SettingsError(
                f"force.language={self.language!r}: there are texts in {' and '.join(shipped)}; choose one of them, or "
                "write them in this language and name the file as force.messages: python -m pipeline.wording template"
            )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def day_shifts(self) -> tuple[Shift, ...]:
        """The shifts in their order."""
        return read_shifts(self.shifts)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How events are ingested; `sources` are read at the start of every daily run, unless they are unreachable."""

    sources: tuple[Annotated[str, _locate_source], ...]
    mapping: Annotated[Path | None, find_mapping]
    mappings: tuple[Annotated[Path, find_mapping], ...]
    codebook: Path
    batch_size: int
    future_tolerance_minutes: float
    when_unreachable: str

    def __post_init__(self) -> None:
        if self.when_unreachable not in ("refuse", "publish"):
            raise SettingsError(f"ingest.when_unreachable={self.when_unreachable!r}: expected refuse or publish")
        _require_from("ingest", self, batch_size=1, future_tolerance_minutes=0)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the store is kept, and how long a process waits for it, in seconds."""

    engine: str
    address: str | None
    password_file: Path | None
    wait_s: float

    def __post_init__(self) -> None:
        _require_from("store", self, wait_s=0)
        if self.engine not in STORE_ENGINES:
            raise SettingsError(f"store.engine={self.engine!r}: expected one of {', '.join(STORE_ENGINES)}")
        if self.engine == "postgresql" and self.address is None:
            raise SettingsError(
                "store.address is not set; with store.engine: postgresql, name the database, such as "
                "postgresql://harmspot@db.example/harmspot"
            )


@dataclass(frozen=True, slots=True)
class PublicationSettings:
    """The number of runs kept, the days for which their rows may be used, and what becomes of sources' ids."""

    history_runs: int
    valid_days: int
    people_valid_days: int
    source_ids: str

    def __post_init__(self) -> None:
        if self.source_ids not in SOURCE_IDS:
            raise SettingsError(f"publication.source_ids={self.source_ids!r}: expected one of {', '.join(SOURCE_IDS)}")
        _require_from("publication", self, history_runs=1, valid_days=1, people_valid_days=1)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """Days for which the store keeps each category; None keeps it. `harmspot retain` drops what is older."""

    people_days: int | None
    incidents_days: int | None
    shifts_days: int | None
    messages_days: int | None
    dead_letters_days: int | None

    def __post_init__(self) -> None:
        for key, least in {"shifts_days": 400, "messages_days": 365, "dead_letters_days": 1}.items():
            if getattr(self, key) is not None:
                _require_from("retention", self, **{key: least})

    def refuse_less_than(self, reach_days: int) -> None:
        """Raise SettingsError if a run would read what retention drops."""
        for key in ("people_days", "incidents_days"):
            if (days := getattr(self, key)) is not None and days < reach_days:
                raise SettingsError(
                    f"retention.{key}={days}: runs read {reach_days} days back. Keep it for as long, or shorten what "
                    "they read: people.window_days, forecast.history_days, places.window_days, markets.window_weeks"
                )


@dataclass(frozen=True, slots=True)
class LayersSettings:
    """The formats of the map layers; the GeoPackage is always written, because the project shows it."""

    formats: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in LAYER_FORMATS]
        if unknown:
            raise SettingsError(
                f"layers.formats: {unknown[0]!r} is unknown; expected some of {', '.join(LAYER_FORMATS)}"
            )


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The brokers and topics; `security` is passed to the client unchanged and never shown."""

    bootstrap_servers: str
    topic_prefix: str
    security: Annotated[Mapping[str, Any], _locate_certificates] = dataclasses.field(repr=False)


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
    """The schedule of the deployments, as cron lines in the force's time zone, and what follows a daily run."""

    daily: str
    late: str
    late_runs: int
    brief: bool

    def __post_init__(self) -> None:
        _require_from("schedule", self, late_runs=1)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The board: who may read its map service (whoever reaches it if `is_map_open`), base map, identity provider."""

    is_map_open: bool
    base_map: Annotated[str | None, base_map_at]
    oidc: OidcSettings

    def __post_init__(self) -> None:
        for value, role in self.oidc.roles.items():
            if role not in ROLES:
                raise SettingsError(f"web.oidc.roles.{value}={role!r}: expected one of {', '.join(ROLES)}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run."""

    seed: int
    force: ForceSettings
    ingest: IngestSettings
    store: StoreSettings
    quality: QualityConfig
    places: PlacesConfig
    address_piles: AddressPilesConfig
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
    retention: RetentionSettings
    layers: LayersSettings
    kafka: KafkaSettings
    sources: Annotated[Mapping[str, Any], Sections(settings_type)]  # by name of the source
    partners: PartnersSettings
    stream: StreamSettings
    schedule: ScheduleSettings
    mail: MailSettings
    web: WebSettings
    log: LogSettings

    def __post_init__(self) -> None:
        per, areas = self.places.per, self.force.areas
        for key, file in {"force.areas": areas, **_further_keys(areas)}.items():
            if per in FIGURE_COLUMNS and file.path is not None and per not in file.figures:
                raise SettingsError(
                    f"places.per={per!r}: {key}.{FIGURE_COLUMNS[per]} is not set; name the column of its boundary "
                    "file, or rank by total or area_km2"
                )
        self.retention.refuse_less_than(self.reach_days)

    @property
    def reach_days(self) -> int:
        """How many days before its as_of a run reads: the longest window, and a day for the time zone."""
        windows = (
            self.people.window_days,
            self.places.learning_days,
            self.forecast.history_days,
            7 * self.markets.window_weeks,
        )
        return max(windows) + 1

    def identity(self) -> str:
        """Return a hash of all settings that can change a run's content; files are hashed elsewhere, by content."""
        force = self.force
        deciding = {
            "force": [force.name, force.time_zone, force.crs, force.points_of_interest_layer, force.staffing.note],
            "shifts": dict(force.shifts),
            "place_names": {**dataclasses.asdict(force.place_names), "path": None},  # the file by its content
            "assumed_hours": force.staffing.assumed_total_hours_per_day,
            "areas": force.areas.deciding,
            "unit_costs": {name: dataclasses.asdict(cost) for name, cost in sorted(force.unit_costs.items())},
            "further_areas": {name: further.deciding for name, further in force.areas.further.items()},
            **{
                section.name: dataclasses.asdict(getattr(self, section.name))
                for section in dataclasses.fields(self)
                if section.name not in NOT_DECIDING
            },
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _further_keys(areas: AreasSettings) -> dict[str, AreaFile]:
    return {f"force.areas.further.{name}": file for name, file in areas.further.items()}


# Sections that cannot change a run's content; RunIdentity adds the seed, and identity() the rest of `force`.
NOT_DECIDING = (
    "seed",
    "force",
    "ingest",
    "store",
    "audits",
    "retention",
    "layers",
    "kafka",
    "sources",
    "partners",
    "stream",
    "schedule",
    "web",
    "mail",
    "log",
)


def load_settings(config_file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Merge the default file, `config_file` and the environment into settings.

    Raises
    ------
    SettingsError
        A file is unreadable, a key is unknown (the nearest known key is named) or a value is out of range.
    """
    default_file = CONFIGS / "default.yaml"
    values = checked_keys(Settings, _read_yaml(default_file), default_file.parent, str(default_file))
    if config_file is not None:
        chosen = checked_keys(Settings, _read_yaml(config_file), config_file.resolve().parent, str(config_file))
        values = _merged(values, chosen)
    for name, text in sorted(environment.items()):
        _refuse_single_underscore(name)
        if name.startswith(ENVIRONMENT_PREFIX):
            override = _nested(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), _yaml_or_text(text))
            values = _merged(values, checked_keys(Settings, override, Path.cwd(), f"environment variable {name}"))
    if environment.get("KAFKA_BOOTSTRAP_SERVERS"):
        values["kafka"]["bootstrap_servers"] = environment["KAFKA_BOOTSTRAP_SERVERS"]
    try:
        settings: Settings = build_typed(Settings, values)
        check_bounds(settings)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"configuration: {error}") from error
    return settings


def _refuse_single_underscore(name: str) -> None:
    """Raise SettingsError if a variable looks like a setting and is none, as HARMSPOT_FORCE_NAME does."""
    words = name.removeprefix("HARMSPOT_").lower().split("_")
    sections = {item.name for item in fields(Settings)}
    section = next((found for n in range(len(words), 0, -1) if (found := "_".join(words[:n])) in sections), None)
    if name.startswith("HARMSPOT_") and section:
        parts = [section, "_".join(words)[len(section) :].strip("_")]
        meant = "__".join(filter(None, parts)).upper()
        raise SettingsError(
            f"environment variable {name} sets nothing; two underscores stand before each part of a setting, such as "
            f"{ENVIRONMENT_PREFIX}{meant}"
        )


def _yaml_or_text(text: str) -> Any:
    """Return the value of a variable; text that is not YAML, such as the cron line `* * * * *`, is returned as is."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = read_given_yaml(path)
    except OSError as error:
        raise SettingsError(f"configuration {path}: {error.strerror}; give an existing file with --config") from error
    except ValueError as error:
        raise SettingsError(f"configuration {path}: not readable as YAML: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"configuration {path}: expected sections such as `force:`, found {type(content).__name__}")
    return content


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
