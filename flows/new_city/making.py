"""From a file to the files of a new city, and on into its store."""

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from flows.home.force import Force, box_of, hash_of
from flows.home.home import Home
from flows.home.settings import CONFIGS, AreaFile, load_settings
from flows.ingest.dead_letters import UNCHECKED_WORD, UNKNOWN_WORD
from flows.ingest.load_report import LoadReport, load_and_report
from flows.new_city.checks import Check, checks
from flows.new_city.city import Ask, City, Wishes, look_at, slug_of
from flows.new_city.offence_words import KnownWords, read_known_words
from flows.new_city.table import open_table
from flows.new_city.writing import CityFiles, write_city
from models.places.axes import codebook_axes
from pipeline.errors import SourceError
from pipeline.events.batch import BatchCounts
from pipeline.events.codebook import read_codebook


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for."""

    file: Path
    areas: Path | None
    out: Path
    wishes: Wishes
    is_overwriting: bool = False
    is_only_writing: bool = False


@dataclass(frozen=True, slots=True)
class NewCity:
    """A city whose files are written."""

    city: City
    files: CityFiles
    written: tuple[Path, ...]
    checks: tuple[Check, ...]


def make_city(request: Request, home: Home, ask: Ask) -> NewCity:
    """Look at a file, ask what is not sure, and write the files of its city.

    Parameters
    ----------
    request : Request
        The file, and what a person says beforehand.
    home : Home
        The home that the city gets; of a city that is only written, it gives the clock.
    ask : Ask
        Asks a question; without a terminal it returns the default.

    Raises
    ------
    SourceError
        The file cannot be read or lacks what nothing replaces, files of the city exist and may not be overwritten, or
        the home holds another city. Nothing is written.
    SettingsError
        The home is of another force.
    """
    slug = slug_of(request.file)
    files = CityFiles.of(slug, request.out)
    if not request.is_only_writing:
        _refuse_other_configuration(files, home)
    _refuse_overwriting(files, request, ask)
    settings = load_settings()
    book = read_codebook(settings.ingest.codebook, home.now().date(), codebook_axes())
    known = KnownWords(read_known_words(CONFIGS, book["label"]), book)
    with open_table(request.file) as table:
        city = look_at(table, request.file, request.areas, known, request.wishes, ask, home.now())
    if not request.is_only_writing:
        home.refuse_other_force(_force_of(city))
    written = write_city(city, files)
    found = checks(city, files, book["harm_days"], settings.places.weights["ratio"])
    return NewCity(city, files, tuple(written), tuple(found))


def _refuse_other_configuration(files: CityFiles, home: Home) -> None:
    other = home.remembered_config() if home.store.exists() else None
    if other is not None and other.resolve() != files.config.resolve():
        raise SourceError(f"home {home.path} is of {other}; name another home: harmspot --home DIR new-city …")


def _force_of(city: City) -> Force:
    return Force(city.name, city.time_zone, hash_of(AreaFile(city.areas.path)), box_of(city.areas.frame))


def _refuse_overwriting(files: CityFiles, request: Request, ask: Ask) -> None:
    existing = files.existing()
    if existing and not request.is_overwriting:
        names = ", ".join(path.name for path in existing)
        if ask(f"Overwrite {names} in {request.out}", "they are there already", "no").lower() not in ("y", "yes"):
            raise SourceError(f"{existing[0]} exists already; --force overwrites it, --out DIR writes elsewhere")


def first_day(city: City, home: Home) -> date:
    """Return the local day of the first run: the one after the last incident, today at the latest."""
    return min(home.today(), (pd.Timestamp(city.latest) + timedelta(days=1)).date())


def load(new: NewCity, home: Home, *, allows_outside: bool) -> LoadReport:
    """Load the file of a city into its home; raises as `load_and_report`."""
    return load_and_report(home, new.city.file, new.files.mapping, allows_outside=allows_outside)


def require_rows(new: NewCity, home: Home, counts: BatchCounts) -> None:
    """Raise SourceError if a load has stored nothing of which a run could be made."""
    if not counts.stored and not counts.duplicates:
        is_of_words = bool({UNKNOWN_WORD, UNCHECKED_WORD} & counts.dead_by_reason.keys())
        wrong = new.files.offences if is_of_words else new.files.mapping
        raise SourceError(
            f"no row of {new.city.file} was stored: {counts.text()}; correct {wrong}, then load it again: "
            f"harmspot --home {home.path} --config {new.files.config} load {new.city.file}"
        )


def is_terminal() -> bool:
    """Return whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()
