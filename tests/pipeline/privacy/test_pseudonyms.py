"""Pseudonyms: the same for the same person and key, and nothing else."""

import hashlib
import hmac
import re

from pipeline.privacy.pseudonyms import Pseudonymiser


def test_a_pseudonym_is_the_keyed_hash_of_the_id() -> None:
    digest = hmac.new(b"key", b"Jo 1", hashlib.sha256).hexdigest()
    assert Pseudonymiser(b"key")("Jo 1") == f"p_{digest[:32]}"


def test_a_pseudonym_joins_within_a_key_and_not_across_keys() -> None:
    first, second = Pseudonymiser(b"key"), Pseudonymiser(b"other")
    assert first("Jo 1") == first("Jo 1") == Pseudonymiser(b"key")("Jo 1")
    assert first("Jo 1") != first("Jo 2")
    assert first("Jo 1") != second("Jo 1")
    assert re.fullmatch(r"p_[0-9a-f]{32}", first("Jo 1"))


def test_the_pseudonymiser_shows_neither_key_nor_ids() -> None:
    pseudonymise = Pseudonymiser(b"secret")
    pseudonymise("Jo 1")
    assert repr(pseudonymise) == "Pseudonymiser(1 remembered)"
