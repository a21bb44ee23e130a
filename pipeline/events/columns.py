"""Arrow schemas of decoded events, as every source yields and the store accepts them, read from `columns.yml`.

One row is one version of one entity. The envelope columns come first in every table; `person_id` is
a pseudonym in all of them; only `IDENTITY` holds the raw id. Times are UTC.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import pyarrow as pa
import yaml

from pipeline.database import ARROW_TYPES

_TEXT = (resources.files("pipeline.events") / "columns.yml").read_text(encoding="utf-8")
_DESCRIBED = yaml.load(_TEXT, yaml.CSafeLoader)
_ENTITIES: dict[str, dict[str, Any]] = _DESCRIBED["entities"]


def _fields(columns: Mapping[str, Mapping[str, Any]]) -> list[pa.Field]:
    return [
        pa.field(name, ARROW_TYPES[column["type"]], nullable=not column.get("needed", False))
        for name, column in columns.items()
    ]


UTC_TIME = ARROW_TYPES["TIMESTAMP WITH TIME ZONE"]
INVOLVEMENTS = ARROW_TYPES["STRUCT(person_id VARCHAR, role VARCHAR)[]"]
ENVELOPE = _fields(_DESCRIBED["envelope"])
IDENTITY = pa.schema(_fields(_DESCRIBED["identity"]))
DEAD_LETTER = pa.schema(_fields(_DESCRIBED["dead_letter"]))
# Entity → schema, and the columns that identify one entity (all its versions share them).
SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema([*ENVELOPE, *_fields(entity["columns"])]) for name, entity in _ENTITIES.items()
}
ENTITY_KEYS: dict[str, tuple[str, ...]] = {name: tuple(entity["key"]) for name, entity in _ENTITIES.items()}
TOPICS: dict[str, str] = {entity["topic"]: name for name, entity in _ENTITIES.items() if "topic" in entity}
# Entity → path in `data` of every column.
PATHS: dict[str, dict[str, str]] = {
    entity: {name: column.get("path", name) for name, column in described["columns"].items()}
    for entity, described in _ENTITIES.items()
}
