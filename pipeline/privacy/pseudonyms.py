"""Pseudonyms of people: the only form in which a person id leaves the decoder."""

import hmac
import unicodedata


class Pseudonymiser:
    """Turn raw person ids into keyed pseudonyms: "p_" and 32 hexadecimal digits of HMAC-SHA256 (RFC 2104).

    The same key gives the same pseudonym, so tables can be joined, however an accent in the id is encoded (Unicode
    normalisation form C). Without the key, hashing a list of
    all possible ids does not reveal any pseudonym.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pseudonyms: dict[str, str] = {}

    def __call__(self, raw_person_id: str) -> str:
        """Return the pseudonym of one raw id; cached, because people recur in many events."""
        if raw_person_id not in self._pseudonyms:
            digest = hmac.digest(self._key, unicodedata.normalize("NFC", raw_person_id).encode(), "sha256")
            self._pseudonyms[raw_person_id] = f"p_{digest[:16].hex()}"
        return self._pseudonyms[raw_person_id]

    def __repr__(self) -> str:
        """Return a text that shows neither the key nor any id."""
        return f"{type(self).__name__}({len(self._pseudonyms)} remembered)"
