"""Lists of people: opened, approved, overridden, revoked, exported; each act recorded, each read logged."""

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
from pipeline.store.store import Store

LEFT = "revoke lists that the latest run takes something back of"
RUN_AGAIN = "harmspot run makes a new one"
# What a recipient needs to do what the list is for, and no more.
EXPORTED = {
    "warrant_queue": ["position", "warrant_id", "person_id", "kind", "route"],
    "person_tier": ["person_id", "tier", "rule"],
    "dealer_ranking": ["rank", "person_id"],
    "call_in": ["person_id"],
    "referral": ["person_id", "route"],
    "safeguarding": ["person_id", "reason"],
}


def shown_lists(home: Home, run_id: str | None) -> pd.DataFrame:
    """Return every list of a run (default: the latest): list_id, status, entries, who approved it until when.

    Counts alone. `valid_to` is when its use ends: of its rows, or of the registration under which it was approved.
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
    """Return how much of what was decided on people changed, in every kept run (`list_lifecycle`)."""
    found, kept = _statuses(home), set(runs(home.path)["run_id"])
    counts = {}
    for list_id in found:
        name, run_id = lifecycle.split_list_id(list_id)
        if run_id in kept:
            counts[list_id] = table_counts(home.path, home.key, run_id)[1].get(name, 0)
    return lifecycle.human_changes(found, counts)


def read_list(home: Home, table: str, run_id: str | None, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return a table of people as it may be used now: who is excepted or erased left out, `list_status` as it stands.

    What people did is asked of the store: what a publication shows of it may be older by one act.

    Raises
    ------
    PurposeError, PublicationError : see `pipeline.publication.publish.read_restricted`; the read is logged first.
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
    """Return a list with the evidence behind each entry; that it was opened, by whom, is recorded."""
    wanted = find_list(home, list_id)
    require_purpose(reader, purpose)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose)
    _record(home, HumanEvent("opened", str(reader), "list", list_id, home.now(), {"purpose": str(purpose)}))
    return rows


def approve_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """Make a list active: of the latest run, while it is new, its effect registered, by somebody who opened it.

    Nobody on it may have turned out, since the run, to be somebody who is never listed, and no warrant to be over.

    Raises
    ------
    PublicationError : a rule forbids it; the message says which.
    """
    wanted, now = find_list(home, list_id), home.now()
    if now >= wanted.valid_to:
        raise PublicationError(f"list {list_id} expired on {home.day_of(wanted.valid_to)}; approve that of a new run")
    latest = str(runs(home.path)["run_id"].iloc[-1])
    if wanted.as_of is None or wanted.run_id != latest:
        raise PublicationError(f"list {list_id} is not of the latest run {latest}; approve what is known now")
    if now >= wanted.as_of + lifecycle.APPROVED_WITHIN:
        raise PublicationError(
            f"list {list_id} says how things stood on {home.day_of(wanted.as_of)}, more than "
            f"{lifecycle.APPROVED_WITHIN.days} days ago; {RUN_AGAIN}"
        )
    if problems := log_problems(home):
        raise PublicationError(f"list {list_id} cannot be approved while reads cannot be trusted: {problems[0]}")
    event = ListEvent("approved", by, list_id, home.now(), reason)
    _check(home, event, {"reason": reason})
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"approve the list: {reason}")
    _do(home, event, {"reason": reason}, rows)


def revoke_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """End a list's use for good, all its copies included, and withdraw the letters drafted to those on it."""
    wanted = find_list(home, list_id)
    event = ListEvent("revoked", by, list_id, home.now(), reason)
    _check(home, event, {"reason": reason})
    # Of a run that is no longer kept nobody can say who was on the list; its letters go out no more (`notice_acts`).
    if wanted.list_name == PERSON_NOTICES_OF and wanted.is_kept:
        rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"revoke the list: {reason}")
        why = f"{by} revoked the list of people that the person is on: {reason}"
        withdraw_person_notices(home, dict.fromkeys(rows["person_id"], why), by=by, drafted_until=wanted.run_id)
    _do(home, event, {"reason": reason})


def end_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """End a list's use, all its copies included; it says nothing against those on it, and their letters stand."""
    _do(home, ListEvent("revoked", by, list_id, home.now(), reason), {"reason": reason})


def override_entry(home: Home, list_id: str, person: str, *, by: str, reason: str, expires_at: datetime) -> None:
    """Take one person off a list until `expires_at`, from this run on; the list's copies must no longer be used.

    A letter that was drafted to the person and not yet served is withdrawn first.

    Raises
    ------
    PublicationError : a rule forbids it, or the person is not on the list.
    """
    wanted = find_list(home, list_id)
    event = ListEvent("overridden", by, list_id, home.now(), reason, home.pseudonym_of(person), expires_at)
    detail = {"reason": reason, "rule": wanted.list_name, "expires_at": expires_at, "person_id": event.person_id}
    _check(home, event, detail)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=by, purpose=f"exception: {reason}")
    if event.person_id not in set(rows["person_id"]):
        raise PublicationError(f"list {list_id}: that person is not on it; an exception can add nobody")
    if wanted.list_name == PERSON_NOTICES_OF:
        withdraw_person_notices(
            home, {str(event.person_id): f"{by} took the person off the list of people: {reason}"}, by=by
        )
    _do(home, event, detail)


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

    No entry says that it is valid for longer than the person's own tier; whose tier is over stays at home.

    Raises
    ------
    PurposeError : without reader or purpose.
    ExportError : without recipient or agreement, or the list is not active, or the store knows better of those on it.
    """
    wanted = find_list(home, list_id)
    require_purpose(reader, purpose)
    missing = [name for name, text in (("recipient", recipient), ("agreement", agreement_id)) if not text.strip()]
    if missing:
        raise ExportError(
            f"list {list_id} goes to nobody without {' and '.join(missing)}: a sharing agreement names both"
        )
    status, halted = _statuses(home).get(list_id, lifecycle.NOTHING_DONE), halt(home)
    state = status.state_at(wanted.valid_to, home.now(), is_halted=is_halted(wanted.list_name, halted))
    if state == "halted":
        raise ExportError(f"list {list_id} may not leave the house. {halted}")
    if state != "active":
        raise ExportError(f"list {list_id} is {state}: only an approved list that is still valid may leave the house")
    usable_until = status.usable_until(wanted.valid_to)
    rows = read_list(home, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose)
    rows = rows.assign(valid_to=_entries_valid_to(home, wanted, rows, usable_until, reader=reader, purpose=purpose))
    rows = rows[rows["valid_to"] > home.now()]
    with open_home_store(home) as store:
        if outdated := _outdated(home, store, wanted.list_name, rows):
            raise ExportError(f"list {list_id} may not leave the house: {outdated}; {RUN_AGAIN}")
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
    """Return what an export says of itself where it may still be used, and until when: while all its entries may.

    Whether it may is asked of the store; moments are told on the force's own clock.

    Raises
    ------
    ExportError : it was altered, has expired, was revoked (the list, or for somebody on it), or the store knows better.
    ClockError : the clock stands before what was done last.
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
        raise ExportError(f"{path}: somebody on list {list_id} was taken off or erased since; ask for a new one")
    if outdated:
        raise ExportError(f"{path}: of list {list_id}, {outdated}; destroy it and ask for a new one")
    ends = [datetime.fromisoformat(entry.get("valid_to", body["valid_to"])) for entry in body["entries"]]
    if over := [str(number) for number, end in enumerate(ends, 1) if now >= end]:
        raise ExportError(
            f"{path}: of list {list_id}, entries {', '.join(over)} of {len(ends)} are past the end of the person's own "
            "tier; destroy it and ask for a new one"
        )
    if is_halted(name, halted := halt_of(home, recorded, now)):
        raise ExportError(f"{path}: list {list_id} may not be used now. {halted}")
    said = {name: body[name] for name in ("list_id", "recipient", "agreement_id", "exported_at")}
    return {**said, "valid_to": home.local_text(min([usable_until, *ends]))}


def revoke_outdated(home: Home) -> list[str]:
    """Revoke each list in use that the latest run takes something back of, or whose run is kept no longer; return ids.

    Who has no evidence left, or was corrected away, leaves every copy with the next run, and so does what was said of
    somebody of whom it now says something milder. A list does not outlive its run among the kept ones.
    """
    kept, events, now = runs(home.path), read_human_events(home), home.now()
    revoked = []
    for each in lists_in_use(home, events, now):
        if reason := _outdated_because(home, each, str(kept["run_id"].iloc[-1])):
            _record(home, HumanEvent("revoked", MACHINE, "list", each.list_id, now, {"reason": reason}))
            revoked.append(each.list_id)
    return revoked


def _outdated_because(home: Home, each: ListRun, latest: str) -> str | None:
    if not each.is_kept:
        return "its run is kept no longer, so nobody can say who is on it"
    if each.run_id == latest:
        return None
    before, after = (_read_by_machine(home, each.list_name, run, LEFT) for run in (each.run_id, latest))
    count = lifecycle.count_downgraded(each.list_name, before, after)
    return f"of {count} of those on it, run {latest} no longer says what it says, or says less" if count else None


def lists_holding(home: Home, person_id: str) -> list[str]:
    """Return the ids of the lists in use that a person is or may be on: of a run that is kept no longer, any.

    Each list looked into is logged like any other read.
    """
    purpose = "revoke lists that hold somebody who is erased"
    return [
        each.list_id
        for each in lists_in_use(home, read_human_events(home), home.now())
        if not each.is_kept
        or _read_by_machine(home, each.list_name, each.run_id, purpose)["person_id"].eq(person_id).any()
    ]


def resolve_people(home: Home, rows: pd.DataFrame, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the rows with the force's own ids in column raw_person_id; the resolving is logged apart, first."""
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
    """Return the act as the store records it.

    Raises PublicationError where a rule forbids it after what was done, or a halt at its moment its approval;
    StoreError where it cannot be written, PersonMentionedError where its words name somebody.
    """
    events = store.human_events()
    status = lifecycle.statuses(list_events(events)).get(event.list_id, lifecycle.NOTHING_DONE)
    if words := lifecycle.refusal(status, event, list_effects(events)):
        raise PublicationError(f"list {event.list_id} cannot be {event.kind}: {words}")
    halted = halt_of(home, events, event.at) if event.kind == "approved" else None
    if is_halted(lifecycle.split_list_id(event.list_id)[0], halted):
        raise PublicationError(f"list {event.list_id} cannot be approved. {halted}")
    allowed = HumanEvent(event.kind, event.actor, "list", event.list_id, event.at, detail)
    allowed.columns()
    store.refuse_mentions(allowed.words)
    return allowed


def _do(home: Home, event: ListEvent, detail: Mapping[str, Any], rows: pd.DataFrame | None = None) -> None:
    """Record an act in the opening of the store in which it was found to be allowed; nobody comes between.

    `rows` : of the list, where they must still be as the store knows things; PublicationError where they are not.
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
    """Return in what the store knows better than the rows of a list, in words and counts; None where in nothing."""
    people = protected_on(home, store, list_name, rows["person_id"])
    ended = ended_warrants(home, store, list_name, rows.get("warrant_id", ()))
    return _known_better(people, ended)


def _outdated_copy(home: Home, store: Store, list_name: str, body: Mapping[str, Any]) -> str | None:
    """Return the same of a copy, whose people are known by their tokens alone."""
    people = protected_on(home, store, list_name, body["people"], named_by=lambda i: entry_token(i, home.key))
    ended = ended_warrants(home, store, list_name, [e["warrant_id"] for e in body["entries"] if "warrant_id" in e])
    return _known_better(people, ended)


def _known_better(people: str | None, ended: int) -> str | None:
    said = [
        *([f"those on it are now known to be: {people}"] if people else []),
        *([f"{ended} of its warrants executed or recalled"] if ended else []),
    ]
    return " and ".join(said) or None


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
    """Until when each row may be used; the tiers are read, and logged, where the list is of people on one."""
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
