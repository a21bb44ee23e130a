"""Notice maintenance per run: withdrawals, objections, broken notices, messages to partners."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from flows.decisions.notice_decisions import Decision, NoticeRefusedError, all_notices, do, open_notice
from flows.decisions.notice_upkeep import gate_of
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_runs import shown_lists
from flows.human_log.notice_records import notice_page
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from models.governance.notice_lifecycle import Notice
from pipeline.publication.publish import read_published
from tests.town import AS_OF, CLOCK, TownRun, cancellation, event, read_people

WHY = {"reason": "Read every record behind it; they hold."}
PARTNERS = [
    {
        "name": "health",
        "agreement_id": "ISA-7",
        "topics": {"notices": ["kind", "state", "area_id"], "watches": ["cause", "area_id", "starts_on", "radius_m"]},
    },
    {
        "name": "children",
        "agreement_id": "ISA-9",
        "topics": {"safeguarding": ["reason", "person_ref"], "referrals": ["route"], "notices": ["state"]},
    },
    {"name": "landlords", "topics": {"notices": ["area_id"], "referrals": ["person_ref"]}},
]


@pytest.mark.parametrize(
    ("gates", "gate"),
    [
        ({"p_a": "passed", "p_b": "out"}, "out"),
        ({"p_a": "safeguarding", "p_b": "passed"}, "safeguarding"),
        ({"p_b": "passed", "p_c": "out"}, "passed"),
        ({"p_c": "passed"}, "unknown"),
    ],
)
def test_of_ids_joined_since_the_run_the_gate_that_holds_any_is_the_persons(gates: dict[str, str], gate: str) -> None:
    assert gate_of(["p_a", "p_b"], pd.Series(gates)) == gate


def action(action_id: str, kind: str, notice_id: str, **more: Any) -> str:
    data = {"action_id": action_id, "version": 1, "kind": kind, "notice_id": notice_id, "at": "2026-01-01T13:00:00Z"}
    return event("action.recorded", f"action-{action_id}", {**data, "actor": "R. Esident", **more})


@dataclass
class Tended:
    """A home in which notices were approved, events were ingested, and a day passed."""

    home: Home
    told: list[str]
    contested: str
    corrected: str
    started: str
    minor: str
    raw_minor: str

    def notice(self, notice_id: str) -> Notice:
        return next(n for n in all_notices(self.home, ["area", "person"], **READING) if n.notice_id == notice_id)


READING = {"reader": "a test", "purpose": "a test reads"}


def serve(home: Home, notice_id: str, manner: str) -> None:
    for kind, actor in (("reviewed", "Bell"), ("approved", "Reyes")):
        open_notice(home, notice_id, reader=actor, purpose="to decide")
        do(home, notice_id, Decision(kind, actor, WHY), purpose="to decide")
    do(home, notice_id, Decision("served", "Lund", {"served_at": CLOCK, "manner": manner}), purpose="to serve it")


@pytest.fixture(scope="module")
def tended(
    town_run: TownRun,
    new_home: Callable[..., Home],
    approved_home: Callable[..., Home],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterable[Tended]:
    folder = tmp_path_factory.mktemp("tended")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARMSPOT__PARTNERS__RECIPIENTS", json.dumps(PARTNERS))
        home = approved_home(folder / "home")
        areas = all_notices(home, ["area"])
        contested, corrected, started = (notice.notice_id for notice in areas[:3])
        person_notice = all_notices(home, ["person"], **READING)[0]
        for notice_id in (contested, corrected, started):
            serve(home, notice_id, "displayed")
        serve(home, person_notice.notice_id, "in_person")

        truth = town_run.truth("people")["person_id"]
        raw = truth[town_run.people()["person_id"].eq(person_notice.subject).to_numpy()].iloc[0]
        incident_id = next(n for n in areas if n.notice_id == corrected).fields["evidence_ids"][0]
        lines = [
            cancellation(incident_id),
            event("person.updated", "young", {"person_id": raw, "version": 99, "birth_date": "2010-05-05"}),
            action("a1", "contest", contested, detail="wrong"),
            action("a2", "contest", "n_0", detail="Nobody asked us at all."),
            action("a3", "crackdown_start", started, area="A01"),
        ]
        (folder / "more.jsonl").write_text("".join(lines))
        told: list[str] = []
        later = new_home(folder / "home", CLOCK + timedelta(days=1), told.append)
        load_file(later, folder / "more.jsonl", None)
        daily_run(later, AS_OF + timedelta(days=1))
        yield Tended(later, told, contested, corrected, started, person_notice.notice_id, raw)


def test_a_notice_whose_evidence_was_corrected_away_is_withdrawn_says_so_and_is_never_served_again(
    tended: Tended,
) -> None:
    notice = tended.notice(tended.corrected)
    assert notice.status.state == "withdrawn"
    assert notice.status.closed_by == "harmspot"
    state = read_published(tended.home.path, "area_notice_state").set_index("notice_id").loc[tended.corrected]
    assert state["state"] == "withdrawn"
    assert "was cancelled" in state["why"]
    with pytest.raises(NoticeRefusedError, match="it was already served on 2026-01-01"):
        do(tended.home, tended.corrected, Decision("served", "Lund", {"served_at": CLOCK, "manner": "displayed"}))
    assert 'class="void"' in notice_page(notice).body_html


def test_a_person_who_turns_out_to_be_a_child_is_no_longer_addressed(tended: Tended) -> None:
    status = tended.notice(tended.minor).status
    assert (status.state, status.closed_by) == ("withdrawn", "harmspot")
    assert "safeguarding" in str(status.closed_because)
    drafts = read_people(tended.home, "person_notice", tended.notice(tended.contested).run_id)
    assert tended.minor in set(drafts["notice_id"]), "the run that drafted it keeps it"


def test_an_objection_on_a_topic_reopens_its_notice_once(tended: Tended) -> None:
    notice = tended.notice(tended.contested)
    assert (notice.status.state, notice.status.objection_count) == ("draft", 1)
    assert notice.events[-1].actor == "R. Esident"
    assert any("objection was not recorded" in said and "n_0" in said for said in tended.told)


def test_an_operation_before_its_announced_day_breaks_the_promise(tended: Tended) -> None:
    status = tended.notice(tended.started).status
    assert (status.state, status.closed_by) == ("broken", "harmspot")
    assert "no sooner" in str(status.closed_because)


def test_partners_are_told_their_own_fields_under_their_agreement(tended: Tended) -> None:
    files = {path.name: path for path in (tended.home.path / "partners").iterdir()}
    # Referrals and safeguarding cases are sent even while lists are drafts; other lists are never sent.
    assert {name.split(".")[0] for name in files} == {"notices", "watches", "safeguarding", "referrals"}
    assert set(shown_lists(tended.home, read_ledger(tended.home), None)["status"]) == {"draft"}
    assert not any("landlords" in name for name in files)
    assert any("landlords has no agreement_id" in said for said in tended.told)
    told = {name: [json.loads(line)["data"] for line in path.read_text().splitlines()] for name, path in files.items()}
    always = {"recipient", "agreement_id", "case_id"}
    assert all(
        set(row) == always | {"kind", "state", "area_id"} for row in told["notices.health.jsonl"] if "area_id" in row
    )
    states = [row["state"] for row in told["notices.children.jsonl"]]
    assert sorted(states) == ["broken", *["served"] * 4, "withdrawn", "withdrawn"]
    watch = told["watches.health.jsonl"]
    assert {row["cause"] for row in watch} >= {"announced crackdown"}
    assert {row["radius_m"] for row in watch} == {500}
    assert all(set(row) <= always | {"route"} for row in told["referrals.children.jsonl"])
    assert {row["reason"] for row in told["safeguarding.children.jsonl"]} <= {"under_18", "age_unknown"}
    assert any(row["person_ref"] == tended.raw_minor for row in told["safeguarding.children.jsonl"])
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.values())


def test_a_case_has_another_number_with_each_partner_and_disclosures_are_logged(tended: Tended) -> None:
    cases = [
        {
            json.loads(line)["data"]["case_id"]
            for line in (tended.home.path / "partners" / name).read_text().splitlines()
        }
        for name in ("notices.health.jsonl", "notices.children.jsonl")
    ]
    assert not cases[0] & cases[1]
    disclosed = [entry for entry in tended.home.access_log.entries() if entry["action"] == "disclose"]
    assert {entry["purpose"] for entry in disclosed} == {"agreement ISA-9"}
    assert tended.home.access_log.verify() == []


def test_a_run_told_again_tells_nobody_twice(tended: Tended) -> None:
    with open_home_store(tended.home) as store:
        before = store.human_events()
        assert store.undelivered(1) == []
    sizes = {path.name: path.stat().st_size for path in (tended.home.path / "partners").iterdir()}
    daily_run(tended.home, AS_OF + timedelta(days=1))
    with open_home_store(tended.home) as store:
        assert len(store.human_events()) == len(before)
    assert {path.name: path.stat().st_size for path in (tended.home.path / "partners").iterdir()} == sizes
