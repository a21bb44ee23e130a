"""PII in free text: decisions and the access log refuse it, and events or older decisions with it stop no run."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions import lists
from flows.decisions.audits import record_audit
from flows.decisions.desk import at_desk
from flows.decisions.place_actions import operations_at, record_action
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import read_list
from models.governance.list_lifecycle import list_id_of
from pipeline.errors import HarmspotError, PersonMentionedError, SourceError
from pipeline.publication.publish import read_published
from pipeline.store.store import DuckDBStore as Store
from tests.town import CLOCK, TownRun

READER = "Insp. J. Reyes"


@pytest.fixture
def raw_id(town_run: TownRun) -> str:
    return str(town_run.truth("people")["person_id"].iloc[0])


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("field", ["purpose", "reader"])
def test_a_read_for_a_purpose_that_names_somebody_is_refused_and_not_logged(
    home: Home, raw_id: str, field: str, is_raw: bool
) -> None:
    named = raw_id if is_raw else home.pseudonym_of(raw_id)
    said = {"purpose": "review before visit", "reader": READER, field: f"about {named}"}
    options = [each for name, text in said.items() for each in (f"--{name}", text)]
    before = [*home.access_log.entries()]
    arguments = ["--home", str(home.path), "--clock", CLOCK.isoformat(), "explain", "person", raw_id, *options]
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, PersonMentionedError)
    assert str(done.exception).startswith(f"--{field}: holds the id of a person")
    assert named not in str(done.exception) + done.output
    assert [*home.access_log.entries()] == before


@pytest.mark.parametrize("event", ["override", "revoke"])
def test_an_act_upon_a_list_that_names_somebody_leaves_no_trace(
    home: Home, town_run: TownRun, raw_id: str, event: str
) -> None:
    list_id = list_id_of("person_tier", town_run.summary.run_id)
    person = read_list(home, read_ledger(home), "person_tier", None, reader=READER, purpose="a test reads")[
        "person_id"
    ].iloc[0]
    lists.open_list(home, list_id, reader=READER, purpose="approve the list")
    before = home.access_log.path.read_bytes()
    with open_home_store(home) as store:
        events = store.human_events()
    said = {"by": READER, "reason": f"wrong about {raw_id}, says the court"}
    with pytest.raises(PersonMentionedError, match=r"^reason: holds"):
        if event == "override":
            lists.override_entry(home, list_id, person, expires_at=home.midnight(home.today()).replace(day=20), **said)
        else:
            lists.revoke_list(home, list_id, **said)
    assert home.access_log.path.read_bytes() == before
    with open_home_store(home) as store:
        assert store.human_events().equals(events)


def test_an_event_that_names_somebody_is_refused_or_blotted(home: Home, town_run: TownRun, raw_id: str) -> None:
    area_id = town_run.published("crackdown_plan")["area_id"].iloc[0]
    for outcome, is_refused in ((home.pseudonym_of(raw_id), True), (f"arrest of {raw_id}, by then", False)):
        detail = f"market_id=market_1_2; outcome={outcome}; comparison=c; stop_on=2026-09-01"
        said = {"kind": "registration", "area_id": area_id, "actor": "Insp. A", "detail": detail}
        if is_refused:
            with pytest.raises(SourceError, match="names_person"):
                record_action(home, **said)
        else:
            record_action(home, **said)
    operation = operations_at(home, home.now()).set_index("area_id").loc[area_id]
    assert (operation["outcome"], operation["market_id"]) == ("arrest of [person], by then", "market_1_2")


@pytest.mark.parametrize("is_raw", [True, False])
def test_an_act_of_before_that_names_somebody_is_published_without_and_stops_nothing(
    home: Home, raw_id: str, is_raw: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = raw_id if is_raw else home.pseudonym_of(raw_id)
    report = tmp_path / "fairness.pdf"
    report.write_text("a report")
    said = {"report": report, "found": "no gap was found", "made_on": home.today()}
    with pytest.raises(HarmspotError, match=r"^actor: holds"):
        record_audit(home, "fairness", by=f"Sgt. {named}", **said)
    with monkeypatch.context() as before:
        before.setattr(Store, "refuse_mentions", lambda *_: None)
        record_audit(home, "fairness", by=f"Sgt. {named}", **said)
    with at_desk(home) as desk:
        desk.refresh()
    assert "Sgt. [person]" in set(read_published(home.path, "audit_report")["signed_by"])
    assert named.encode() not in home.published.read_bytes()
