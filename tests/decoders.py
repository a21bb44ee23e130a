"""A decoder for tests that load files."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pipeline.events.decoder import Decoder
from pipeline.privacy.keys import derive_key
from pipeline.privacy.pseudonyms import Pseudonymiser


def decoder(offence_codes: Collection[str], now: datetime) -> Decoder:
    """Return a decoder whose clock is `now`; events may be ten minutes ahead of it."""
    pseudonymise = Pseudonymiser(derive_key(b"k" * 32).pseudonym)
    return Decoder(frozenset(offence_codes), pseudonymise, now, timedelta(minutes=10))
