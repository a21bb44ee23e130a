"""Each kind of notice is whole: what it declares is in its tables, its template and its events."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from models.governance.notice_kinds import KINDS, NoticeKind, day_fields
from pipeline.store.human_events import Manner

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "pipeline/pages/templates"
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


@EVERY_KIND
def test_its_days_and_subject_are_fields_and_its_manners_can_be_recorded(kind: NoticeKind) -> None:
    assert {kind.subject, *kind.days} <= set(kind.own_fields)
    assert set(kind.manners) <= set(get_args(Manner))
    assert "behaviour" in kind.fact_fields


@EVERY_KIND
def test_its_tables_are_described_in_the_file_of_places_or_of_people(kind: NoticeKind) -> None:
    tables = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))
    file = tables["restricted" if kind.is_to_person else "published"]
    for table in (kind.table, kind.state_table):
        assert {kind.subject, *kind.days, "notice_id", "serve_by"} <= set(file[table]["columns"])
    assert file[kind.state_table]["projection"]


@EVERY_KIND
def test_it_has_a_template_and_says_its_consequence_in_every_language(kind: NoticeKind) -> None:
    assert (TEMPLATES / f"notice_{kind.name}.html.jinja").exists()
    for path in TEMPLATES.glob(f"notice_{kind.name}.*.yml"):
        assert kind.consequence in yaml.safe_load(path.read_text(encoding="utf-8"))["will"], path.name


def test_days_of_all_kinds_are_in_their_order_in_time() -> None:
    assert day_fields() == ["written_on", "serve_by", "starts_on", "ends_on", "respond_by"]
