"""The key of a home: made once, kept from others, shown to nobody."""

from pathlib import Path

import pytest

from pipeline.errors import KeyFileError
from pipeline.privacy.keys import KEY_VARIABLE, create_key, derive_key, load_key

SECRET = bytes(range(32))


def test_a_made_key_is_read_back(tmp_path: Path) -> None:
    made = create_key(tmp_path / "home")
    assert load_key(tmp_path / "home", environment={}) == made
    assert (tmp_path / "home" / "key").stat().st_mode & 0o777 == 0o600


def test_two_homes_have_different_keys(tmp_path: Path) -> None:
    assert create_key(tmp_path / "a") != create_key(tmp_path / "b")


def test_a_key_is_not_replaced(tmp_path: Path) -> None:
    made = create_key(tmp_path)
    with pytest.raises(KeyFileError, match="exists"):
        create_key(tmp_path)
    assert load_key(tmp_path, environment={}) == made


def test_the_environment_comes_first(tmp_path: Path) -> None:
    create_key(tmp_path)
    assert load_key(tmp_path, environment={KEY_VARIABLE: SECRET.hex()}) == derive_key(SECRET)


def test_encryption_and_pseudonym_keys_tell_nothing_of_each_other() -> None:
    key = derive_key(SECRET)
    assert bytes.fromhex(key.encryption) != key.pseudonym
    assert len(key.pseudonym) == 32
    # Pinned: another derivation would make every existing store unreadable.
    assert key.encryption == "88f47f2351950432d269a955c29912df4c45ad170199c8d54dfaa69c2d4a98f4"


def test_a_home_is_named_for_its_key() -> None:
    key, other = derive_key(SECRET), derive_key(SECRET[::-1])
    assert (key.home_name, len(other.home_name)) == ("5b07ed185459", 12)
    assert other.home_name != key.home_name


def test_the_key_shows_nowhere() -> None:
    key = derive_key(SECRET)
    assert repr(key) == str(key) == "Key()"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(tmp_path, environment={})


def test_a_missing_key_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="harmspot init"):
        load_key(tmp_path, environment={})


@pytest.mark.parametrize("text", ["tooshort", "zz" * 32, "ab" * 31, "ab" * 33])
def test_a_key_of_the_wrong_shape_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyFileError, match="64 hexadecimal") as caught:
        load_key(tmp_path, environment={KEY_VARIABLE: text})
    assert text not in str(caught.value)
