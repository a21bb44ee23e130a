"""The errors harmspot raises at its edges; each message names the thing, the value and the way out.

No message may carry a person identifier, raw or pseudonym: messages reach logs.
"""


class HarmspotError(Exception):
    """Base of every error a user can cause and mend; the command prints it without a traceback."""


class MappingError(HarmspotError):
    """A mapping, codebook or source file that is missing, misshapen or does not fit the other."""


class StoreError(HarmspotError):
    """The store cannot be opened, migrated or written."""


class StoreBusyError(StoreError):
    """Another process holds the store for longer than we were told to wait."""


class StaleOffsetsError(StoreError):
    """A batch that begins elsewhere than the store left off: another consumer took the partition over meanwhile."""


class KeyFileError(StoreError):
    """The encryption key is missing, readable by others, or not the one the files were written with."""


class PurposeError(HarmspotError):
    """A read of people without a purpose and a named reader."""


class ClockError(HarmspotError):
    """A clock that stands before what was recorded last."""


class PersonMentionedError(HarmspotError):
    """Words that name a person, where nobody may be named."""


class PublicationError(HarmspotError):
    """A run that cannot be published, or a publication that cannot be read."""


class ExportError(HarmspotError):
    """A list of people that may not leave the house, or an export that may not be used."""


class SourceError(HarmspotError):
    """A file or topic that cannot be read at all (a bad record in it is a dead letter instead)."""


class BrokerError(SourceError):
    """A broker that does not answer, or stopped to; it may come back."""
