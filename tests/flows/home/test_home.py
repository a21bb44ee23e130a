"""A home records the configuration it was created with, and reports if it is missing."""

from pathlib import Path

import pytest

from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.settings import SettingsError
from flows.home.store_access import open_home_store


def write_config(path: Path, name: str) -> Path:
    path.write_text(f'force: {{name: "{name}"}}\n', encoding="utf-8")
    return path


def test_a_home_remembers_its_configuration(tmp_path: Path) -> None:
    said: list[str] = []
    config = write_config(tmp_path / "force.yaml", "Northshire")
    Home(tmp_path / "home", config, progress=said.append).ensure().remember()
    assert Home(tmp_path / "home").settings.force.name == "Northshire"
    assert any("remembers its configuration" in text for text in said)


def test_a_named_configuration_overrides_the_remembered_one_and_takes_its_place(tmp_path: Path) -> None:
    Home(tmp_path / "home", write_config(tmp_path / "old.yaml", "Old"), progress=print).ensure().remember()
    other = Home(tmp_path / "home", write_config(tmp_path / "new.yaml", "New"), progress=print)
    assert other.settings.force.name == "New"
    assert Home(tmp_path / "home").settings.force.name == "Old"
    other.ensure()
    assert Home(tmp_path / "home").settings.force.name == "Old"
    other.remember()
    assert Home(tmp_path / "home").settings.force.name == "New"


def test_folder_and_configuration_may_move_together(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Home(tmp_path / "a" / "home", write_config(tmp_path / "a" / "c.yaml", "Moved"), progress=print).ensure().remember()
    (tmp_path / "a").rename(tmp_path / "b")
    assert Home(tmp_path / "b" / "home").settings.force.name == "Moved"


def test_a_configuration_that_is_gone_is_named(tmp_path: Path) -> None:
    config = write_config(tmp_path / "force.yaml", "Gone")
    Home(tmp_path / "home", config, progress=print).ensure().remember()
    config.unlink()
    with pytest.raises(SettingsError, match=r"force\.yaml, which is missing; name it with --config"):
        _ = Home(tmp_path / "home").settings


def test_without_a_configuration_the_defaults_hold(tmp_path: Path) -> None:
    Home(tmp_path / "home", progress=print).ensure()
    assert Home(tmp_path / "home").settings.force.name == "Unnamed force"


def test_a_configuration_that_cannot_be_read_is_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        Home(tmp_path / "home", tmp_path / "absent.yaml", progress=print).ensure()
    assert not (tmp_path / "home").exists()
    assert Home(tmp_path / "home", progress=print).ensure().settings.force.name == "Unnamed force"


def test_a_configuration_that_nobody_named_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    home = Home(tmp_path / "home", progress=said.append)
    with home.made(), open_home_store(home):
        pass
    assert "has no configuration of its own" in said[-1]
    found = examine(home).set_index("check").loc["settings"]
    assert "configs/default.yaml" in found["detail"]
