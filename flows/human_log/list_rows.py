"""Rows of the lists of people: those that still stand, with their current status, and the force's own ids.

Each read is logged. `read_list` is how people are read; `published_list` returns what a run published, for acts that
only protect: to revoke a list, to take somebody off, to erase.
"""

from collections.abc import Collection, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store, read_people
from flows.human_log.audit_events import halt_of
from flows.human_log.ledger import Ledger
from flows.human_log.list_events import list_events, withheld_people
from flows.human_log.listed_now import why_off
from models.governance.audits import is_halted
from models.governance.list_lifecycle import LISTS, list_id_of, status_of, without_withheld
from models.people_lists.still_listed import in_words
from pipeline.publication.publish import latest_usable, runs
from pipeline.store.interface import Store
from pipeline.store.same_people import SamePeople

# Tables that say something of people because they are on a list: rows of those who are off it now are left out.
OF_LIST = {
    "person_notice": "person_tier",
    "person_notice_state": "person_tier",
    "person_change": "person_tier",
    "tier_term": "person_tier",
    "seller_term": "dealer_ranking",
}
EVIDENCE = ("evidence_ids", "rule_evidence_ids")


@dataclass(frozen=True, slots=True)
class AskedRows:
    """Rows of a table of people that still stand, and those that do not, with why."""

    rows: pd.DataFrame = field(repr=False)
    off: pd.DataFrame = field(repr=False)
    why: pd.Series = field(repr=False)

    def off_in_words(self, among: pd.Index | None = None) -> str:
        """Return why rows are off, of all or of some, as counts without ids; empty if none is."""
        off = self.off if among is None else self.off.loc[among]
        return in_words(off, self.why.loc[off.index])


def read_list(
    home: Home,
    ledger: Ledger,
    table: str,
    run_id: str | None,
    *,
    reader: str | None,
    purpose: str | None,
    store: Store | None = None,
) -> pd.DataFrame:
    """Return the rows of a table of people that still stand; how many do not, and why, is said without ids.

    Parameters
    ----------
    home : Home
        Home to read.
    ledger : Ledger
        Its ledger: human decisions are read from it, because the publication may lag behind it by one event.
    table : str
        Name of the table.
    run_id : str or None
        A kept run; None for the latest.
    reader, purpose : str or None
        Who reads, and why; logged first.
    store : Store, optional
        The open store of the home; None opens it.

    Raises
    ------
    PurposeError, PublicationError
        As in `pipeline.publication.publish.read_restricted`.
    """
    asked = ask_list(home, ledger, table, run_id, reader=reader, purpose=purpose, store=store)
    if off := asked.off_in_words():
        left = "1 row" if len(asked.off) == 1 else f"{len(asked.off)} rows"
        home.progress(f"of {table} {left} left out: {off}")
    return asked.rows


def ask_list(
    home: Home,
    ledger: Ledger,
    table: str,
    run_id: str | None,
    *,
    reader: str | None,
    purpose: str | None,
    store: Store | None = None,
    people: Collection[str] | None = None,
) -> AskedRows:
    """Return the rows of a table, or of some ids in it, by whether they still stand; parameters as `read_list`."""
    rows = published_list(home, ledger, table, run_id, reader=reader, purpose=purpose)
    rows = rows if people is None else rows[rows["person_id"].isin(people)]
    list_name = table if table in LISTS else OF_LIST.get(table)
    if list_name is None or rows.empty:
        return AskedRows(rows, rows.iloc[:0], pd.Series(dtype="str"))
    rows_run = rows["run_id"].iloc[0] if "run_id" in rows else latest_usable(home.path)
    asked_of = rows[rows["served_at"].isna()] if "served_at" in rows else rows  # what was served stays on record
    with nullcontext(store) if store else open_home_store(home) as opened:
        asked = why_off(home, opened, list_name, asked_of, str(rows_run), is_listed=_is_entry(asked_of))
        rows = _with_corrections(home, opened, rows, str(rows_run))
    why = asked.reindex(rows.index, fill_value="")
    is_off = why.ne("")
    return AskedRows(rows[~is_off].reset_index(drop=True), rows[is_off], why[is_off])


def _with_corrections(home: Home, store: Store, rows: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """Return the rows with `corrected_evidence`, which of the incidents behind each were corrected since the run.

    An entry may stand on other evidence; whoever reads it is told that part of what it cites has fallen. Without any
    correction the column is left out.
    """
    lists = [rows[name].explode().dropna() for name in EVIDENCE if name in rows]
    cited = pd.concat(lists) if lists else pd.Series(dtype="str")
    if cited.empty:
        return rows
    known_then: Any = runs(home.path).set_index("run_id").loc[run_id, "known_at"]
    # The store compares what anything cites; here the row takes the place of the notice.
    evidence = pd.DataFrame({"notice_id": cited.index.astype(str), "incident_id": cited.to_numpy()}).drop_duplicates()
    evidence = evidence.assign(person_id=pd.Series(None, index=evidence.index, dtype="str"), known_then=known_then)
    found = store.corrected_evidence(evidence, store.latest_known_at(home.now()))
    if found.empty:
        return rows
    told = (found["incident_id"] + " " + found["what"]).groupby(found["notice_id"].astype("int64")).agg(list)
    cite = "1 row cites" if len(told) == 1 else f"{len(told)} rows cite"
    home.progress(f"{cite} evidence that was cancelled or amended since the run: column corrected_evidence")
    return rows.assign(corrected_evidence=told.reindex(rows.index).to_numpy())


def published_list(
    home: Home, ledger: Ledger, table: str, run_id: str | None, *, reader: str | None, purpose: str | None
) -> pd.DataFrame:
    """Return a table of people as published, without excepted or erased people, with the current `list_status`.

    Whether its rows still stand is not asked: see `read_list`, whose parameters it has.
    """
    rows = read_people(home, table, run_id, reader=reader, purpose=purpose)
    if "person_id" in rows:
        rows = rows[~rows["person_id"].isin(ledger.erased_people)].reset_index(drop=True)
    if table not in LISTS:
        return rows
    now = home.now()
    kept = without_withheld(rows, table, withheld_people(ledger, now))
    return kept if kept.empty else kept.assign(list_status=_state(home, ledger, kept, table, now))


def _is_entry(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are about somebody who is on the list, not about one who has left it."""
    if "is_listed" in rows:
        return rows["is_listed"].astype(bool)
    return rows["tier_after"].notna() if "tier_after" in rows else pd.Series(data=True, index=rows.index)


def _state(home: Home, ledger: Ledger, kept: pd.DataFrame, table: str, now: datetime) -> str:
    status = status_of(list_events(ledger), list_id_of(table, str(kept["run_id"].iloc[0])))
    is_stopped = is_halted(table, halt_of(home, ledger, now))
    return status.state_at(kept["valid_to"].iloc[0], now, is_halted=is_stopped)


def resolve_people(home: Home, rows: pd.DataFrame, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the rows with the force's own id of each in raw_person_id; this is logged first, as a separate action.

    `joined_raw_ids` lists the other ids that the run took for the same person: one joined later was not in the run.
    """
    home.log_access("resolve", {"people": int(rows["person_id"].nunique())}, reader=reader, purpose=purpose)
    known_at: Any = runs(home.path).set_index("run_id")["known_at"]
    run_ids = rows["run_id"] if "run_id" in rows else pd.Series(latest_usable(home.path), index=rows.index)
    with open_home_store(home) as store:
        same = {
            run_id: store.same_people(known_at[run_id].to_pydatetime())
            for run_id in run_ids.unique()
            if run_id in known_at.index
        }
        ids = [
            same.get(run_id, SamePeople()).ids(each) for each, run_id in zip(rows["person_id"], run_ids, strict=True)
        ]
        raw = own_ids(store, {each for of_one in ids for each in of_one} | {*rows["person_id"]})
    others = [
        sorted(raw[each] for each in of_one if each != own and each in raw)
        for own, of_one in zip(rows["person_id"], ids, strict=True)
    ]
    joined = pd.Series(others, rows.index, dtype=object)
    added: dict[str, Any] = {"raw_person_id": rows["person_id"].map(raw), "joined_raw_ids": joined}
    place = list(rows.columns).index("person_id") + 1
    return rows.assign(**added)[[*rows.columns[:place], *added, *rows.columns[place:]]]


def own_ids(store: Store, people: Iterable[str]) -> dict[str, str]:
    """Return the force's own id behind each pseudonym, and no id joined to it. Log the access before you call this."""
    return store.resolve_pseudonyms(sorted(people))
