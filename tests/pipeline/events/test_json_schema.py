"""The schema files say what the structs say, and the examples of the docs hold to both."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline.events.batch import Record
from pipeline.events.decoder import Decoder
from pipeline.events.json_schema import FOLDER, schema_of, schema_texts, write_schemas
from pipeline.events.schema import EVENT_TYPES, decode_event

EXAMPLES = [
    example.encode() for example in re.findall(r"```json\n(.*?)```", Path("docs/events.md").read_text(), re.DOTALL)
]


def test_the_files_are_the_structs(tmp_path):
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == schema_texts()
    assert {path.name: path.read_text() for path in write_schemas(tmp_path)} == schema_texts()


def test_the_docs_show_every_event_once():
    assert [type(decode_event(example)) for example in EXAMPLES] == list(EVENT_TYPES)


@pytest.mark.parametrize("example", EXAMPLES, ids=[event.topic for event in EVENT_TYPES])
def test_the_examples_hold_to_their_schema(example):
    validator = Draft202012Validator(schema_of(type(decode_event(example))))
    validator.check_schema(validator.schema)
    assert list(validator.iter_errors(json.loads(example))) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=[event.topic for event in EVENT_TYPES])
def test_the_schema_refuses_what_the_decoder_refuses(example):
    validator = Draft202012Validator(schema_of(type(decode_event(example))))
    found = json.loads(example)
    wrong = [{**found, "data": {**found["data"], "misspelt": 1}}, {**found, "specversion": "0.3"}]
    wrong += [{**found, "data": {k: v for k, v in found["data"].items() if k != key}} for key in required(found)]
    assert len(wrong) > 2
    for event in wrong:
        assert list(validator.iter_errors(event))
        with pytest.raises(ValueError, match=r"."):
            decode_event(json.dumps(event).encode())


def test_the_examples_decode_without_a_dead_letter():
    decoder = Decoder(
        frozenset({"robbery", "drug_supply"}), str.lower, datetime(2026, 11, 23, tzinfo=UTC), timedelta(0), None
    )
    decoded = decoder.decode([Record("docs", 0, line, example) for line, example in enumerate(EXAMPLES)])
    assert decoded.dead_letters.num_rows == 0
    assert [table.num_rows for table in decoded.tables.values()] == [1] * len(EVENT_TYPES)


def required(found):
    (event_type,) = [event for event in EVENT_TYPES if event.__struct_config__.tag == found["type"]]
    return schema_of(event_type)["$defs"][event_type.__annotations__["data"].__name__]["required"]
