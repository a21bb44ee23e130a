"""The times that formats embed are those of the run, so that the files of one run are byte-identical."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyogrio

EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a ZIP archive can hold


@contextmanager
def clock_of_gdal(now: pd.Timestamp) -> Iterator[None]:
    """Set GDAL's timestamps to the run's time, so that the files of one run are byte-identical.

    A GeoPackage is not flushed to the disk layer by layer either: it is complete before it is moved into place.
    """
    options = {"OGR_CURRENT_DATE": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def write_archive(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a ZIP archive of `members`, content by name, without the times and rights of files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), content, zipfile.ZIP_DEFLATED)
    return path
