"""Exports: a round trip, and no changed byte goes unseen."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ExportError
from pipeline.privacy.keys import derive_key
from pipeline.privacy.signed_export import entry_token, read_export, write_export

KEY = derive_key(b"k" * 32)
BODY = {"list_id": "person_tier-abc", "valid_to": "2026-04-01T00:00:00+00:00", "entries": [{"person_id": "p_1"}]}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_export(path, BODY, KEY)
    assert read_export(path, KEY).items() >= BODY.items()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ExportError, match="never overwritten"):
        write_export(path, BODY, KEY)


def test_another_home_did_not_sign_it(tmp_path: Path) -> None:
    write_export(tmp_path / "list.json", BODY, KEY)
    with pytest.raises(ExportError, match="altered, or another home"):
        read_export(tmp_path / "list.json", derive_key(b"o" * 32))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "list.json"
    write_export(path, BODY, KEY)
    return path


@settings(deadline=None)
@given(st.data())
def test_any_other_content_is_refused(signed: Path, data: st.DataObject) -> None:
    """One character is replaced: whatever it was, also a space, the file is no longer what was signed."""
    text = signed.read_text()
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters(codec="ascii")) + text[place + 1 :]
    other = signed.with_name("changed.json")
    other.write_text(changed)
    if changed == text:
        assert read_export(other, KEY)
    else:
        with pytest.raises(ExportError):
            read_export(other, KEY)


@pytest.mark.parametrize("name", ["entries", "valid_to", "signature", "kind"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_name_that_stands_twice_is_refused(signed: Path, name: str, is_first: bool) -> None:
    """Readers that keep the first and readers that keep the last would read two lists."""
    body = json.loads(signed.read_text())
    for value in (body[name], [{"person_id": "p_2"}]):
        twin = f"{json.dumps(name)}:{json.dumps(value)}"
        text = signed.read_text().strip()
        doubled = "{" + twin + "," + text[1:] if is_first else text[:-1] + "," + twin + "}"
        other = signed.with_name("doubled.json")
        other.write_text(doubled + "\n")
        with pytest.raises(ExportError, match="each name stands once"):
            read_export(other, KEY)


def test_a_name_that_stands_twice_in_an_entry_is_refused(signed: Path) -> None:
    other = signed.with_name("entry.json")
    other.write_text(signed.read_text().replace('{"person_id":"p_1"}', '{"person_id":"p_1","person_id":"p_2"}'))
    with pytest.raises(ExportError, match="each name stands once"):
        read_export(other, KEY)


@pytest.mark.parametrize("tail", ["\n", " ", "{}", "\x00", "\nx"])
def test_what_is_not_signed_is_refused(signed: Path, tail: str) -> None:
    other = signed.with_name("tail.json")
    other.write_text(signed.read_text() + tail)
    with pytest.raises(ExportError):
        read_export(other, KEY)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "harmspot.list.export.v2"}', "\x00"])
def test_what_is_no_export_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(content)
    with pytest.raises(ExportError, match="export"):
        read_export(path, KEY)


def test_tokens_stand_for_people_in_one_house_alone() -> None:
    assert entry_token("p_1", KEY) == entry_token("p_1", KEY)
    assert len({entry_token("p_1", KEY), entry_token("p_2", KEY), entry_token("p_1", derive_key(b"o" * 32))}) == 3
    assert "p_1" not in entry_token("p_1", KEY)
