"""A new city: all that is guessed about its file, put together into what a mapping and a configuration say."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd

from flows.new_city.areas import Areas, draw_districts, read_given, square_grid
from flows.new_city.columns import Found, find_columns
from flows.new_city.guess import Guess
from flows.new_city.offence_words import KnownWords, offence_table
from flows.new_city.places import Located, Marks, locate, number_marks, numbers, split_points, zone_of
from flows.new_city.table import Table
from flows.new_city.times import latest_time
from pipeline.errors import SourceError

Ask = Callable[[str, str, str], str]  # (question, what was seen, default) → answer; without a terminal the default
MOST_DISTRICTS = 80  # more values of the district column give no ranking; then a grid
LEAST_AGREEMENT = 0.7  # of incidents with the district drawn around them; below it the column says nothing of the place
OFFICERS_PER_AREA = 1  # ASSUMED: on duty around the clock
_FILLING_WORDS = (
    r"\d+|incidents?|crimes?|offen[cs]es?|data|export|police|open|full|all|csv|reports?|complaints?|rows|cases?|to|from"
    r"|present|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec"
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says beforehand; None is found out."""

    name: str | None = None
    time_zone: str | None = None
    crs: str | None = None
    columns: dict[str, str] = field(default_factory=dict)  # ours → theirs


@dataclass(frozen=True, slots=True)
class City:
    """All that the written files say about a file of incidents."""

    slug: str
    name: str
    file: Path
    rows: int
    found: Found
    areas: Areas
    offences: pd.DataFrame = field(repr=False)  # see offence_words.offence_table
    time_zone: str
    mapping: dict[str, object]
    guesses: tuple[Guess, ...]
    latest: pd.Timestamp  # local time of the last incident
    share_inside: float | None = None  # of points in an area
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, str | list[str]]:
        """Our columns and theirs, as the mapping names them."""
        return self.mapping["columns"]  # type: ignore[return-value]


def slug_of(file: Path) -> str:
    """Return a short name for a file's city: `Riverton_incidents_2024.csv` → `riverton`."""
    words = [word for word in re.split(r"[^a-z0-9]+", file.name.split(".")[0].lower()) if word]
    telling = [word for word in words if not re.fullmatch(_FILLING_WORDS, word)]
    return "_".join(telling or words) or "city"


def look_at(
    table: Table, file: Path, areas_file: Path | None, known: KnownWords, wishes: Wishes, ask: Ask, now: datetime
) -> City:
    """Guess everything about a file, and ask where a guess is not sure.

    Parameters
    ----------
    table : Table
        The file's rows.
    file : pathlib.Path
        Its path.
    areas_file : pathlib.Path or None
        Boundaries of the areas.
    known : KnownWords
        The offence words that are known.
    wishes : Wishes
        What a person said beforehand.
    ask : Ask
        Asks a question.
    now : datetime
        Later times are slips of the file.

    Raises
    ------
    SourceError
        Something that nothing else replaces cannot be found: a time, an offence, a place, a time zone, a coordinate
        system. The message names the option that gives it.
    """
    if not table.rows:
        raise SourceError(f"{file}: no rows; give a file with incidents")
    found = _asked_columns(table, known, wishes, ask)
    _require(found, file, table)
    found = _asked_order(found, ask)
    given = read_given(areas_file, table.sample) if areas_file else None
    marks = _marks(table.sample, found)
    located = _located(table, found, given, marks, wishes, ask, file)
    zone = _time_zone(located, given, wishes, ask, file)
    areas = given or _areas_without_file(table, found, located, ask, file)
    offences = offence_table(_words(table, found), known)
    slug = slug_of(file)
    name = ask("Name of the force", "from the file's name", wishes.name or slug.replace("_", " ").title())
    same_id = _same_id(table, found)
    guesses = [*found.guesses.values(), _place_guess(found, located), zone, _area_guess(areas), *same_id[1]]
    mapping = _mapping(slug, file, found, located, zone.value, marks, areas, table) | same_id[0]
    latest = latest_time(table.connection, found.columns["occurred_at"], found.times["occurred_at"], now)
    kept = tuple(guess for guess in guesses if guess is not None)
    inside = located.share_inside if located else None
    return City(
        slug, name, file, table.rows, found, areas, offences, zone.value, mapping, kept, latest, inside, table.notes
    )


def _asked_columns(table: Table, known: KnownWords, wishes: Wishes, ask: Ask) -> Found:
    for theirs in wishes.columns.values():
        if theirs and theirs not in table.sample:
            raise SourceError(f"--column: no column {theirs!r}; there are {', '.join(map(repr, table.sample))}")
    found = find_columns(table, known, wishes.columns)
    there = ", ".join(table.types)
    changed: dict[str, str] = {}
    for ours in _NEEDED:
        if ours not in found.columns and (answer := ask(f"Column of {ours}", f"none looks like it among {there}", "")):
            changed[ours] = answer
    for ours, guess in found.guesses.items():
        if guess.sureness != "sure" and ours not in wishes.columns and len(found.columns[ours]) == 1:
            answer = ask(f"Column of {ours}, or none", f"{guess.sureness}: {guess.saw}", guess.value)
            if answer != guess.value:
                changed[ours] = answer if answer in table.types else ""
    return find_columns(table, known, wishes.columns | changed) if changed else found


def _require(found: Found, file: Path, table: Table) -> None:
    for ours, what in _NEEDED.items():
        if ours not in found.columns:
            raise SourceError(
                f"{file}: no column looks like {what}; name it with --column {ours}=NAME. "
                f"The columns are {', '.join(map(repr, table.types))}"
            )


_NEEDED = {"occurred_at": "the time of the incident", "offence": "the words of the offence"}


def _asked_order(found: Found, ask: Ask) -> Found:
    form = found.times["occurred_at"]
    if form.is_ambiguous and form.pattern:
        from dataclasses import replace

        from flows.new_city.times import other_order

        saw = f"no day or month above 12; read as {form.pattern} the incidents span the shorter time"
        answer = ask("Pattern of occurred_at", saw, form.pattern)
        if answer == other_order(form.pattern):
            found.times["occurred_at"] = replace(form, pattern=answer, latest=None)
    return found


def _marks(sample: pd.DataFrame, found: Found) -> Marks:
    return number_marks(sample[found.columns["x"][0]]) if "x" in found.columns else Marks()


def _points(sample: pd.DataFrame, found: Found, marks: Marks) -> pd.DataFrame | None:
    if "point" in found.columns:
        return split_points(sample[found.columns["point"][0]])
    if "x" in found.columns:
        return pd.DataFrame({at: numbers(sample[found.columns[at][0]], marks) for at in ("x", "y")})
    return None


def _located(
    table: Table, found: Found, given: Areas | None, marks: Marks, wishes: Wishes, ask: Ask, file: Path
) -> Located | None:
    points = _points(table.sample, found, marks)
    if points is None or points.dropna().empty:
        if given is None or given.matches_column is None:
            raise SourceError(
                f"{file}: no column looks like a point (x and y, longitude and latitude, POINT (x y)), and none holds "
                "ids of areas of a given file; name them with --column x=NAME --column y=NAME, or give AREAS"
            )
        return None
    frame = given.frame if given else None
    located = locate(points, frame, wishes.crs or table.crs)
    if located is not None:
        return located
    if given is not None and points.abs().max().max() <= 180:
        raise SourceError(f"{file}: none of its points lies in an area of {given.path}; are these its areas?")
    first = points.dropna().iloc[0]
    saw = f"they are no degrees: {first['x']:.0f}, {first['y']:.0f}"
    answer = "" if wishes.crs else ask("Coordinate system of the points", saw, "")
    located = locate(points, frame, answer) if answer else None
    if located is None:
        raise SourceError(
            f"{file}: the points are no degrees and fall into no area under any coordinate system that is used there; "
            "name theirs with --crs, such as --crs EPSG:2272, or give AREAS in which they lie"
        )
    return located


def _time_zone(located: Located | None, given: Areas | None, wishes: Wishes, ask: Ask, file: Path) -> Guess:
    if wishes.time_zone:
        return Guess("time_zone", wishes.time_zone, "as given", "sure")
    points = located.points if located is not None else _middles(given.frame if given else None)
    seen = None if points is None else zone_of(points)
    if seen is None or seen[0].startswith("Etc/"):
        answer = ask("Time zone of the times", "no point or area tells it", "")
        if not answer:
            raise SourceError(f"{file}: nothing tells the time zone; name it with --time-zone, such as Europe/London")
        return Guess("time_zone", answer, "as answered", "sure")
    zone, share = seen
    saw = f"{share:.0%} of a sample of {'points' if located is not None else 'areas'} lie in it"
    guess = Guess("time_zone", zone, saw, "sure" if share >= 0.95 else "likely" if share >= 0.8 else "check")
    answer = zone if guess.sureness == "sure" else ask("Time zone of the times", saw, zone)
    return guess if answer == zone else Guess("time_zone", answer, "as answered", "sure")


def _middles(frame: gpd.GeoDataFrame | None) -> pd.DataFrame | None:
    if frame is None:
        return None
    middles = frame.to_crs("EPSG:4326").geometry.representative_point()
    return pd.DataFrame({"lon": middles.x, "lat": middles.y})


def _areas_without_file(table: Table, found: Found, located: Located | None, ask: Ask, file: Path) -> Areas:
    if located is None or len(located.points) < 20:
        raise SourceError(f"{file}: too few points to make areas of; give AREAS, a file of boundaries")
    if "area_id" in found.columns:
        [column] = found.columns["area_id"]
        districts = table.sample[column].reindex(located.points.index)
        if 3 <= districts.nunique() <= MOST_DISTRICTS:
            drawn = draw_districts(located.points, districts)
            question = f"Areas from column {column}, or a grid"
            if drawn.agreement >= LEAST_AGREEMENT and ask(question, drawn.saw, column) == column:
                return drawn
    return square_grid(located.points)


def _words(table: Table, found: Found) -> pd.DataFrame:
    columns = [found.columns[ours][0] for ours in ("offence", "offence_detail") if ours in found.columns]
    words = table.words(columns)
    words.columns = pd.Index([*("offence", "offence_detail")[: len(columns)], "count"])
    return words if len(columns) == 2 else words.assign(offence_detail="")


def _same_id(table: Table, found: Found) -> tuple[dict[str, object], list[Guess]]:
    """Return what equal ids mean, as keys of the mapping, with what was seen."""
    if "incident_id" not in found.columns:
        saw = "no column identifies rows; a hash of the row does, and equal rows are told apart by their order"
        return {"blank_id": "hash"}, [Guess("blank_id", "hash", saw, "likely")]
    [column] = found.columns["incident_id"]
    blank, repeated, different = table.repeats(column)
    keys: dict[str, object] = {}
    guesses = []
    if blank:
        keys["blank_id"] = "hash"
        guesses.append(Guess("blank_id", "hash", f"{blank:,} rows without an id", "likely"))
    if different and "updated_at" not in found.columns:
        keys["same_id"] = "gravest"
        saw = f"{different:,} rows repeat another's id with other content: several offences or people of one incident"
        guesses.append(Guess("same_id", "gravest", saw, "likely"))
    elif repeated:
        guesses.append(Guess("incident_id", column, f"{repeated:,} rows repeat an id", "likely"))
    return keys, guesses


def _place_guess(found: Found, located: Located | None) -> Guess | None:
    if located is None:
        return None
    saw = "degrees" if located.crs == "EPSG:4326" else "by the areas into which the points fall"
    if located.share_inside is not None:
        saw += f"; {located.share_inside:.1%} of points lie in an area"
    if located.is_swapped:
        saw += "; the axes are swapped: x holds what y says"
    if located.rivals:
        saw += f"; {', '.join(located.rivals[:4])} fit as well, some metres apart"
    is_sure = located.share_inside is None or located.share_inside > 0.9
    return Guess("crs", located.crs, saw, "sure" if is_sure and not located.is_swapped else "check")


def _area_guess(areas: Areas) -> Guess:
    return Guess("areas", areas.kind, areas.saw, "sure" if areas.kind == "given" else "check")


def _mapping(
    slug: str,
    file: Path,
    found: Found,
    located: Located | None,
    zone: str,
    marks: Marks,
    areas: Areas,
    table: Table,
) -> dict[str, object]:
    """Return the keys of the mapping, in the order in which they are written."""
    columns = {ours: theirs[0] if len(theirs) == 1 else list(theirs) for ours, theirs in found.columns.items()}
    area_column = areas.matches_column if areas.kind == "given" else columns.get("area_id")
    columns.pop("area_id", None)
    if area_column and areas.kind != "grid":
        columns["area_id"] = area_column
    if located is not None and located.is_swapped and "x" in columns:
        columns["x"], columns["y"] = columns["y"], columns["x"]
    keys: dict[str, object] = {
        "name": slug,
        "about": f"Incidents of {file.name}",
        "source": slug.replace("_", "-"),
        "columns": {ours: columns[ours] for ours in ORDER if ours in columns},
    }
    keys |= {"skip_rows": table.skip_rows} if table.skip_rows else {}
    for ours, form in found.times.items():
        if ours in columns and form.pattern is not None:
            keys[f"{ours}_format"] = form.pattern
    keys |= {"time_zone": zone, "precision": found.times["occurred_at"].precision}
    keys |= {"crs": located.crs} if located is not None else {}
    keys |= {"decimal": marks.decimal} if marks.decimal != "." else {}
    keys |= {"thousands": marks.thousands} if marks.thousands else {}
    ids = [ours for ours in ("incident_id", "area_id") if ours in columns]
    numeric = [ours for ours in ids if _is_numeric(table.sample, columns[ours])]
    return keys | ({"numeric": numeric} if numeric else {})


def _is_numeric(sample: pd.DataFrame, column: str | list[str]) -> bool:
    """Return whether a column's texts are numbers of which some end in `.0`: 12345 and 12345.0 are one id."""
    texts = sample[column].dropna() if isinstance(column, str) else pd.Series(dtype="object")
    return bool(len(texts)) and bool(texts.str.fullmatch(r"\d+(\.0)?").all()) and bool(texts.str.endswith(".0").any())


ORDER = (
    *(
        "incident_id",
        "occurred_at",
        "occurred_to",
        "offence",
        "offence_detail",
        "x",
        "y",
        "point",
        "area_id",
        "reported_at",
    ),
    *("updated_at", "domestic"),
)
