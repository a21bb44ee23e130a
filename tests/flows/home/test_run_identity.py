"""The hashes of a run tell which file is what, and cover every file that can change a result."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.home.file_hash import hash_of_files
from flows.home.run_identity import PACKAGES, ROOT, code_version, hash_of_boundaries
from flows.home.settings import load_settings


def test_a_file_that_changes_its_place_changes_the_hash(tmp_path: Path) -> None:
    force = load_settings(environment={}).force
    (tmp_path / "places.geojson").write_text("places")
    as_points = replace(force, points_of_interest=tmp_path / "places.geojson")
    as_institutions = replace(force, institutions=tmp_path / "places.geojson")
    assert len({hash_of_boundaries(each) for each in (force, as_points, as_institutions)}) == 3


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", None])), st.data())
def test_equal_hashes_are_of_equal_files_in_equal_places(one: dict[str, str | None], data: st.DataObject) -> None:
    two = data.draw(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", None])))
    files = {"1": ROOT / "README.md", "2": ROOT / "CONTRIBUTING.md", None: None}

    def hashed(named: dict[str, str | None]) -> str:
        return hash_of_files({label: files[named[label]] for label in sorted(named)})

    def there(named: dict[str, str | None]) -> dict[str, str]:
        return {label: name for label, name in named.items() if name is not None}

    assert (hashed(one) == hashed(two)) == (there(one) == there(two))


def test_every_file_of_the_packages_is_in_the_version_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the template of the metadata in geo/layers, which is XML."""
    command = ["git", "ls-files", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    hashed: list[str] = []

    def note(files: Mapping[str, Path | None]) -> str:
        hashed.extend(files)
        return "hash"

    monkeypatch.setattr("flows.home.run_identity.hash_of_files", note)
    code_version.__wrapped__()
    assert "geo/layers/iso19139.xml" in listed
    assert set(listed) <= set(hashed)
