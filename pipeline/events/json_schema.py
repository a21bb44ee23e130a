"""JSON Schema of each event, built from its struct; `python -m pipeline.events.json_schema` rewrites docs/events/."""

import json
from pathlib import Path
from typing import Any

import msgspec

from pipeline.events.schema import EVENT_TYPES, SCHEMA_VERSION, Event

FOLDER = Path(__file__).parents[2] / "docs" / "events"


def schema_of(event_type: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one event, envelope and data.

    The decoder checks what a schema of single values cannot express: codebook, future dates, incomplete coordinates.
    """
    schema = msgspec.json.schema(event_type)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{event_type.__struct_config__.tag} on topic {event_type.topic}",
        "x-harmspot-version": SCHEMA_VERSION,
        **schema,
    }


def schema_texts() -> dict[str, str]:
    """Return file name → text of every schema file."""
    return {
        f"{_file_name(event_type)}.schema.json": json.dumps(schema_of(event_type), indent=2, ensure_ascii=False) + "\n"
        for event_type in EVENT_TYPES
    }


def _file_name(event_type: type[Event]) -> str:
    """Return the topic's name for the first kind of event on it, the entity's for another."""
    first = next(each for each in EVENT_TYPES if each.topic == event_type.topic)
    return event_type.topic if first is event_type else event_type.entity


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema file into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in schema_texts()]


if __name__ == "__main__":
    write_schemas(FOLDER)
