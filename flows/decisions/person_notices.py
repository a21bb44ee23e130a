"""Withdraw unserved person notices to people who are off the list of people, with a recorded reason."""

from collections.abc import Iterable, Mapping
from typing import Any

from flows.decisions.desk import Desk
from flows.decisions.notice_decisions import PERSON_NOTICES_OF, Decision, all_notices, record
from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.store_access import read_people
from flows.human_log.list_events import withheld_people
from flows.human_log.notice_records import notices_of
from flows.run.prioritise import Products
from models.governance.actors import MACHINE
from models.governance.notice_drafts import fields_from_json
from models.governance.notice_kinds import KINDS
from models.governance.notice_lifecycle import Notice, withdrawal_reason
from pipeline.publication.publish import runs

NOT_LISTED = "the person is not on the list of people"
LISTED_AS_OTHER = "the list of people has the person under another of their ids, and the run drafts a new letter"
TO_PEOPLE = [kind.name for kind in KINDS.values() if kind.is_to_person]


def withdraw_person_notices(
    desk: Desk, off: Mapping[str, str], *, by: str, drafted_until: str | None = None, is_opened_only: bool = False
) -> int:
    """Withdraw unserved notices to people who are removed from the list, and return how many.

    Parameters
    ----------
    desk : Desk
        Desk at which the people are removed.
    off : mapping of str to str
        Reason by person_id.
    by : str
        Who removes them; the read of the notices is logged under this name.
    drafted_until : str or None
        A run_id; notices drafted by a later run are kept, because they are based on a later list.
    is_opened_only : bool
        Skip drafts that nobody opened; they are not recorded yet and disappear with the publication.

    Returns
    -------
    int
        Number of notices withdrawn.
    """
    if runs(desk.home.path).empty or not off:
        return 0
    purpose = "withdraw letters to people who are off the list"
    notices = all_notices(desk.home, TO_PEOPLE, reader=by, purpose=purpose, ledger=desk.ledger)
    if drafted_until:
        notices = _not_of_later_runs(desk.home, notices, drafted_until, reader=by)
    return _withdraw(desk, [notice for notice in notices if notice.is_recorded or not is_opened_only], off)


def withdraw_person_notices_at_run(desk: Desk, identity: RunIdentity, products: Products) -> int:
    """Withdraw the notices to people who are not on the list that a run is about to publish, or excepted from it.

    Exceptions are not an input of a run, so the run also drafts notices to excepted people: these are withdrawn here.
    """
    recorded = notices_of(desk.ledger)
    exceptions = withheld_people(desk.ledger, desk.home.now())
    excepted = {person for name, person in exceptions if name == PERSON_NOTICES_OF}
    notices = [notice for notice in recorded.values() if notice.kind.is_to_person]
    for kind in TO_PEOPLE:
        drafts = products.restricted[KINDS[kind].table]
        fresh = drafts[drafts["person_id"].isin(excepted) & ~drafts["notice_id"].isin(recorded)]
        notices += [
            Notice(fields_from_json(fields), desk.ledger.zone, identity.run_id, identity.known_at)
            for fields in fresh["fields"]
        ]
    return _withdraw(desk, notices, _off(desk, notices, excepted, products))


def _not_of_later_runs(home: Home, notices: Iterable[Notice], run_id: str, *, reader: str) -> list[Notice]:
    """Leave out the notices that a run after `run_id` drafted, whether new ones or again with the same id that day."""
    kept = runs(home.path).set_index("run_id")
    given, after = kept.loc[run_id], kept.loc[run_id:].iloc[1:]
    until = (given["as_of"].astimezone(home.settings.force.zone).date(), given["known_at"])
    purpose = "find the letters that a later run of the same day also drafted"
    drafted_again = {
        notice_id
        for later in after.index[after["as_of"] == given["as_of"]]
        for kind in TO_PEOPLE
        for notice_id in read_people(home, KINDS[kind].table, later, reader=reader, purpose=purpose)["notice_id"]
    }
    return [
        notice
        for notice in notices
        if (notice.fields["written_on"], notice.known_at) <= until and notice.notice_id not in drafted_again
    ]


def _off(desk: Desk, notices: Iterable[Notice], excepted: set[str], products: Products) -> dict[str, str]:
    """Return the reason, by person_id, for each addressee of a notice who is off the list or excepted from it."""
    listed = set(products.restricted[PERSON_NOTICES_OF]["person_id"])
    why = products.restricted["person_change"].set_index("person_id")["why"]
    left = {person: f"the person left the list of people: {reason}" for person, reason in why.items()}
    subjects = {notice.subject for notice in notices}
    why_left: dict[Any, str] = {**dict.fromkeys(desk.ledger.same.everyone(listed), LISTED_AS_OTHER), **left}
    return {
        **{person: why_left.get(person, NOT_LISTED) for person in subjects - listed},
        **dict.fromkeys(subjects & excepted, "the person is excepted from the list of people"),
    }


def _withdraw(desk: Desk, notices: Iterable[Notice], off: Mapping[str, str]) -> int:
    """Withdraw every notice that must not be served; the recorded actor is always harmspot."""
    reasons = [(notice, withdrawal_reason(notice, off)) for notice in notices]
    due = [(notice, reason) for notice, reason in reasons if reason]
    for notice, reason in due:
        record(desk, notice, Decision("withdrawn", MACHINE, {"reason": reason}))
    return len(due)
