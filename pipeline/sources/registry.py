"""The sources that `ingest.sources` can name, and what a source is.

A new source is one module in this room with its settings (a frozen dataclass), a class with the methods of
`NamedSource` and `KIND = SourceKind(...)`, and one line in `KINDS`. Its settings are then the section `sources.NAME`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, NamedTuple, Protocol

from pipeline.errors import SourceError
from pipeline.events.batch import RecordBatch, TopicPartition

# The module of each kind; it is imported when it is used, because clients of brokers take long to import.
KINDS = {
    "kafka": "pipeline.sources.kafka_kind",
}

State = Literal["ok", "warning", "fault"]


class Finding(NamedTuple):
    """Result of one check of the doctor: a sentence and, if there is one, the number it depends on."""

    check: str
    state: State
    detail: str
    value: float | None = None


class Source(Protocol):
    """What is ingested: it yields its records in batches and ends when it has caught up. `name` is for people."""

    name: str

    def batches(self, start: Mapping[TopicPartition, int], size: int) -> Iterator[RecordBatch]:
        """Yield batches of at most `size` records, each partition from its offset in `start` (its first if absent)."""
        ...


class NamedSource(Source, Protocol):
    """A source that settings name: it resumes at the offsets that the store keeps of its `topics`."""

    topics: list[str]

    def topic_ids(self) -> dict[str, str]:
        """Return the id of each topic that has one, so that a topic recreated under its name is refused."""
        ...

    def check(self, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> Iterator[Finding]:
        """Yield what the doctor reports, given what the store holds; errors become a fault."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """How a source is opened with its settings, without connecting.

    `settings` is the dataclass of section `sources.NAME`; None if the settings have a section NAME of their own.
    """

    open: Callable[[Any], NamedSource]
    settings: type | None = None


def is_source_name(name: str) -> bool:
    """Return whether an entry of `ingest.sources` names a kind; otherwise it is the path of event files."""
    return name in KINDS


def source_kind(name: str) -> SourceKind:
    """Return the kind of a name of `KINDS`."""
    kind: SourceKind = import_module(KINDS[name]).KIND
    return kind


def settings_type(name: str) -> type:
    """Return the dataclass of section `sources.NAME`; raise ValueError if no source has such a section."""
    if is_source_name(name) and (found := source_kind(name).settings):
        return found
    named = [known for known in KINDS if source_kind(known).settings is not None]
    raise ValueError(f"unknown source; known here: {', '.join(named) or 'none'}")


def recreated_topic(topic: str) -> SourceError:
    """Return the error for stored offsets that belong to another topic of the same name."""
    return SourceError(
        f"{topic} is not the topic that the store read: the topic was recreated, or kafka.bootstrap_servers names "
        f"another cluster. Correct that, or read it from its first record: harmspot stream --forget-offset '{topic}'; "
        "events already stored are recognised by source and id."
    )
