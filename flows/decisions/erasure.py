"""Erasure of a person: a tombstone for the identity, no row in any publication, every copy of a list revoked."""

from dataclasses import dataclass

import pandas as pd

from flows.decisions.lists import end_list, lists_holding
from flows.decisions.person_notices import withdraw_person_notices
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.projections import project_home
from models.governance.actors import is_thin
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.store.human_events import HumanEvent, read_detail
from pipeline.store.store import TOMBSTONE


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure found and did: was anybody known, or erased before; lists revoked, dead letters emptied."""

    is_known: bool
    was_erased: bool
    revoked_lists: int
    emptied_letters: int


def erase_person(home: Home, person: str, *, reader: str | None, purpose: str | None, reason: str) -> Erasure:
    """Erase a person given by pseudonym or by the force's own id; that it was done, by whom and why is logged first.

    The raw id and every published row go; the pseudonym stays as a tombstone in the store, so that hashes and the log's
    chain still verify, later runs leave the person out at every clock, and old events that come in again bring nobody
    back. Given by the force's own id, dead letters and messages that name the person are emptied, also where no event
    ever brought the person in. The order makes a repeat after a crash finish what was begun. Of somebody unknown a
    tombstone stays, too, and a repeat says again that nobody was known.

    Raises
    ------
    PurposeError : without reader or purpose.
    PublicationError : the reason is a single word. PersonMentionedError : the reason, or who gives it, names somebody.
    """
    require_purpose(reader, purpose)
    if is_thin(reason):
        raise PublicationError("an erasure needs a reason of more than one word: who asked, and on what ground")
    home.refuse_mentions({"reader": reader, "purpose": purpose, "reason": reason})
    person_id = home.pseudonym_of(person)
    raw_person_id = None if person == person_id else person
    home.access_log.append(
        reader=reader, purpose=purpose, action="erase", detail={"reason": reason, "people": 1}, now=home.now()
    )
    withdraw_person_notices(home, {person_id: "the person was erased"}, by=str(reader), is_opened_only=True)
    holding = lists_holding(home, person_id)
    for list_id in holding:
        end_list(home, list_id, by=str(reader), reason="somebody on it was erased")
    with open_home_store(home) as store:
        known_as = store.resolve_pseudonym(person_id)
        is_named = raw_person_id is not None and store.is_named(raw_person_id)
        is_known = is_named or (known_as is not None and _was_known(store.human_events(), person_id))
        detail = {"reason": reason, "is_known": is_known}
        buried = HumanEvent("erased", str(reader), "person", person_id, home.now(), detail)
        notices = store.erase_person(buried, raw_person_id)
    project_home(home)
    return Erasure(is_known, known_as == TOMBSTONE, len(holding), notices)


def _was_known(events: pd.DataFrame, person_id: str) -> bool:
    """Return whether an earlier erasure under the pseudonym, if any, found somebody: its tombstone is not a person."""
    before = events[events["kind"].eq("erased") & events["subject"].eq(person_id)]
    return before.empty or any(read_detail("erased", detail).is_known for detail in before["detail"])
