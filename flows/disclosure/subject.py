"""All that is held, read, listed, shared and erased about one person, for a request of access by that person.

Nothing in it is about anybody else: of an incident it has the person's own role, and pseudonyms and ids of others in
texts are replaced. What law lets a force withhold is marked, item by item; whoever answers the request decides, and
reads free text first. Sections are those of the Data Protection Act 2018, part 3 (law enforcement).
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.rows import json_value, to_json_rows
from flows.home.store_access import open_home_store
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.notice_records import notices_of
from models.governance.list_lifecycle import list_id_of
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.publication.person_rows import rows_of_person
from pipeline.store.interface import TOMBSTONE, Store

OTHERS = "somebody else is named (s.45(4)(e)): may be withheld"
COURT = "papers of a court, an arrest or a penalty not yet carried out (s.43(3), s.45(4)(b)): may be withheld"
INQUIRY = "telling it may prejudice an investigation or prevention (s.45(4)(b)): may be withheld"
FREE_TEXT = "free text, which may be about others (s.45(4)(e)): read it first"
MARK = "may_be_withheld"
OWN = "\N{WHITE SQUARE}own {}\N{WHITE SQUARE}"  # in place of each own id while those of others are replaced

Content = dict[str, Any]


def subject_access(home: Home, person: str, *, reader: str | None, purpose: str | None) -> Content:
    """Return what is held about a person given by pseudonym or by the force's own id; logged first.

    Parameters
    ----------
    home : Home
        The home.
    person : str
        Pseudonym or own id; of an erased person the own id still leads to what remains.
    reader, purpose : str or None
        Who reads, and for what; both are logged.

    Returns
    -------
    dict
        JSON-ready: about, held, listed, letters, decisions, read, shared, erased, limits. Items that may be withheld
        have a key `may_be_withheld` with the reason.

    Raises
    ------
    PurposeError
        Without reader or purpose.
    PublicationError
        There is no person with that id; the read is logged in that case, too.
    """
    require_purpose(reader, purpose)
    given = home.pseudonym_of(person)
    with open_home_store(home) as store:
        store.refuse_mentions({"reader": reader, "purpose": purpose})
        home.log_access("subject_access", {"people": 1}, reader=reader, purpose=purpose)
        ledger = ledger_of(home, store)
        ids = ledger.same.ids(given)
        known = store.resolve_pseudonyms(ids)
        erased = [event for event in ledger.events if _is_erasure(event, ids)]
        own = {each: raw_id for each, raw_id in known.items() if raw_id != TOMBSTONE}
        own |= {} if given in own or person == given else {given: person}
        if not known and not erased and not any(map(store.is_named, own.values())):
            raise PublicationError(
                "no person with that id (ids match exactly, including case and spaces): give the force's own id, or "
                "the pseudonym that a list shows"
            )
        log, now = home.access_log, home.now()
        rows = rows_of_person(home.path, home.key, ids, reader=reader, purpose=purpose, log=log, now=now)
        listed_in = {(name, run_id) for name, frame in rows.items() if "run_id" in frame for run_id in frame["run_id"]}
        letters = _letter_ids(ledger, rows, ids)
        held = store.held_about(ids, sorted(own.values()))
        content = {
            "about": _about(home, given, own, reader, purpose),
            "held": _held(held),
            "listed": {
                name: [_listed(home, row) for row in to_json_rows(frame)] for name, frame in rows.items() if len(frame)
            },
            "letters": _letters(ledger, ids),
            "decisions": [_decision(event) for event in ledger.events if _concerns(event, ids, listed_in)],
            "read": [_read(entry) for entry in log.entries() if _is_about(entry.get("detail"), listed_in, letters)],
            "shared": [*_copies(ledger, listed_in), *_messages(held["messages"])],
            "erased": [_erasure(event) for event in erased],
            "limits": LIMITS,
        }
        return _without_others(store, content, {each: own.get(each, each) for each in ids})


LIMITS = [
    "The access log holds no id of a person: a read is told here if it read a list that held the person, or a "
    "letter to the person.",
    "Runs that are no longer kept are gone, and their lists with them; copies of them are told by the decisions.",
    "Dead letters and messages are counted, not quoted: each may be about several people.",
    "Ids that the source says are one person are told together: make sure that they are, before it is given.",
    "Copies of the home outside it (backups, exports that were handed over) are not known to harmspot.",
]


def _about(home: Home, person_id: str, own: Mapping[str, str], reader: str | None, purpose: str | None) -> Content:
    return {
        "force": home.settings.force.name,
        "made_at": home.now().isoformat(),
        "made_by": reader,
        "purpose": purpose,
        "person_id": person_id,
        "own_id": own.get(person_id),
        "joined_ids": [own[each] for each in sorted(own) if each != person_id],
        "law": "Data Protection Act 2018 s.45: right of access; s.45(4) and s.43(3): what may be withheld",
    }


def _held(held: Mapping[str, pd.DataFrame]) -> Content:
    rows = {kind: to_json_rows(frame) for kind, frame in held.items() if kind not in ("identity", "messages")}
    is_live = {row["warrant_id"]: row["status"] == "outstanding" for row in rows["warrants"]}  # by its last version
    rows["warrants"] = [_marked(row, COURT if is_live[row["warrant_id"]] else None) for row in rows["warrants"]]
    rows["incidents"] = [_marked(row, INQUIRY if row["role"] == "suspect" else None) for row in rows["incidents"]]
    rows["actions"] = [{**row, "actor": _name(row["actor"]), **_free("detail", row)} for row in rows["actions"]]
    return {**rows, "dead_letters": int(held["dead_letters"]["letters"].iloc[0])}


def _listed(home: Home, row: Content) -> Content:
    """Return a row of a list; one that may still be acted upon is marked."""
    is_over = bool(row.get("valid_to")) and pd.Timestamp(row["valid_to"]) <= pd.Timestamp(home.now())
    return _marked({name: value for name, value in row.items() if name != "body_html"}, None if is_over else INQUIRY)


def _letters(ledger: Ledger, ids: Collection[str]) -> list[Content]:
    """Return the letters that somebody opened; one that was not handed over is marked as a whole."""
    found = [notice for notice in notices_of(ledger).values() if notice.subject in ids]
    return [
        _marked(
            {
                "notice_id": notice.notice_id,
                "fields": _plain(dict(notice.fields)),
                "status": _marked(_plain(asdict(notice.status)), OTHERS),
            },
            None if notice.status.served_on else INQUIRY,
        )
        for notice in found
    ]


def _is_erasure(event: Any, ids: Collection[str]) -> bool:
    return bool(event.kind == "erased" and event.subject_kind == "person" and event.subject in ids)


def _erasure(event: Any) -> Content:
    reason = {"text": event.detail.get("reason"), MARK: FREE_TEXT}
    return {"at": event.at.isoformat(), "by": _name(event.actor), "reason": reason}


def _concerns(event: Any, ids: Collection[str], listed_in: Collection[tuple[str, str]]) -> bool:
    """Return whether a decision on a list is about the person, or about a list that held the person."""
    if event.subject_kind != "list" or event.kind == "exported":
        return False
    other = event.detail.get("person_id")
    return other in ids or (other is None and event.subject in {list_id_of(*each) for each in listed_in})


def _decision(event: Any) -> Content:
    told = {name: value for name, value in event.detail.items() if name != "person_id"}
    detail = _marked(_plain(told), FREE_TEXT) if told else {}
    row = {"kind": event.kind, "list_id": event.subject, "at": event.at.isoformat()}
    return {**row, "by": _name(event.actor), "detail": detail}


def _letter_ids(ledger: Ledger, rows: Mapping[str, pd.DataFrame], ids: Collection[str]) -> set[str]:
    """Return the ids of all letters to the person: drafts of kept runs, and those that somebody opened."""
    drafts = {notice_id for frame in rows.values() if "notice_id" in frame for notice_id in frame["notice_id"]}
    opened = ledger.about("notice", kinds=["drafted"])
    return drafts | {event.subject for event in opened if event.detail["fields"].get("person_id") in ids}


def _is_about(detail: Any, listed_in: Collection[tuple[str, str]], letters: Collection[str]) -> bool:
    """Return whether an entry of the access log is about a list that held the person, or a letter to the person."""
    if not isinstance(detail, Mapping):
        return False
    read = (str(detail.get("table")), str(detail.get("run_id")))
    return (
        read in listed_in
        or detail.get("notice") in letters
        or detail.get("list_id") in {list_id_of(*each) for each in listed_in}
    )


def _read(entry: Mapping[str, Any]) -> Content:
    return {**{name: entry[name] for name in ("at", "action", "purpose", "detail")}, "by": _name(entry["reader"])}


def _copies(ledger: Ledger, listed_in: Collection[tuple[str, str]]) -> list[Content]:
    """Return the exports of lists that held the person."""
    ids = {list_id_of(*each) for each in listed_in}
    exports = [event for event in ledger.about("list", kinds=["exported"]) if event.subject in ids]
    how = {"how": "copy of a list"}
    return [
        {**how, "list_id": event.subject, "at": event.at.isoformat(), "by": _name(event.actor), **_plain(event.detail)}
        for event in exports
    ]


def _messages(messages: pd.DataFrame) -> list[Content]:
    return [{"how": "message to a partner", **row} for row in to_json_rows(messages)]


def _name(actor: str) -> Content:
    return {"name": actor, MARK: OTHERS}


def _free(name: str, row: Content) -> Content:
    return {name: {"text": row[name], MARK: FREE_TEXT} if row[name] else None}


def _marked(row: Content, because: str | None) -> Content:
    return {**row, MARK: because} if because else row


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    plain = json_value(value)
    return plain if plain is None or isinstance(plain, bool | int | float | str) else str(plain)


def _without_others(store: Store, content: Content, mine: Mapping[str, str]) -> Content:
    """Return the content with every pseudonym and raw id of others replaced; texts that come from us stay.

    `mine` are the person's pseudonyms with the raw id of each, or itself where that is not known.
    """
    numbers = {each.casefold(): n for n, pair in enumerate(mine.items()) for each in pair}
    any_own = "|".join(map(re.escape, sorted(numbers, key=len, reverse=True)))
    own = re.compile(rf"(?<![^\W_])({any_own})(?![^\W_])", re.IGNORECASE)
    given: list[str] = []
    _each_text(content, given.append)
    kept = {
        text: own.sub(lambda found: OWN.format(numbers[found[0].casefold()]), text) for text in dict.fromkeys(given)
    }
    clean = store.redact_words(pd.DataFrame({"text": pd.Series(kept.values(), dtype=object)}))["text"]
    said = dict(zip(kept, clean, strict=True))
    for number, raw_id in enumerate(mine.values()):
        said = {text: redacted.replace(OWN.format(number), raw_id) for text, redacted in said.items()}
    return _with_texts(content, said | {each: each for pair in mine.items() for each in pair})


def _each_text(value: Any, see: Callable[[str], object]) -> None:
    if isinstance(value, str):
        see(value)
    elif isinstance(value, Mapping):
        _see_all(value.values(), see)
    elif isinstance(value, list):
        _see_all(value, see)


def _see_all(values: Iterable[Any], see: Callable[[str], object]) -> None:
    for each in values:
        _each_text(each, see)


def _with_texts(value: Any, said: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return said[value]
    if isinstance(value, Mapping):
        return {name: _with_texts(each, said) for name, each in value.items()}
    return [_with_texts(each, said) for each in value] if isinstance(value, list) else value


def as_json(content: Content) -> bytes:
    """Return the content as JSON."""
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def left_out(value: Any) -> Any:
    """Return the content without what is marked; in its place stands the reason, which is owed (s.45(5))."""
    if isinstance(value, Mapping):
        if MARK in value:
            return {"withheld": value[MARK]}
        return {name: left_out(each) for name, each in value.items()}
    return [left_out(each) for each in value] if isinstance(value, list) else value
