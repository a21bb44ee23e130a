"""Lists of people: open, approve, override, revoke, export. Each decision is recorded, each read logged."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flows.decisions.audits import halt
from flows.decisions.notice_decisions import PERSON_NOTICES_OF
from flows.decisions.person_notices import withdraw_person_notices
from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.store_access import open_home_store, read_human_events
from flows.human_log.audit_events import halt_of
from flows.human_log.integrity import log_problems, refuse_earlier_clock
from flows.human_log.list_events import erased_people, list_effects, list_events
from flows.human_log.list_runs import ListRun, find_list, list_names, lists_in_use, valid_to
from flows.human_log.projections import project_home
from flows.human_log.protection import ended_warrants, protected_on
from models.governance import list_lifecycle as lifecycle
from models.governance.actors import MACHINE
from models.governance.audits import is_halted
from models.governance.list_lifecycle import ListEvent, ListStatus
from pipeline.errors import ExportError, PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.privacy.signed_export import NOT_GROUNDS, entry_token, read_export, write_export
from pipeline.publication.publish import read_restricted, runs, table_counts
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store

LEFT = "revoke lists that the latest run downgrades"
RUN_AGAIN = "harmspot run makes a new one"
# The columns that a recipient needs for the purpose of the list, and no others.
EXPORTED = {
    "warrant_queue": ["position", "warrant_id", "person_id", "kind", "route"],
    "person_tier": ["person_id", "tier", "rule"],
    "dealer_ranking": ["rank", "person_id"],
    "call_in": ["person_id"],
    "referral": ["person_id", "route"],
    "safeguarding": ["person_id", "reason"],
}


def shown_lists(home: Home, run_id: str | None) -> pd.DataFrame:
    """Return every list of a run (default: the latest): list_id, status, entries, approval and expiry.

    Counts only. `valid_to` is when its use ends: with its rows or with the registration under which it was approved.
    """
    kept = runs(home.path).set_index("run_id")
    if kept.empty:
        raise PublicationError(f"nothing is published in {home.path} yet; run: harmspot run")
    wanted = run_id or str(kept.index[-1])
    if wanted not in kept.index:
        raise PublicationError(f"run {wanted!r} is not kept; harmspot show runs lists those that are")
    entries = table_counts(home.path, home.key, wanted)[1]
    found, now, halted = _statuses(home), home.now(), halt(home)
    rows = [
        {
            "list_id": list_id,
            "status": status.state_at(ends_at, now, is_halted=is_halted(name, halted)),
            "entries": entries[name],
            "exceptions": len({event.person_id for event in status.exceptions}),
            "valid_to": status.usable_until(ends_at),
            "approved_by": status.approved.actor if status.approved else None,
            "stops_at": status.stops_at,
            "revoked_because": status.revoked.reason if status.revoked else None,
        }
        for name in list_names()
        for list_id in [lifecycle.list_id_of(name, wanted)]
        for status in [found.get(list_id, lifecycle.NOTHING_DONE)]
        for ends_at in [valid_to(home, name, wanted, kept.loc[wanted, "as_of"])]
    ]
    return pd.DataFrame(rows)


def human_changes(home: Home) -> pd.DataFrame:
    """Return how often people changed lists, over every kept run (`list_lifecycle.human_changes`)."""
    found, kept = _statuses(home), set(runs(home.path)["run_id"])
    counts = {}
    for list_id in found:
        name, run_id = lifecycle.split_list_id(list_id)
        if run_id in kept:
            counts[list_id] = table_counts(home.path, home.key, run_id)[1].get(name, 0)
    return lifecycle.human_changes(found, counts)


def read_list(home: Home, table: str, run_id: str | None, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return a usable table of people: without excepted or erased people, with the current `list_status`.

    Human decisions are read from the store, because the publication may lag behind it by one event. The read is logged
    first.

    Raises
    ------
    PurposeError, PublicationError
        As in `pipeline.publication.publish.read_restricted`.
    """
    rows = read_restricted(
        home.path, home.key, table, reader=reader, purpose=purpose, log=home.access_log, now=home.now(), run_id=run_id
    )
    recorded = read_human_events(home)
    if "person_id" in rows:
        rows = rows[~rows["person_id"].isin(erased_people(recorded))].reset_index(drop=True)
    if table not in lifecycle.LISTS:
        return rows
    events, now = list_events(recorded), home.now()
    kept = lifecycle.without_withheld(rows, table, lifecycle.withheld(events, now))
    if kept.empty:
        return kept
    list_id = lifecycle.list_id_of(table, str(kept["run_id"].iloc[0]))
    status, halted = lifecycle.statuses(events).get(list_id, lifecycle.NOTHING_DONE), halt_of(home, recorded, now)
    return kept.assign(list_status=status.state_at(kept["valid_to"].iloc[0], now, is_halted=is_halted(table, halted)))


def open_list(home: Home, list_id: str, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return a list with the evidence behind each entry, and record who opened it."""
    wanted = find_list(home, list_id)
    require_purpose(reader, purpose)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose)
    _record(home, HumanEvent("opened", str(reader), "list", list_id, home.now(), {"purpose": str(purpose)}))
    return rows


def approve_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """Make a list of the latest run active, if it is recent, its effect is registered and `by` opened it.

    Approval fails if data since the run show that a person on it must never be listed, or that a warrant has ended.

    Raises
    ------
    PublicationError
        If a rule forbids it; the message names the rule.
    """
    wanted, now = find_list(home, list_id), home.now()
    if now >= wanted.valid_to:
        raise PublicationError(
            f"list {list_id} expired on {home.day_of(wanted.valid_to)}; approve the list of a new run"
        )
    latest = str(runs(home.path)["run_id"].iloc[-1])
    if wanted.as_of is None or wanted.run_id != latest:
        raise PublicationError(f"list {list_id} is not of the latest run {latest}; approve the list of that run")
    if now >= wanted.as_of + lifecycle.APPROVED_WITHIN:
        raise PublicationError(
            f"list {list_id} describes the state on {home.day_of(wanted.as_of)}, more than "
            f"{lifecycle.APPROVED_WITHIN.days} days ago; {RUN_AGAIN}"
        )
    if problems := log_problems(home):
        raise PublicationError(f"list {list_id} cannot be approved while the access log is not trusted: {problems[0]}")
    event = ListEvent("approved", by, list_id, home.now(), reason)
    _check(home, event, {"reason": reason})
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"approve the list: {reason}")
    _record_checked(home, event, {"reason": reason}, rows)


def revoke_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """Revoke a list and all its copies permanently, and withdraw the person notices drafted to people on it."""
    wanted = find_list(home, list_id)
    event = ListEvent("revoked", by, list_id, home.now(), reason)
    _check(home, event, {"reason": reason})
    # If the run is no longer kept, the people on it are unknown; rules in `notice_decisions` block its person notices.
    if wanted.list_name == PERSON_NOTICES_OF and wanted.is_kept:
        rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"revoke the list: {reason}")
        why = f"{by} revoked the list of people that the person is on: {reason}"
        withdraw_person_notices(home, dict.fromkeys(rows["person_id"], why), by=by, drafted_until=wanted.run_id)
    _record_checked(home, event, {"reason": reason})


def end_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """Revoke a list and all its copies, but keep the person notices drafted to people on it."""
    _record_checked(home, ListEvent("revoked", by, list_id, home.now(), reason), {"reason": reason})


def override_entry(home: Home, list_id: str, person: str, *, by: str, reason: str, expires_at: datetime) -> None:
    """Remove one person from a list until `expires_at`, from this run on; the list's copies must no longer be used.

    A person notice that was drafted and not yet served is withdrawn first.

    Raises
    ------
    PublicationError
        If a rule forbids it, or the person is not on the list.
    """
    wanted = find_list(home, list_id)
    event = ListEvent("overridden", by, list_id, home.now(), reason, home.pseudonym_of(person), expires_at)
    detail = {"reason": reason, "rule": wanted.list_name, "expires_at": expires_at, "person_id": event.person_id}
    _check(home, event, detail)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"exception: {reason}")
    if event.person_id not in set(rows["person_id"]):
        raise PublicationError(f"list {list_id}: that person is not on it; an exception cannot add anybody")
    if wanted.list_name == PERSON_NOTICES_OF:
        withdraw_person_notices(
            home, {str(event.person_id): f"{by} took the person off the list of people: {reason}"}, by=by
        )
    _record_checked(home, event, detail)


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

    No entry is valid for longer than the person's own tier; people whose tier has ended are not exported.

    Raises
    ------
    PurposeError
        Without reader or purpose.
    ExportError
        Without recipient or agreement, if the list is not active, or if newer data in the store contradict it.
    """
    wanted = find_list(home, list_id)
    require_purpose(reader, purpose)
    missing = [name for name, text in (("recipient", recipient), ("agreement", agreement_id)) if not text.strip()]
    if missing:
        raise ExportError(
            f"list {list_id} cannot be exported without {' and '.join(missing)}: a sharing agreement names both"
        )
    status, halted = _statuses(home).get(list_id, lifecycle.NOTHING_DONE), halt(home)
    state = status.state_at(wanted.valid_to, home.now(), is_halted=is_halted(wanted.list_name, halted))
    if state == "halted":
        raise ExportError(f"list {list_id} cannot be exported. {halted}")
    if state != "active":
        raise ExportError(f"list {list_id} is {state}: only an approved, valid list can be exported")
    usable_until = status.usable_until(wanted.valid_to)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose)
    rows = rows.assign(valid_to=_entries_valid_to(home, wanted, rows, usable_until, reader=reader, purpose=purpose))
    rows = rows[rows["valid_to"] > home.now()]
    with open_home_store(home) as store:
        if outdated := _outdated(home, store, wanted.list_name, rows):
            raise ExportError(f"list {list_id} cannot be exported: {outdated}; {RUN_AGAIN}")
    columns = EXPORTED[wanted.list_name]
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
        "entries": [
            {**entry, "not_grounds": NOT_GROUNDS} for entry in _entries(home, rows, [*columns, "valid_to"], is_resolved)
        ],
    }
    detail = {"list_id": list_id, "recipient": recipient, "agreement_id": agreement_id, "entries": len(rows)}
    _log(home, reader, purpose, "export", {**detail, "is_resolved": is_resolved})
    signature = write_export(out, body, home.key)
    shared = {"recipient": recipient, "agreement_id": agreement_id, "columns": columns, "valid_to": usable_until}
    _record(home, HumanEvent("exported", str(reader), "list", list_id, home.now(), shared))
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
    refuse_earlier_clock(home)
    list_id, now = str(body["list_id"]), home.now()
    name, _ = lifecycle.split_list_id(list_id)
    with open_home_store(home) as store:
        recorded, outdated = store.human_events(), _outdated_copy(home, store, name, body)
    events = list_events(recorded)
    status = lifecycle.statuses(events).get(list_id, lifecycle.NOTHING_DONE)
    usable_until = status.usable_until(datetime.fromisoformat(body["valid_to"]))
    if now >= usable_until:
        raise ExportError(
            f"{path}: list {list_id} expired at {home.local_text(usable_until)}; destroy it and ask for a new one"
        )
    if revoked := status.revoked:
        raise ExportError(f"{path}: list {list_id} was revoked by {revoked.actor} ({revoked.reason}); destroy it")
    if not status.approved:
        raise ExportError(f"{path}: nobody approved list {list_id}; destroy it")
    off = lifecycle.taken_off_since(events, name, datetime.fromisoformat(body["exported_at"])) | {
        *erased_people(recorded)
    }
    if {entry_token(person_id, home.key) for person_id in off} & {*body["people"]}:
        raise ExportError(f"{path}: a person on list {list_id} was taken off or erased since; ask for a new one")
    if outdated:
        raise ExportError(f"{path}: list {list_id}: {outdated}; destroy it and ask for a new one")
    ends = [datetime.fromisoformat(entry.get("valid_to", body["valid_to"])) for entry in body["entries"]]
    if over := [str(number) for number, end in enumerate(ends, 1) if now >= end]:
        raise ExportError(
            f"{path}: list {list_id}: entries {', '.join(over)} of {len(ends)} are past the end of the person's own "
            "tier; destroy it and ask for a new one"
        )
    if is_halted(name, halted := halt_of(home, recorded, now)):
        raise ExportError(f"{path}: list {list_id} may not be used now. {halted}")
    metadata = {name: body[name] for name in ("list_id", "recipient", "agreement_id", "exported_at")}
    return {**metadata, "valid_to": home.local_text(min([usable_until, *ends]))}


def revoke_outdated(home: Home) -> list[str]:
    """Revoke each list in use that the latest run downgrades, or whose run is no longer kept; return the list ids.

    A list is downgraded if the latest run removes a person from it, for lack of evidence or after a correction, or
    lists a person at a milder level.
    """
    kept, events, now = runs(home.path), read_human_events(home), home.now()
    revoked = []
    for each in lists_in_use(home, events, now):
        if reason := _revocation_reason(home, each, str(kept["run_id"].iloc[-1])):
            _record(home, HumanEvent("revoked", MACHINE, "list", each.list_id, now, {"reason": reason}))
            revoked.append(each.list_id)
    return revoked


def _revocation_reason(home: Home, each: ListRun, latest: str) -> str | None:
    if not each.is_kept:
        return "its run is kept no longer, so nobody can say who is on it"
    if each.run_id == latest:
        return None
    before, after = (_read_by_machine(home, each.list_name, run, LEFT) for run in (each.run_id, latest))
    count = lifecycle.count_downgraded(each.list_name, before, after)
    return f"of {count} of those on it, run {latest} no longer says what it says, or says less" if count else None


def lists_holding(home: Home, person_id: str) -> list[str]:
    """Return the ids of the lists in use with the person, and of all lists in use whose run is no longer kept.

    Each read of a list is logged.
    """
    purpose = "revoke lists that hold somebody who is erased"
    return [
        each.list_id
        for each in lists_in_use(home, read_human_events(home), home.now())
        if not each.is_kept
        or _read_by_machine(home, each.list_name, each.run_id, purpose)["person_id"].eq(person_id).any()
    ]


def resolve_people(home: Home, rows: pd.DataFrame, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the rows with the force's own ids in column raw_person_id; this is logged first, as a separate action."""
    _log(home, reader, purpose, "resolve", {"people": int(rows["person_id"].nunique())})
    with open_home_store(home) as store:
        raw = store.resolve_pseudonyms(rows["person_id"].unique().tolist())
    resolved = rows.assign(raw_person_id=rows["person_id"].map(raw))
    place = list(rows.columns).index("person_id") + 1
    return resolved[[*rows.columns[:place], "raw_person_id", *rows.columns[place:]]]


def _statuses(home: Home) -> dict[str, ListStatus]:
    return lifecycle.statuses(list_events(read_human_events(home)))


def _check(home: Home, event: ListEvent, detail: Mapping[str, Any]) -> None:
    with open_home_store(home) as store:
        _allowed(home, store, event, detail)


def _allowed(home: Home, store: Store, event: ListEvent, detail: Mapping[str, Any]) -> HumanEvent:
    """Return the event as the store records it.

    Raises
    ------
    PublicationError
        If a rule forbids it given the earlier events, or a halt at its time forbids an approval.
    StoreError
        If it cannot be written.
    PersonMentionedError
        If its text names a person.
    """
    events = store.human_events()
    status = lifecycle.statuses(list_events(events)).get(event.list_id, lifecycle.NOTHING_DONE)
    if problem := lifecycle.refusal(status, event, list_effects(events)):
        raise PublicationError(f"list {event.list_id} cannot be {event.kind}: {problem}")
    halted = halt_of(home, events, event.at) if event.kind == "approved" else None
    if is_halted(lifecycle.split_list_id(event.list_id)[0], halted):
        raise PublicationError(f"list {event.list_id} cannot be approved. {halted}")
    allowed = HumanEvent(event.kind, event.actor, "list", event.list_id, event.at, detail)
    allowed.columns()
    store.refuse_mentions(allowed.words)
    return allowed


def _record_checked(home: Home, event: ListEvent, detail: Mapping[str, Any], rows: pd.DataFrame | None = None) -> None:
    """Check and record an event in one store session, so that no other process can write in between.

    Parameters
    ----------
    home : Home
        Home of the store.
    event : ListEvent
        The event.
    detail : mapping
        Details of the event, as the store records them.
    rows : DataFrame or None
        Rows of the list; if given and newer data in the store contradict them, PublicationError is raised.
    """
    with open_home_store(home) as store:
        allowed = _allowed(home, store, event, detail)
        name, _ = lifecycle.split_list_id(event.list_id)
        if rows is not None and (outdated := _outdated(home, store, name, rows)):
            raise PublicationError(f"list {event.list_id} cannot be {event.kind}: {outdated}; {RUN_AGAIN}")
        _log(home, event.actor, event.reason, event.kind, {"list_id": event.list_id})
        store.record_human_event(allowed)
    project_home(home)


def _outdated(home: Home, store: Store, list_name: str, rows: pd.DataFrame) -> str | None:
    """Return how newer data in the store contradict the rows of a list, as counts; None if they do not."""
    people = protected_on(home, store, list_name, rows["person_id"])
    ended = ended_warrants(home, store, list_name, rows.get("warrant_id", ()))
    return _contradictions(people, ended)


def _outdated_copy(home: Home, store: Store, list_name: str, body: Mapping[str, Any]) -> str | None:
    """Return the same for an exported copy, which identifies people only by their tokens."""
    people = protected_on(home, store, list_name, body["people"], named_by=lambda i: entry_token(i, home.key))
    ended = ended_warrants(home, store, list_name, [e["warrant_id"] for e in body["entries"] if "warrant_id" in e])
    return _contradictions(people, ended)


def _contradictions(people: str | None, ended: int) -> str | None:
    parts = [
        *([f"those on it are now known to be: {people}"] if people else []),
        *([f"{ended} of its warrants executed or recalled"] if ended else []),
    ]
    return " and ".join(parts) or None


def _record(home: Home, event: HumanEvent) -> None:
    with open_home_store(home) as store:
        store.record_human_event(event)


def _log(home: Home, reader: str | None, purpose: str | None, action: str, detail: Mapping[str, Any]) -> None:
    home.access_log.append(reader=reader, purpose=purpose, action=action, detail=dict(detail), now=home.now())


def _read_by_machine(home: Home, table: str, run_id: str, purpose: str) -> pd.DataFrame:
    return read_restricted(
        home.path,
        home.key,
        table,
        reader="harmspot run",
        purpose=purpose,
        log=home.access_log,
        now=home.now(),
        run_id=run_id,
    )


def _entries_valid_to(
    home: Home, of: ListRun, rows: pd.DataFrame, usable_until: datetime, *, reader: str | None, purpose: str | None
) -> pd.Series:
    """Return until when each row may be used; for lists of people with a tier, the tiers are read and logged."""
    tiers = rows
    if of.list_name in lifecycle.TIERED_LISTS and "expires_at" not in rows:
        tiers = read_restricted(
            home.path,
            home.key,
            "person_tier",
            reader=reader,
            purpose=purpose,
            log=home.access_log,
            now=home.now(),
            run_id=of.run_id,
        )
    return lifecycle.entries_valid_to(rows, of.list_name, tiers, usable_until)


def _entries(home: Home, rows: pd.DataFrame, columns: list[str], is_resolved: bool) -> list[dict[str, Any]]:
    if not is_resolved:
        return to_json_rows(rows[columns])
    with open_home_store(home) as store:
        raw = store.resolve_pseudonyms(rows["person_id"].unique().tolist())
    return to_json_rows(rows[columns].assign(person_id=rows["person_id"].map(raw)))
