"""Exported copies of lists of people: write one for a recipient, and check whether one may still be used."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flows.decisions.desk import at_desk
from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.store_access import open_home_store, read_people
from flows.human_log.audit_events import halt_of
from flows.human_log.integrity import refuse_earlier_clock
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.list_events import list_events, taken_off_people
from flows.human_log.list_rows import ask_list, own_ids
from flows.human_log.list_runs import ListRun, find_list
from flows.human_log.listed_now import why_off
from models.governance.audits import is_halted
from models.governance.list_lifecycle import (
    TIERED_LISTS,
    entries_valid_to,
    split_list_id,
    status_of,
)
from models.people_lists.still_listed import in_words
from models.users.look_alikes import is_seen
from pipeline.errors import ExportError
from pipeline.privacy.access_log import require_purpose
from pipeline.privacy.signed_export import NOT_GROUNDS, entry_token, read_export, write_export
from pipeline.publication.publish import read_for_rules, runs
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store

# The columns that a recipient needs for the purpose of the list, and no others.
EXPORTED = {
    "warrant_queue": ["position", "warrant_id", "person_id", "kind", "route"],
    "person_tier": ["person_id", "tier", "rule"],
    "dealer_ranking": ["rank", "person_id"],
    "call_in": ["person_id"],
    "referral": ["person_id", "route"],
    "safeguarding": ["person_id", "reason"],
}


def export_list(
    home: Home,
    list_id: str,
    out: Path,
    *,
    recipient: str,
    agreement_id: str,
    reader: str | None,
    purpose: str | None,
    is_resolved: bool = False,
) -> int:
    """Write an approved, unexpired list to a signed file and return its number of entries; the disclosure is recorded.

    No entry is valid for longer than the person's own tier; people whose tier has ended are not exported. A resolved
    copy has one own id for each entry, that of the entry's pseudonym: no recipient learns which ids are one person.

    Raises
    ------
    PurposeError
        Without reader or purpose.
    ExportError
        Without recipient or agreement, if the list is not active, or if newer data in the store contradict it.
    """
    with at_desk(home) as desk:
        wanted = find_list(home, desk.ledger, list_id)
        require_purpose(reader, purpose)
        _require_agreement(list_id, recipient=recipient, agreement=agreement_id)
        _refuse_inactive(home, desk.ledger, wanted)
        asked = ask_list(
            home, desk.ledger, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose, store=desk.store
        )
        rows, off = (
            _usable_rows(home, wanted, each, reader=reader, purpose=purpose) for each in (asked.rows, asked.off)
        )
        if outdated := asked.off_in_words(off.index):
            raise ExportError(f"list {list_id} cannot be exported: {outdated}; harmspot run makes a new one")
        detail = {"list_id": list_id, "recipient": recipient, "agreement_id": agreement_id, "entries": len(rows)}
        home.log_access("export", {**detail, "is_resolved": is_resolved}, reader=reader, purpose=purpose)
        columns, usable_until = EXPORTED[wanted.list_name], wanted.usable_until
        shown = rows[[*columns, "valid_to"]]
        if is_resolved:
            shown = shown.assign(person_id=rows["person_id"].map(own_ids(desk.store, {*rows["person_id"]})))
        body = {
            "list_id": list_id,
            "not_grounds": NOT_GROUNDS,
            "run_id": wanted.run_id,
            "exported_at": home.now().isoformat(),
            "valid_to": usable_until.isoformat(),
            "recipient": recipient.strip(),
            "agreement_id": agreement_id.strip(),
            "purpose": str(purpose).strip(),
            "people": sorted({entry_token(person_id, home.key) for person_id in rows["person_id"]}),
            "entries": [{**entry, "not_grounds": NOT_GROUNDS} for entry in to_json_rows(shown)],
        }
        signature = write_export(out, body, home.key)
        shared = {"recipient": recipient, "agreement_id": agreement_id, "columns": columns, "valid_to": usable_until}
        desk.record(HumanEvent("exported", str(reader), "list", list_id, home.now(), shared))
    home.progress(f"wrote {out}, signature {signature[:12]}…")
    return len(rows)


def verify_export(home: Home, path: Path) -> dict[str, Any]:
    """Check an export against the store and return its metadata; `valid_to` is when its first entry expires.

    `valid_to` is text in the force's time zone.

    Raises
    ------
    ExportError
        If it was altered, has expired, was revoked (the list, or for a person on it), or newer data contradict it.
    ClockError
        If the clock is before the last recorded event.
    """
    body = read_export(path, home.key)
    list_id, now = str(body["list_id"]), home.now()
    name, _ = split_list_id(list_id)
    with open_home_store(home) as store:
        ledger = ledger_of(home, store)
        refuse_earlier_clock(home, ledger)
        outdated = _outdated(home, store, list_id, body)
    events = list_events(ledger)
    status = status_of(events, list_id)
    usable_until = status.usable_until(datetime.fromisoformat(body["valid_to"]))
    if now >= usable_until:
        raise ExportError(
            f"{path}: list {list_id} expired at {home.local_text(usable_until)}; destroy it and ask for a new one"
        )
    if revoked := status.revoked:
        raise ExportError(
            f"{path}: list {list_id} was revoked by {revoked.actor} ({revoked.detail['reason']}); destroy it"
        )
    if not status.approved:
        raise ExportError(f"{path}: nobody approved list {list_id}; destroy it")
    off = taken_off_people(ledger, name, datetime.fromisoformat(body["exported_at"])) | ledger.erased_people
    if {entry_token(person_id, home.key) for person_id in off} & {*body["people"]}:
        raise ExportError(f"{path}: a person on list {list_id} was taken off or erased since; ask for a new one")
    ends = [datetime.fromisoformat(entry.get("valid_to", body["valid_to"])) for entry in body["entries"]]
    if over := [str(number) for number, end in enumerate(ends, 1) if now >= end]:
        raise ExportError(
            f"{path}: list {list_id}: entries {', '.join(over)} of {len(ends)} are past the end of the person's own "
            "tier; destroy it and ask for a new one"
        )
    if outdated:
        raise ExportError(f"{path}: list {list_id}: {outdated}; destroy it and ask for a new one")
    if is_halted(name, halted := halt_of(home, ledger, now)):
        raise ExportError(f"{path}: list {list_id} may not be used now. {halted}")
    metadata = {name: body[name] for name in ("list_id", "recipient", "agreement_id", "exported_at")}
    return {**metadata, "valid_to": home.local_text(min([usable_until, *ends]))}


def _outdated(home: Home, store: Store, list_id: str, body: Mapping[str, Any]) -> str:
    """Return why a run now would not put the entries of a copy on the list, as counts; empty if it would."""
    name, run_id = split_list_id(list_id)
    if run_id not in set(runs(home.path)["run_id"]):
        return "its run is kept no longer, so nobody can say who is on it"
    rows = read_for_rules(home.path, home.key, [name], run_id)[name]
    is_copied = rows["person_id"].map(lambda person_id: entry_token(person_id, home.key)).isin(body["people"])
    if "warrant_id" in rows:
        is_copied &= rows["warrant_id"].isin([entry["warrant_id"] for entry in body["entries"]])
    copied = rows[is_copied]
    return in_words(copied, why_off(home, store, name, copied, run_id))


def _require_agreement(list_id: str, **given: str) -> None:
    """Raise ExportError if recipient or agreement has no letter or digit that is seen."""
    if missing := [name for name, text in given.items() if not is_seen(text)]:
        raise ExportError(
            f"list {list_id} cannot be exported without {' and '.join(missing)}: a sharing agreement names both"
        )


def _refuse_inactive(home: Home, ledger: Ledger, wanted: ListRun) -> None:
    """Raise ExportError unless the list is active."""
    now = home.now()
    halted = halt_of(home, ledger, now)
    state = wanted.state_at(now, halted)
    if state == "halted":
        raise ExportError(f"list {wanted.list_id} cannot be exported. {halted}")
    if state != "active":
        raise ExportError(f"list {wanted.list_id} is {state}: only an approved, valid list can be exported")


def _usable_rows(
    home: Home, wanted: ListRun, rows: pd.DataFrame, *, reader: str | None, purpose: str | None
) -> pd.DataFrame:
    """Return the rows that may be used, each until its own `valid_to`; where people have a tier, the tiers are read."""
    if rows.empty:
        return rows
    tiers = rows
    if wanted.list_name in TIERED_LISTS and "expires_at" not in rows:
        tiers = read_people(home, "person_tier", wanted.run_id, reader=reader, purpose=purpose)
    rows = rows.assign(valid_to=entries_valid_to(rows, wanted.list_name, tiers, wanted.usable_until))
    return rows[rows["valid_to"] > home.now()]
