"""The force that a home is of: its name, its time zone, and the ground of its areas."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.home.file_hash import hash_of_files
from flows.home.settings import AreaFile, Settings, SettingsError

if TYPE_CHECKING:
    import geopandas as gpd

LEAST_OVERLAP = 0.5  # of the smaller of two bounding boxes; below it, two maps are of two cities

Box = tuple[float, float, float, float]  # west, south, east, north, degrees


@dataclass(frozen=True, slots=True)
class Force:
    """What tells one force from another; a force without areas has neither hash nor box."""

    name: str
    time_zone: str
    boundaries_hash: str | None = None
    box: Box | None = None

    def text(self) -> str:
        """Return name, time zone and place in words."""
        if self.box is None:
            return f"{self.name!r} ({self.time_zone}, no areas)"
        west, south, east, north = self.box
        return f"{self.name!r} ({self.time_zone}, areas in {west:.2f}..{east:.2f} E, {south:.2f}..{north:.2f} N)"

    def as_json(self) -> str:
        """Return the force as it is kept in a home."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


def force_of(settings: Settings) -> Force:
    """Return the force of the settings.

    Raises
    ------
    SettingsError
        The boundary file cannot be read.
    """
    force = settings.force
    return Force(force.name, force.time_zone, hash_of(force.areas), _box_of_file(force.areas))


def read_force(path: Path) -> Force | None:
    """Return the force kept in a file, or None if there is no such file.

    Raises
    ------
    SettingsError
        The file holds something else.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Force(**kept | {"box": kept["box"] and tuple(kept["box"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{path} says of no force; delete it, and the next run writes it anew") from None


def is_other(held: Force, found: Force) -> bool:
    """Return whether two forces are different ones.

    The same boundary file is the same force, also under a new name. A new boundary file is of the same force if the
    name stays and its bounding box shares at least half of the smaller box. Without areas, name and time zone decide.
    """
    if held.box is None or found.box is None:
        return (held.name, held.time_zone) != (found.name, found.time_zone)
    if held.boundaries_hash == found.boundaries_hash:
        return False
    return held.name != found.name or _overlap(held.box, found.box) < LEAST_OVERLAP


def hash_of(areas: AreaFile) -> str | None:
    """Return a hash of a boundary file and of the layer in it, None if there is no file; raises as `force_of`."""
    try:
        return None if areas.path is None else hash_of_files({f"layer {areas.layer or ''}": areas.path})
    except OSError as error:
        raise _unreadable(f"{areas.path}: {error.strerror}") from error


def box_of(areas: "gpd.GeoDataFrame") -> Box:
    """Return the bounding box of areas of any coordinate system."""
    west, south, east, north = areas.to_crs("EPSG:4326").total_bounds.round(6).tolist()
    return west, south, east, north


def _box_of_file(areas: AreaFile) -> Box | None:
    from geo.vector_file import read_vector_file

    if areas.path is None:
        return None
    try:
        return box_of(read_vector_file(areas.path, columns=[], layer=areas.layer, choose_with="force.areas.layer"))
    except (OSError, ValueError) as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> SettingsError:
    return SettingsError(f"force.areas cannot be used, {why}; correct force.areas.path or bring the file back")


def _overlap(one: Box, other: Box) -> float:
    """Return the common ground of two boxes as a share of the smaller one."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0 else 0.0
