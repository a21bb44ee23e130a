"""Erasure of a person: replace the identity by a tombstone, delete published rows, revoke lists with the person."""

from dataclasses import dataclass

from flows.decisions.desk import at_desk
from flows.decisions.lists import end_list, lists_holding
from flows.decisions.partners import one_delivery
from flows.decisions.person_notices import withdraw_person_notices
from flows.home.home import Home
from flows.home.store_access import open_home_store
from models.governance.actors import is_thin
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import TOMBSTONE
from pipeline.store.migrations import copies_of, remove_copies

# What no erasure in a home reaches; the command names it, because somebody has to.
OUT_OF_REACH = (
    "copies of lists handed over and letters printed: audit export refuses them, ask who has them to destroy them",
    "messages already delivered to partners, and records on Kafka topics until their retention ends",
    "backups of the home, and the sources from which the person was loaded",
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Result of an erasure: whether the person was known or erased before; ids, lists revoked, dead letters emptied."""

    is_known: bool
    was_erased: bool
    id_count: int
    revoked_lists: int
    emptied_letters: int


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """What an erasure would find: whether a person is stored under the id, ids, lists in use, copies of the store."""

    is_known: bool
    id_count: int
    list_count: int
    copy_count: int


def preview_erasure(home: Home, person: str, *, reader: str | None, purpose: str | None) -> ErasurePreview:
    """Return what `erase_person` would end and delete, in counts; logged, and nothing is changed."""
    require_purpose(reader, purpose)
    person_id = home.pseudonym_of(person)
    with home.protecting(), at_desk(home) as desk:
        desk.store.refuse_mentions({"reader": reader, "purpose": purpose})
        home.log_access("erase_preview", {"people": 1}, reader=reader, purpose=purpose)
        is_named, ids = person != person_id and desk.store.is_named(person), desk.ledger.same.ids(person_id)
        is_known = is_named or any(desk.store.resolve_pseudonym(each) not in (None, TOMBSTONE) for each in ids)
        return ErasurePreview(is_known, len(ids), len(lists_holding(desk, ids)), len(copies_of(home.store_file)))


def erase_person(home: Home, person: str, *, reader: str | None, purpose: str | None, reason: str) -> Erasure:
    """Erase a person given by pseudonym or by one of the force's own ids, under all ids of that person.

    The access log records reader and reason first.

    The raw id, every published row and the copies of the store that upgrades kept are deleted, and the store's file is
    written anew, so that no free block of it keeps the id. The pseudonym remains as
    a tombstone in the store, so that hashes and the log's chain still verify, later runs exclude the person at every
    clock, and old events that arrive again do not restore the person. With the force's own id, dead letters and
    messages that name the person are emptied, also if the store has no event of the person. Repeating an erasure after
    a crash completes it. An unknown person gets a tombstone, too, and a repeat reports again that the person was
    unknown.

    Raises
    ------
    PurposeError
        Without reader or purpose.
    PublicationError
        If the reason is a single word.
    PersonMentionedError
        If the reason, purpose or reader names a person.
    StoreBusyError
        The person is erased, and another process kept the store's file from being written anew: repeat the erasure.
    """
    require_purpose(reader, purpose)
    if is_thin(reason):
        raise PublicationError("an erasure needs a reason of more than one word: who asked, and on what legal ground")
    person_id = home.pseudonym_of(person)
    raw_person_id = None if person == person_id else person
    with one_delivery(home), home.protecting(), at_desk(home) as desk:
        store = desk.store
        store.refuse_mentions({"reader": reader, "purpose": purpose, "reason": reason})
        home.log_access("erase", {"reason": reason, "people": 1}, reader=reader, purpose=purpose)
        ids = desk.ledger.same.ids(person_id)
        off = dict.fromkeys(ids, "the person was erased")
        withdraw_person_notices(desk, off, by=str(reader), is_opened_only=True)
        holding = lists_holding(desk, ids)
        for list_id in holding:
            end_list(desk, list_id, by=str(reader), reason="somebody on it was erased")
        known_as = store.resolve_pseudonym(person_id)
        is_named = raw_person_id is not None and store.is_named(raw_person_id)
        # If earlier erasures under the pseudonym found nobody, the tombstone stands for no person.
        before = [event for event in desk.ledger.about("person", kinds=["erased"]) if event.subject == person_id]
        was_known = not before or any(event.detail["is_known"] for event in before)
        is_known = is_named or (known_as is not None and was_known)
        detail = {"reason": reason, "is_known": is_known}
        emptied_letters = sum(
            desk.erase_person(
                HumanEvent("erased", str(reader), "person", each, home.now(), detail),
                raw_person_id if each == person_id else None,
            )
            for each in ids
        )
    # The publications no longer hold the person; only then is the store closed to others for a while.
    _delete_copies(home)
    with home.protecting(), open_home_store(home) as store:
        store.rewrite(home.store_file, home.key, wait_s=home.settings.store.wait_s)
    return Erasure(is_known, known_as == TOMBSTONE, len(ids), len(holding), emptied_letters)


def _delete_copies(home: Home) -> None:
    """Delete the copies of the store that upgrades kept: they hold the raw id."""
    for copy in remove_copies(home.store_file):
        home.progress(f"deleted {copy}, the store before an upgrade: it would keep the identity of the erased person")
