"""Files of messages (.po), read and checked: a translation may use the fields and the tags of its message alone."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import Translations

from pipeline.errors import SettingsError

FIELD = re.compile(r"\{+\s*(\w+)")
TAG = re.compile(r"</?\w+")


def read_messages(path: Path, language: str) -> Catalog:
    """Return the messages of a file that a force may have written.

    Raises
    ------
    SettingsError
        The file cannot be read, or a message of it cannot be used; the error names the line and the way out.
    """
    try:
        with path.open("rb") as file:
            messages = read_po(file, locale=language.replace("-", "_"), abort_invalid=True)
    except OSError as error:
        raise SettingsError(f"force.messages: {path} cannot be read: {error.strerror}; name a .po file") from error
    except (PoFileError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, PoFileError) else ""
        raise SettingsError(
            f"force.messages: {path}{line}: {error}; write the file as `python -m pipeline.wording template` does"
        ) from error
    for problem in problems(messages):
        raise SettingsError(f"force.messages: {path}, {problem}")
    return messages


def problems(messages: Catalog) -> Iterator[str]:
    """Yield what is wrong with messages of a file: line, message and way out."""
    for message in messages:
        if not message.id:
            continue
        said = [each for each in _texts(message.string) if each]
        at = f"line {message.lineno}, message {_texts(message.id)[0]!r}"
        if message.fuzzy and said:
            yield f"{at}: it is marked fuzzy; correct the translation and take the mark away"
        for text in said:
            yield from (f"{at}: {what}" for what in _strange(message, text))


def compiled(messages: Catalog) -> Translations:
    """Return the messages as gettext looks them up."""
    binary = BytesIO()
    write_mo(binary, messages)
    binary.seek(0)
    return Translations(fp=binary)


def _strange(message: Message, text: str) -> Iterator[str]:
    """Yield fields, braces and tags of a translation that its message has not."""
    ids = _texts(message.id)
    known = {name for each in ids for name in FIELD.findall(each)} | ({"count"} if len(ids) > 1 else set())
    unknown = sorted(set(FIELD.findall(text)) - known)
    if unknown:
        has = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        yield f"{{{unknown[0]}}} is no field of the message; it has {has}"
    elif not any("{{" in each for each in ids) and not _is_formattable(text):
        yield "its braces do not close; write a field as {name}"
    tags = sorted(set(TAG.findall(text)) - {tag for each in ids for tag in TAG.findall(each)})
    if tags:
        yield f"{tags[0]}> is no tag of the message; write < as &lt;"


def _is_formattable(text: str) -> bool:
    return re.sub(r"\{\w+\}", "", text).count("{") == re.sub(r"\{\w+\}", "", text).count("}") == 0


def _texts(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
