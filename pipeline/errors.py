"""The errors harmspot reports to users; each message names the object, the value and the remedy.

No message may contain a person identifier, raw or pseudonymous, because messages are logged.
"""

import errno

FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_WAYS_OUT = {
    **dict.fromkeys(FULL, "cannot be written: the disk is full. Free some space, then run again"),
    errno.EROFS: "cannot be written: its file system is for reading only. Mount it for writing, then run again",
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        "may not be read or written by the user who runs harmspot: give that user the right, then run again",
    ),
}


class HarmspotError(Exception):
    """Base of every error a user can cause and fix; the command prints it without a traceback."""


class SettingsError(HarmspotError):
    """A settings file or variable is invalid; the message names the key, its value and what is expected."""


class MappingError(HarmspotError):
    """A mapping, codebook or source file is missing, malformed or inconsistent with another."""


class StoreError(HarmspotError):
    """The store cannot be opened, migrated or written."""


class StoreBusyError(StoreError):
    """Another process holds the store for longer than the configured wait."""


class StaleOffsetsError(StoreError):
    """A batch does not start at the store's offset, because another consumer took over the partition."""


class KeyFileError(StoreError):
    """The encryption key is missing, readable by others, or differs from the key of the files."""


class PurposeError(HarmspotError):
    """People are read without a purpose or a named reader."""


class AccessError(HarmspotError):
    """Nobody is logged in, the user may not do it, or a name, password or token is wrong."""


class ClockError(HarmspotError):
    """The clock is earlier than the latest recorded time."""


class PersonMentionedError(HarmspotError):
    """A text names a person where PII is forbidden."""


class PublicationError(HarmspotError):
    """A run cannot be published, or a publication cannot be read."""


class HalfDoneError(PublicationError):
    """An act is recorded, and what follows from it is not written; the message names what, and what writes it."""


class MailError(HarmspotError):
    """A mail cannot be sent."""


class QualityError(HarmspotError):
    """The input of a run is not good enough for a ranking; nothing is published."""


class ExportError(HarmspotError):
    """A list of people may not be exported, or an export may not be used."""


class SourceError(HarmspotError):
    """A file or topic cannot be read at all (a single bad record becomes a dead letter instead)."""


class BrokerError(SourceError):
    """A broker does not answer, or has stopped answering; it may recover."""


def of_a_file(error: OSError) -> OSError:
    """Return an error about a file with the way out, for a full disk or a file that may not be used; else unchanged."""
    way_out = _WAYS_OUT.get(error.errno or 0)
    return OSError(f"{error.filename or 'a file'} {way_out}") if way_out else error
