"""The files of a new city: configuration, mapping, table of offences and, where none is given, areas."""

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from flows.home.settings import load_settings
from flows.new_city.areas import Areas
from flows.new_city.city import OFFICERS_PER_AREA, City
from pipeline.complete_file import write_complete

_OFFENCE_COLUMNS = ("offence", "offence_detail", "offence_code", "discovery", "check")
_MEANING = {
    "name": "written beside every dead letter, so that a replay finds this file",
    "source": "event_source of every row",
    "skip_rows": "lines above the header",
    "time_zone": "of times without an offset",
    "precision": "instant, day or month",
    "crs": "of x and y",
    "occurred_at_format": "strptime",
    "decimal": "mark in numbers",
    "thousands": "mark in numbers",
}


@dataclass(frozen=True, slots=True)
class CityFiles:
    """Where the files of a city are written."""

    config: Path
    mapping: Path
    offences: Path
    areas: Path

    @staticmethod
    def of(slug: str, folder: Path) -> "CityFiles":
        """Return the paths for a city in a folder."""
        mapping, offences = folder / f"{slug}_mapping.yaml", folder / f"{slug}_offences.csv"
        return CityFiles(folder / f"{slug}.yaml", mapping, offences, folder / f"{slug}_areas.geojson")

    def existing(self, areas: Areas | None = None) -> list[Path]:
        """Return the files that are there already and would be overwritten."""
        written = [
            self.config,
            self.mapping,
            self.offences,
            *([self.areas] if areas is None or areas.path is None else []),
        ]
        return [path for path in written if path.exists()]


def write_city(city: City, files: CityFiles) -> list[Path]:
    """Write the files of a city, and return their paths."""
    files.config.parent.mkdir(parents=True, exist_ok=True)
    written = [files.config, files.mapping, files.offences]
    if city.areas.path is None:
        write_complete(files.areas, areas_text(city.areas).encode())
        written.append(files.areas)
    write_complete(files.offences, offences_text(city).encode())
    write_complete(files.mapping, mapping_text(city, files).encode())
    write_complete(files.config, config_text(city, files).encode())
    return written


def areas_text(areas: Areas) -> str:
    """Return areas as GeoJSON."""
    return areas.frame.to_json(drop_id=True, to_wgs84=True) + "\n"


def offences_text(city: City) -> str:
    """Return the table of offences, the commonest word first."""
    names = [
        name for name in _OFFENCE_COLUMNS if name != "offence_detail" or city.offences["offence_detail"].ne("").any()
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(city.offences[names].to_numpy().tolist())
    return text.getvalue()


def mapping_text(city: City, files: CityFiles) -> str:
    """Return the mapping, with what was seen beside every key."""
    saw = {guess.about: f"{guess.sureness}: {guess.saw}" for guess in city.guesses}
    lines = [
        f"# How {city.file.name} is read; guessed by `harmspot new-city` from its names and values. Correct it freely.",
        "",
    ]
    for key, value in city.mapping.items():
        if key == "columns":
            lines += ["", "columns:                            # ours: theirs"]
            lines += [_line(ours, theirs, saw.get(ours), indent="  ") for ours, theirs in city.columns.items()]
            lines.append("")
        else:
            lines.append(_line(key, value, saw.get(key) or _MEANING.get(key)))
    lines.append(_line("offences", files.offences.name, "a word with text in column `check` waits as dead letter"))
    return "\n".join(lines) + "\n"


def config_text(city: City, files: CityFiles) -> str:
    """Return the configuration."""
    areas = city.areas
    path = areas.path or files.areas
    hours = 24 * OFFICERS_PER_AREA * len(areas.frame)
    area_note = {
        "given": None,
        "districts": "the borders are drawn around the incidents' own districts and are not the true ones",
        "grid": f"the areas are squares of {areas.side_m} m, a grid without meaning to police",
    }[areas.kind]
    note = f"Assumed: {OFFICERS_PER_AREA} officer on duty in each area around the clock; no figures of the force."
    lines = [
        f"# {city.name}: written by `harmspot new-city` from {city.file.name}; configs/default.yaml lists every key.",
        "",
        "force:",
        _line("name", city.name, None, "  "),
        _line("time_zone", city.time_zone, None, "  "),
        "  areas:",
        _line("path", _relative(path, files.config.parent), None, "    "),
        _line("id_column", areas.id_column, None, "    "),
        *([_line("name_column", areas.name_column, None, "    ")] if areas.name_column else []),
        *([_line("note", area_note, "give true boundaries when you have them", "    ")] if area_note else []),
        "  staffing:",
        _line("assumed_total_hours_per_day", hours, "ASSUMED, split equally; set the force's own figure", "    "),
        _line("note", note, None, "    "),
        "",
        *_list_size(len(areas.frame)),
        "ingest:",
        _line("mapping", files.mapping.name, None, "  "),
    ]
    return "\n".join(lines) + "\n"


def _list_size(area_count: int) -> list[str]:
    """Return the lines that give few areas a target list that chooses among them: half of them, not all."""
    if area_count > load_settings(environment={}).places.top_k:
        return []
    comment = f"size of the target list: half of the {area_count} areas; a list of all would choose nothing"
    return ["places:", _line("top_k", max(area_count // 2, 1), comment, "  "), ""]


def _line(key: str, value: object, comment: str | None, indent: str = "") -> str:
    # Every JSON text is YAML.
    text = f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
    return f"{text:<40} # {comment}" if comment else text


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder.resolve())
