"""Life cycle of a list of people: draft → active → revoked, or expired at the end of its validity.

The status of a list is a pure function of its human events in the order of recording; an event that a rule forbids
changes nothing. A list is active only after two people opened it and one of them approved it (Data Protection Act
2018, sections 49 and 50). An exception takes one person off until a day: it can lower enforcement and cannot add
anybody. If people change almost nothing, their approval is a rubber stamp, and an alarm reports it. A list on which
harmspot chooses people is approved only while its effect is registered (`models.governance.list_effects`), and ends
with that registration.

A halt (`models.governance.audits`) is not one of these rules, because it depends on a setting that may change. It is
checked when an approval is recorded and at every use, but not when recorded events are read again. A halted list is
not used, whenever it was approved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pandas as pd

from models.governance.actors import NAMED, by_people, is_machine, name_of, with_reason
from models.governance.life_cycle import Event, LifeCycle, Rule
from models.governance.list_effects import EFFECT, EFFECT_EVENTS, Effects, missing_effect

ENFORCEMENT_LISTS = ("warrant_queue", "person_tier", "dealer_ranking", "call_in")
HELP_LISTS = ("referral", "safeguarding")
LISTS = (*ENFORCEMENT_LISTS, *HELP_LISTS)
TIERED_LISTS = ("person_tier", "call_in")  # people are on them only because of their tier and while it lasts
# Lists that an exception from a list applies to: an exception from a tier also applies to its call-in.
EXCEPTED_FROM = {"person_tier": ("person_tier", "call_in")}
# Grades of a list's rows, the most severe first: a later grade in a later run is a downgrade.
GRADES = {"warrant_queue": ("route", ("execute", "summons")), "person_tier": ("tier", ("target", "warn"))}
LIST_EVENTS = ("opened", "approved", "revoked", "overridden")
APPROVED_WITHIN = timedelta(days=3)  # after the day of the run: long enough for a weekend
LONGEST_EXCEPTION = timedelta(days=90)
ALARM_BELOW = 0.02  # share of approved entries changed by people
UNOPENED = "the actor must open the list and its evidence first: harmspot lists open LIST_ID"
ALARM_FROM = 50  # entries; with fewer, no change is not informative


@dataclass(frozen=True, slots=True)
class ListStatus:
    """Status of a list after the events about it and about the effect of its list name.

    `opened` has moments by name, `exceptions` the events that took somebody off. `stops_at` is the end of the
    registration under which the list was approved; None if it needed none.
    """

    opened: Mapping[str, datetime]
    approved: Event | None = None
    revoked: Event | None = None
    exceptions: tuple[Event, ...] = ()
    stops_at: datetime | None = None
    effects: Effects = ()

    def usable_until(self, valid_to: datetime) -> datetime:
        """Return the last moment of use: the earlier of the end of its rows' validity and of its registration."""
        return min(valid_to, self.stops_at) if self.stops_at else valid_to

    def state_at(self, valid_to: datetime, now: datetime, *, is_halted: bool = False) -> str:
        """Return revoked, expired, active, draft, or halted if an audit halt applies to an active list."""
        if self.revoked:
            return "revoked"
        if now >= self.usable_until(valid_to):
            return "expired"
        if not self.approved:
            return "draft"
        return "halted" if is_halted else "active"


NOTHING_DONE = ListStatus(opened={})
NO_JOINS: Mapping[str, str] = MappingProxyType({})


def list_id_of(list_name: str, run_id: str) -> str:
    """Return the id of a run's list."""
    return f"{list_name}-{run_id}"


def split_list_id(list_id: str) -> tuple[str, str]:
    """Return list name and run id of a list id.

    Raises
    ------
    ValueError
        The id is not a list id; the message names it.
    """
    name, _, run_id = list_id.rpartition("-")
    if name not in LISTS or not run_id:
        raise ValueError(f"{list_id!r} is not a list id: expected LIST-RUN with LIST one of {', '.join(LISTS)}")
    return name, run_id


def _name(event: Event) -> str:
    return split_list_id(event.subject)[0]


def _is_unopened(status: ListStatus, event: Event) -> bool:
    return name_of(event.actor) not in status.opened


def _has_no_expiry(event: Event) -> bool:
    expires_at = event.detail.get("expires_at")
    return expires_at is None or not event.at < expires_at <= event.at + LONGEST_EXCEPTION


RULES: tuple[Rule[ListStatus], ...] = (
    NAMED,
    by_people("opened", "approved", "overridden"),
    with_reason("approved", "revoked", "overridden"),
    Rule("unopened", ("approved",), _is_unopened, UNOPENED),
    Rule("unopened", ("overridden",), _is_unopened, UNOPENED, of_new=True),
    Rule(
        "revoked",
        ("approved", "revoked", "overridden"),
        lambda status, event: status.revoked is not None,
        "the list was revoked",
    ),
    Rule("approved", ("approved",), lambda status, event: status.approved is not None, "the list is already approved"),
    Rule(
        "not_enforcement",
        ("overridden",),
        lambda status, event: _name(event) not in ENFORCEMENT_LISTS,
        f"an exception can only lower enforcement: it applies to {', '.join(ENFORCEMENT_LISTS)}, not to lists of help",
    ),
    Rule(
        "nobody_excepted",
        ("overridden",),
        lambda status, event: not event.detail.get("person_id"),
        "person_id is missing: an exception is for one person on the list",
    ),
    Rule(
        "no_expiry",
        ("overridden",),
        lambda status, event: _has_no_expiry(event),
        f"the exception must expire after now and within {LONGEST_EXCEPTION.days} days",
    ),
    Rule(
        "unregistered",
        ("approved",),
        lambda status, event: missing_effect(status.effects, _name(event), event.at) is not None,
        lambda status, event: str(missing_effect(status.effects, _name(event), event.at)),
    ),
    Rule(
        "one_person",
        ("approved",),
        lambda status, event: not status.opened.keys() - {name_of(event.actor)},
        "two people decide on a list: another person must open it, too, before it is approved",
    ),
)


def _after(status: ListStatus, event: Event) -> ListStatus:
    if event.kind in EFFECT_EVENTS:
        effects = EFFECT.step(status.effects, event)
        # An evaluation ends the lists approved under its registration.
        stops_at = min(status.stops_at, effects[-1].ends_at) if status.stops_at else None
        return replace(status, effects=effects, stops_at=stops_at)
    if event.kind == "opened":
        return replace(status, opened={name_of(event.actor): event.at, **status.opened})
    if event.kind == "approved":
        return replace(status, approved=event, stops_at=status.effects[-1].ends_at if status.effects else None)
    if event.kind == "revoked":
        return replace(status, revoked=event)
    return replace(status, exceptions=(*status.exceptions, event))


LIST = LifeCycle(NOTHING_DONE, RULES, _after)  # of the events about one list and about the effect of its list name


def status_of(events: Iterable[Event], list_id: str) -> ListStatus:
    """Return the status of one list, from the events about lists in the order of recording."""
    about = (list_id, split_list_id(list_id)[0])
    return LIST.state_after(event for event in events if event.subject in about)


def statuses(events: Iterable[Event]) -> dict[str, ListStatus]:
    """Return the status of every list that people decided on, from the events in the order of recording."""
    found: dict[str, ListStatus] = {}
    untouched: dict[str, ListStatus] = {}  # by list name: the status of a list that nobody has decided on yet
    for event in events:
        if event.kind in EFFECT_EVENTS:
            name = event.subject
            untouched[name] = LIST.step(untouched.get(name, NOTHING_DONE), event)
            own = {list_id: status for list_id, status in found.items() if split_list_id(list_id)[0] == name}
            found |= {list_id: LIST.step(status, event) for list_id, status in own.items()}
            continue
        before = found.get(event.subject, untouched.get(_name(event), NOTHING_DONE))
        after = LIST.step(before, event)
        if after is not before:
            found[event.subject] = after
    return found


def excepted_from(list_id: str) -> tuple[str, ...]:
    """Return the names of the lists that an exception from one list applies to."""
    name, _ = split_list_id(list_id)
    return EXCEPTED_FROM.get(name, (name,))


def withheld(events: Iterable[Event], now: datetime) -> set[tuple[str, str]]:
    """Return (list name, person_id) of the exceptions in force; they apply to every run until they expire."""
    return {
        (list_name, event.detail["person_id"])
        for status in statuses(events).values()
        for event in status.exceptions
        if event.at <= now < event.detail["expires_at"]
        for list_name in excepted_from(event.subject)
    }


def taken_off_since(events: Iterable[Event], list_name: str, since: datetime) -> set[str]:
    """Return the person_id of everybody whom an exception took off a list of any run at `since` or later."""
    return {
        event.detail["person_id"]
        for list_id, status in statuses(events).items()
        for event in status.exceptions
        if list_name in excepted_from(list_id) and event.at >= since
    }


def entries_valid_to(rows: pd.DataFrame, list_name: str, tiers: pd.DataFrame, usable_until: datetime) -> pd.Series:
    """Return until when each row of a list may be used: the end of the list or of the person's own tier.

    Parameters
    ----------
    rows : DataFrame
        The rows of the list; person_id is used.
    list_name : str
        One of LISTS; only TIERED_LISTS depend on the tier.
    tiers : DataFrame
        person_id, expires_at of the same run; only the list limits a person without expires_at.
    usable_until : datetime
        End of the list.
    """
    until = pd.Series(pd.Timestamp(usable_until), index=rows.index)
    if list_name not in TIERED_LISTS:
        return until
    own = rows["person_id"].map(tiers.set_index("person_id")["expires_at"])
    return own.where(own < until, until)


def without_withheld(rows: pd.DataFrame, list_name: str, exceptions: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of a list without the people excepted from it; no row is added or changed."""
    off = {person_id for name, person_id in exceptions if name == list_name}
    return rows[~rows["person_id"].isin(off)].reset_index(drop=True)


def count_downgraded(list_name: str, before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Return how many people a later run removes from a list or downgrades.

    A row is gone if its person, or the warrant it is about, is not in `after`; GRADES defines a milder grade.
    """
    column, most_severe_first = GRADES.get(list_name, ("person_id", ()))
    key = [name for name in ("person_id", "warrant_id") if name in before]
    wanted = list(dict.fromkeys([*key, column]))
    both = before[wanted].merge(after[wanted], on=key, how="left", suffixes=("", "_after"), indicator=True)
    is_gone = both["_merge"].eq("left_only")
    grade = {name: number for number, name in enumerate(most_severe_first)}
    is_milder = both[f"{column}_after"].map(grade) > both[column].map(grade) if most_severe_first else False
    return int(both.loc[is_gone | is_milder, "person_id"].nunique())


def human_changes(
    found: Mapping[str, ListStatus], entry_counts: Mapping[str, int], one_ids: Mapping[str, str] = NO_JOINS
) -> pd.DataFrame:
    """Return for each list how many of the decided entries people changed, and whether that is a rubber stamp.

    Parameters
    ----------
    found : Mapping of str to ListStatus
        Status by list_id.
    entry_counts : Mapping of str to int
        Entries by list_id; lists without a count are skipped.
    one_ids : Mapping of str to str
        The one id of each id of people with several: an exception is recorded for all of them, and counts once.

    Returns
    -------
    DataFrame
        list, decided_lists (approved, or revoked by a person), entries, changed_entries (taken off by an exception,
        or all if a person revoked the list), changed_share, is_alarm (under 2% of fifty or more).
    """
    rows = []
    for list_id, status in found.items():
        is_refused = status.revoked is not None and not is_machine(status.revoked.actor)
        if list_id in entry_counts and (status.approved or is_refused):
            entries = entry_counts[list_id]
            ids = {event.detail["person_id"] for event in status.exceptions}
            excepted = len({one_ids.get(each, each) for each in ids})
            rows.append((split_list_id(list_id)[0], 1, entries, entries if is_refused else min(excepted, entries)))
    columns = ["list", "decided_lists", "entries", "changed_entries"]
    total = pd.DataFrame(rows, columns=columns).groupby("list", as_index=False).sum()
    share = total["changed_entries"] / total["entries"].where(total["entries"] > 0)
    return total.assign(changed_share=share, is_alarm=(total["entries"] >= ALARM_FROM) & (share < ALARM_BELOW))
