"""The question before anything is done with a list of people: would a run now still put this entry on this list.

A run reads the store once. What comes in later may protect a person, end a warrant or take the evidence away, and it
counts at once: wherever a list or letter is approved, served, exported, checked, read, explained or printed, `why_off`
is asked. It applies the rules of a run (`models.people_lists.still_listed`) to what the store knows of the listed
people now; no other module says what takes somebody off. Erased people are left out wherever people are read
(`Ledger.erased_people`).
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.inputs.assembly import (
    local_zone_clock,
    market_reports,
    people_frames,
    place_incidents,
    place_nothing,
    read_map,
    read_run_codebook,
)
from flows.run.prioritise import find_street_markets, flagrant_cells
from models.governance.list_lifecycle import ENFORCEMENT_LISTS
from models.governance.notice_lifecycle import Notice
from models.people_lists import still_listed
from models.people_lists.assess import NO_PREVIOUS, PreviousPeople
from models.people_lists.still_listed import Decided, decide_again
from pipeline.local_time import LATEST
from pipeline.publication.publish import latest_usable, read_for_rules, runs
from pipeline.store.interface import Store
from pipeline.store.same_people import SamePeople
from pipeline.store.snapshot import snapshot_of

BY_CHANCE = ("person_tier", "dealer_ranking", "call_in")  # a run lists people on these by their chance, for a term
LETTERS = "person_tier"  # the list whose people get letters
SELLERS = "dealer_ranking"  # who sells in flagrant markets is not on it


def why_off(
    home: Home,
    store: Store,
    list_name: str,
    entries: pd.DataFrame,
    run_id: str,
    *,
    at: datetime | None = None,
    is_listed: pd.Series | None = None,
) -> pd.Series:
    """Return, on the index of entries of a list, why a run now would not put them on it; empty where it would.

    Parameters
    ----------
    home : Home
        Home of the list.
    store : Store
        Its open store.
    list_name : str
        Name of the list.
    entries : DataFrame
        Rows of the list: person_id, with tier, or warrant_id and route, as the list has them.
    run_id : str
        The kept run that published the list: its chances and terms hold.
    at : datetime, optional
        Ask of what was known at this moment; None asks of what is known now. That alone takes an entry off a list that
        has expired, not the time that passed since: it is read as it stood.
    is_listed : Series, optional
        False for rows about people who left the list: of these only a gate takes away what is said of them.
    """
    if entries.empty:
        return pd.Series(dtype="str", index=entries.index)
    asked = partial(_why_off, home, store, list_name, entries, run_id, at, is_listed)
    why = asked(at or LATEST)
    if list_name in ENFORCEMENT_LISTS and (then := _joined_otherwise(home, store, entries, run_id, at or LATEST)):
        why = why.where(why.ne(""), asked(then))
    return why


def _joined_otherwise(home: Home, store: Store, entries: pd.DataFrame, run_id: str, now: datetime) -> datetime | None:
    """Return known_at of the run if it took other ids for one person than are known to be now; None if the same.

    An entry stands if it does by both readings: until the next run a join or a parting takes people off lists, and
    keeps nobody on.
    """
    then = _known_at(home, run_id)
    before, after = store.same_people(then), store.same_people(now)
    return then if any(before.ids(each) != after.ids(each) for each in entries["person_id"].unique()) else None


def _why_off(
    home: Home,
    store: Store,
    list_name: str,
    entries: pd.DataFrame,
    run_id: str,
    at: datetime | None,
    is_listed: pd.Series | None,
    joined_at: datetime,
) -> pd.Series:
    """Return what `why_off` does, with the ids that were known to be one person at `joined_at`."""
    people, (begins, ends) = entries["person_id"].unique(), _validity(home, run_id)
    as_of = at or _within(home.now(), begins, ends)
    asked = partial(decided, home, store, list_name, people, run_id, is_chance_sure=True, joined_at=joined_at)
    now = asked(at=at, as_of=as_of)
    entries = store.same_people(joined_at).in_one(entries)
    why = still_listed.why_off(list_name, entries, now)
    is_gated = now.decisions["gate"].reindex(entries["person_id"]).ne("passed").to_numpy()
    if at is None and list_name in BY_CHANCE and home.now() >= ends:
        why = why.where(is_gated, still_listed.why_off(list_name, entries, asked(as_of=begins)))
    return why if is_listed is None else why.where(is_listed | is_gated, "")


def addressees_off(
    home: Home, store: Store, notices: Iterable[Notice], *, at: datetime | None = None
) -> dict[str, str]:
    """Return by notice_id why notices to people must not reach them; notices that may are left out.

    A letter goes to whom a run now would keep on the list of people, by gates, routes, holds and the term. That the
    person is on the list of the latest run is for each run to see to: it withdraws the letters to others.
    """
    kept, latest = runs(home.path)["run_id"].tolist(), latest_usable(home.path)
    to_people = [notice for notice in notices if notice.kind.is_to_person]
    rows = [
        (notice.notice_id, notice.subject, "warn", notice.run_id if notice.run_id in kept else latest)
        for notice in to_people
    ]
    letters = pd.DataFrame(rows, columns=["notice_id", "person_id", "tier", "run_id"]).set_index("notice_id")
    off = dict.fromkeys(letters.index[letters["run_id"].isna()], "on none of the lists still kept")
    for run_id, of_run in letters.groupby("run_id"):
        why = why_off(home, store, LETTERS, of_run, str(run_id), at=at)
        off |= why[why.ne("")].to_dict()
    return off


def decided(
    home: Home,
    store: Store,
    list_name: str,
    people: Collection[str],
    run_id: str,
    *,
    at: datetime | None = None,
    as_of: datetime | None = None,
    is_chance_sure: bool = False,
    joined_at: datetime | None = None,
) -> Decided:
    """Return what the rules of a run say now of some people; parameters as of `why_off`.

    `as_of` is the clock, by default the home's, within the time that the lists of the run are valid. With
    `is_chance_sure` whoever the run did not list has every chance, and is off for other reasons alone. Decisions are by
    the one id of each person; which ids are one is as known at `joined_at`, by default at `at`.
    """
    settings = home.settings
    known_at = at or store.latest_known_at(home.now())
    as_of = as_of or at or _within(home.now(), *_validity(home, run_id))
    codebook, is_of_sellers = read_run_codebook(settings, as_of), list_name == SELLERS
    markets_since = as_of - timedelta(days=7 * settings.markets.window_weeks + 1) if is_of_sellers else None
    since = as_of - timedelta(days=settings.people.window_days + 1)
    joined_at = joined_at or at or LATEST
    same = store.same_people(joined_at)
    people = {same.one_id(person_id) for person_id in people}
    parted = same.parted_since(store.same_people(_known_at(home, run_id)))
    before, chances = _published(home, list_name, run_id, same, people, parted)
    versions = store.versions_about(people, markets_since)
    with snapshot_of(versions, as_of=as_of, known_at=known_at, since=since, joined_at=joined_at) as known:
        if is_of_sellers:
            geography = read_map(settings)
            place_incidents(known.connection, geography, codebook, as_of, settings)
            ground = flagrant_cells(
                find_street_markets(market_reports(known.connection, settings), geography, settings)
            )
        else:
            ground = place_nothing(known.connection)
        frames = people_frames(known.connection, ground, as_of, settings)
    asked = frames.events["person_id"].isin(people)  # not those on record with them
    return decide_again(
        frames.events[asked],
        frames.persons,
        frames.custody,
        frames.warrants,
        codebook,
        chances.reindex(pd.Index(sorted(people)), fill_value=1.0) if is_chance_sure else chances,
        before,
        as_of=local_zone_clock(as_of, settings),
        config=settings.people,
    )


def _validity(home: Home, run_id: str) -> tuple[datetime, datetime]:
    """Return the clock of a run and the end of its lists."""
    run: Any = runs(home.path).set_index("run_id").loc[run_id]
    begins: datetime = run["as_of"].to_pydatetime()
    return begins, begins + timedelta(days=home.settings.publication.people_valid_days)


def _known_at(home: Home, run_id: str) -> datetime:
    run: Any = runs(home.path).set_index("run_id").loc[run_id]
    known_at: datetime = run["known_at"].to_pydatetime()
    return known_at


def _within(now: datetime, begins: datetime, ends: datetime) -> datetime:
    return min(max(now, begins), ends)


def _published(
    home: Home, list_name: str, run_id: str, same: SamePeople, people: Collection[str], parted: Collection[str]
) -> tuple[PreviousPeople, "pd.Series[float]"]:
    """Return the tables of the run about the people, and their chances, as far as the list is made by them.

    The chance of ids that are parted now was that of all of them together; what each would have alone, the next run
    says, and until then they have none.
    """
    if list_name not in BY_CHANCE:
        return NO_PREVIOUS, pd.Series(dtype=float)

    tables = read_for_rules(home.path, home.key, ["person_tier", "tier_term", "seller_term", SELLERS], run_id)
    ids = same.everyone(people)
    tiers, term, seller_term, sellers = (rows[rows["person_id"].isin(ids)] for rows in tables.values())
    chances = pd.concat([same.in_one(rows[["person_id", "p_top_k"]]) for rows in (tiers, sellers)])
    by_person = chances.groupby("person_id")["p_top_k"].max()
    before = PreviousPeople(tiers, term, seller_term).in_one(same.one_ids, parted)
    return before, by_person.mask(by_person.index.isin(list(parted)), 0.0)
