"""The life of a list of people: draft → active → revoked, or expired when its time has passed.

A list's standing is a pure function of what people did, in the order in which it was recorded; an act that a rule
forbids changes nothing, whoever recorded it. A list is active only after a named person who opened it approved it (Data
Protection Act 2018, sections 49 and 50). An exception takes one person off until a day and can do nothing else: it may
lower enforcement, never add anybody. Where people change next to nothing they are a rubber stamp, and an alarm says so.
A list on which harmspot chooses people is approved only while its effect is registered
(`models.governance.list_effects`), and ends with that registration.

A halt (`models.governance.audits`) is no rule of these: it hangs on a setting that may change, so it is asked when
an approval is recorded and at every use, and never again of what was recorded. A halted list is not used, whenever
it was approved.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from models.governance.actors import is_machine, is_thin, name_of
from models.governance.list_effects import EffectEvent, Effects, effects_after, latest_effect, missing_effect

ENFORCEMENT_LISTS = ("warrant_queue", "person_tier", "dealer_ranking", "call_in")
HELP_LISTS = ("referral", "safeguarding")
LISTS = (*ENFORCEMENT_LISTS, *HELP_LISTS)
TIERED_LISTS = ("person_tier", "call_in")  # whoever is on them is there for the tier alone, and while it lasts
# Where an exception from a list holds: whoever is not to be turned to for a tier is not called in for it, either.
EXCEPTED_FROM = {"person_tier": ("person_tier", "call_in")}
# What a list says of somebody, the gravest first: a later run that says a later word of these takes the earlier back.
GRADES = {"warrant_queue": ("route", ("execute", "summons")), "person_tier": ("tier", ("target", "warn"))}
APPROVED_WITHIN = timedelta(days=3)  # of the run's day: over a weekend, and no longer
LONGEST_EXCEPTION = timedelta(days=90)
ALARM_BELOW = 0.02  # share of approved entries changed by people
ALARM_FROM = 50  # entries; of fewer, none changed says nothing


@dataclass(frozen=True, slots=True)
class ListEvent:
    """One act on a list: opened, approved, revoked or overridden; an exception names whom and until when."""

    kind: str
    actor: str
    list_id: str
    at: datetime
    reason: str = ""
    person_id: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListStatus:
    """What people made of a list; `opened` has moments by name, `exceptions` the acts that took somebody off.

    `stops_at` is when the registration ends under which it was approved; None where it needed none.
    """

    opened: Mapping[str, datetime]
    approved: ListEvent | None = None
    revoked: ListEvent | None = None
    exceptions: tuple[ListEvent, ...] = ()
    stops_at: datetime | None = None

    def usable_until(self, valid_to: datetime) -> datetime:
        """Return until when it may be used at most: while its rows are valid, and its registration lasts."""
        return min(valid_to, self.stops_at) if self.stops_at else valid_to

    def state_at(self, valid_to: datetime, now: datetime, *, is_halted: bool = False) -> str:
        """Return revoked, expired, active, draft, or halted where audits hold back what would be active."""
        if self.revoked:
            return "revoked"
        if now >= self.usable_until(valid_to):
            return "expired"
        if not self.approved:
            return "draft"
        return "halted" if is_halted else "active"


NOTHING_DONE = ListStatus(opened={})


def list_id_of(list_name: str, run_id: str) -> str:
    """Return the id of a run's list."""
    return f"{list_name}-{run_id}"


def split_list_id(list_id: str) -> tuple[str, str]:
    """Return list name and run id; ValueError names the id where it is none."""
    name, _, run_id = list_id.rpartition("-")
    if name not in LISTS or not run_id:
        raise ValueError(f"{list_id!r} is no list: expected LIST-RUN with LIST one of {', '.join(LISTS)}")
    return name, run_id


# For each refusal: the acts it looks at, when it forbids them, and why.
_Test = Callable[[ListStatus, ListEvent], bool]
REFUSALS: tuple[tuple[str, tuple[str, ...], _Test, str], ...] = (
    ("nobody", ("opened", "approved", "revoked", "overridden"), lambda s, a: not a.actor.strip(), "nobody is named"),
    (
        "by_machine",
        ("opened", "approved", "overridden"),
        lambda s, a: is_machine(a.actor),
        "a named person must do it, not harmspot",
    ),
    (
        "thin_reason",
        ("approved", "revoked", "overridden"),
        lambda s, a: is_thin(a.reason),
        "a reason of one word is none; say why in a sentence",
    ),
    (
        "unopened",
        ("approved", "overridden"),
        lambda s, a: name_of(a.actor) not in s.opened,
        "whoever decides must have opened the list and its evidence first: harmspot lists open LIST_ID",
    ),
    ("revoked", ("approved", "revoked", "overridden"), lambda s, a: s.revoked is not None, "it was revoked"),
    ("approved", ("approved",), lambda s, a: s.approved is not None, "it was approved before"),
    (
        "not_enforcement",
        ("overridden",),
        lambda s, a: split_list_id(a.list_id)[0] not in ENFORCEMENT_LISTS,
        f"an exception can only lower enforcement: it takes somebody off {', '.join(ENFORCEMENT_LISTS)}, not off help",
    ),
    (
        "nobody_excepted",
        ("overridden",),
        lambda s, a: not a.person_id,
        "an exception is about one person who is on the list",
    ),
    (
        "no_expiry",
        ("overridden",),
        lambda s, a: a.expires_at is None or not a.at < a.expires_at <= a.at + LONGEST_EXCEPTION,
        f"an exception expires, after now and within {LONGEST_EXCEPTION.days} days",
    ),
)


def refusal(status: ListStatus, event: ListEvent, effects: Effects) -> str | None:
    """Return why the act may not be done, in words, or None where it may; `effects` are those registered by then."""
    said = (words for _, events, forbids, words in REFUSALS if event.kind in events and forbids(status, event))
    return next(said, None) or (_unregistered(event, effects) if event.kind == "approved" else None)


def statuses(events: Iterable[ListEvent | EffectEvent]) -> dict[str, ListStatus]:
    """Return the standing of every list that somebody did something to, from the acts in the order of recording."""
    found: dict[str, ListStatus] = {}
    effects: Effects = {}
    for event in events:
        if isinstance(event, EffectEvent):
            effects = effects_after(effects, event)
            found = {list_id: _shortened(status, list_id, effects) for list_id, status in found.items()}
            continue
        before = found.get(event.list_id, NOTHING_DONE)
        if refusal(before, event, effects) is None:
            found[event.list_id] = _after(before, event, effects)
    return found


def excepted_from(list_id: str) -> tuple[str, ...]:
    """Return the lists that an exception from one holds for."""
    name, _ = split_list_id(list_id)
    return EXCEPTED_FROM.get(name, (name,))


def withheld(events: Iterable[ListEvent | EffectEvent], now: datetime) -> set[tuple[str, str]]:
    """Return (list name, person_id) of the exceptions in force: they hold in every run until they expire."""
    return {
        (list_name, str(event.person_id))
        for status in statuses(events).values()
        for event in status.exceptions
        if event.expires_at is not None and event.at <= now < event.expires_at
        for list_name in excepted_from(event.list_id)
    }


def taken_off_since(events: Iterable[ListEvent | EffectEvent], list_name: str, since: datetime) -> set[str]:
    """Return the person_id of each whom an exception took off a list, of whatever run, at `since` or later."""
    return {
        str(event.person_id)
        for list_id, status in statuses(events).items()
        for event in status.exceptions
        if list_name in excepted_from(list_id) and event.at >= since
    }


def entries_valid_to(rows: pd.DataFrame, list_name: str, tiers: pd.DataFrame, usable_until: datetime) -> pd.Series:
    """Return until when each row of a list may be used: while the list may, and while the person's own tier lasts.

    `tiers` : person_id, expires_at of the same run; who has no such moment is bound by the list alone.
    """
    until = pd.Series(pd.Timestamp(usable_until), index=rows.index)
    if list_name not in TIERED_LISTS:
        return until
    own = rows["person_id"].map(tiers.set_index("person_id")["expires_at"])
    return own.where(own < until, until)


def without_withheld(rows: pd.DataFrame, list_name: str, exceptions: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of a list less the people who are excepted from it; nothing is added or changed."""
    off = {person_id for name, person_id in exceptions if name == list_name}
    return rows[~rows["person_id"].isin(off)].reset_index(drop=True)


def count_downgraded(list_name: str, before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Return of how many people the later of two runs' lists no longer says what the earlier one does, or says less.

    A row is gone with its person, or with the warrant it is about; it is milder as GRADES has it.
    """
    column, gravest_first = GRADES.get(list_name, ("person_id", ()))
    key = [name for name in ("person_id", "warrant_id") if name in before]
    wanted = list(dict.fromkeys([*key, column]))
    both = before[wanted].merge(after[wanted], on=key, how="left", suffixes=("", "_after"), indicator=True)
    is_gone = both["_merge"].eq("left_only")
    grade = {word: place for place, word in enumerate(gravest_first)}
    is_milder = both[f"{column}_after"].map(grade) > both[column].map(grade) if gravest_first else False
    return int(both.loc[is_gone | is_milder, "person_id"].nunique())


def human_changes(found: Mapping[str, ListStatus], entry_counts: Mapping[str, int]) -> pd.DataFrame:
    """Return, list by list, how much of what was decided on people changed, and whether that is a rubber stamp.

    Parameters
    ----------
    entry_counts : entries by list_id; lists without a count are passed over.

    Returns
    -------
    list, decided_lists (approved, or revoked by a person), entries, changed_entries (taken off by an exception, or all
    where a person revoked the list), changed_share, is_alarm (under 2% of fifty or more).
    """
    rows = []
    for list_id, status in found.items():
        is_refused = status.revoked is not None and not is_machine(status.revoked.actor)
        if list_id in entry_counts and (status.approved or is_refused):
            entries = entry_counts[list_id]
            excepted = len({event.person_id for event in status.exceptions})
            rows.append((split_list_id(list_id)[0], 1, entries, entries if is_refused else min(excepted, entries)))
    columns = ["list", "decided_lists", "entries", "changed_entries"]
    total = pd.DataFrame(rows, columns=columns).groupby("list", as_index=False).sum()
    share = total["changed_entries"] / total["entries"].where(total["entries"] > 0)
    return total.assign(changed_share=share, is_alarm=(total["entries"] >= ALARM_FROM) & (share < ALARM_BELOW))


def _unregistered(event: ListEvent, effects: Effects) -> str | None:
    return missing_effect(effects, split_list_id(event.list_id)[0], event.at)


def _after(status: ListStatus, event: ListEvent, effects: Effects) -> ListStatus:
    if event.kind == "opened":
        return replace(status, opened={name_of(event.actor): event.at, **status.opened})
    if event.kind == "approved":
        effect = latest_effect(effects, split_list_id(event.list_id)[0])
        return replace(status, approved=event, stops_at=effect.ends_at if effect else None)
    if event.kind == "revoked":
        return replace(status, revoked=event)
    return replace(status, exceptions=(*status.exceptions, event))


def _shortened(status: ListStatus, list_id: str, effects: Effects) -> ListStatus:
    """An evaluation ends the registration, and with it whatever was approved under it."""
    effect = latest_effect(effects, split_list_id(list_id)[0])
    if status.stops_at is None or effect is None:
        return status
    return replace(status, stops_at=min(status.stops_at, effect.ends_at))
