"""Retention: what the settings no longer let the store keep goes; what a kept list, notice or operation needs stays.

Each category has one edge: now less its days, moved back to where the windows of the kept runs and the measures of open
operations begin. So a run whose window begins after the edge is what it was before; a run of an earlier day is refused.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from flows.decisions.desk import Desk, at_desk
from flows.home.home import Home
from flows.home.store_access import last_recorded, open_home_store
from flows.human_log.ledger import Ledger
from flows.human_log.notice_records import notices_of
from flows.inputs.assembly import earliest
from models.operations.history import operations_of
from pipeline.clock import refuse_leap
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.publication.evidence import cited_by_runs
from pipeline.publication.publish import runs
from pipeline.store.human_events import HumanEvent
from pipeline.store.migrations import remove_copies
from pipeline.store.retention import CATEGORIES, Edges, Kept

REVIEW = timedelta(days=31)
RUNS_READ = ("people", "incidents", "shifts")  # edges before which a run reads less than it did
MEASURED_BEFORE = timedelta(days=365)  # of a registered operation, what it is compared with
RECORD = "store"  # subject of the events
OUT_OF_REACH = "backups, records on topics until the broker's own retention ends, exported lists and printed letters"


@dataclass(frozen=True, slots=True)
class Retained:
    """What went: a row per category (edge, held_by, gone, kept, oldest_left), and the copies of the store deleted."""

    table: pd.DataFrame = field(repr=False)
    copies: int = 0


def retain(home: Home, *, reader: str | None, purpose: str | None, is_dry: bool = False) -> Retained:
    """Drop from the store what `retention` no longer keeps, record it, and write the store's file anew.

    Copies of the store that upgrades kept are deleted. With `is_dry` nothing is changed.

    Raises
    ------
    ClockError
        The clock is far ahead of all that the home has recorded, in rehearsals, too.
    PublicationError
        The settings keep everything.
    PurposeError
        Without reader or purpose.
    """
    require_purpose(reader, purpose)
    if not _limits(home).known():
        raise PublicationError(
            "section retention of the settings keeps everything: set the days of a category, such as "
            "retention.dead_letters_days"
        )
    with at_desk(home) as desk:
        desk.store.refuse_mentions({"reader": reader, "purpose": purpose})
        # A wrong clock would drop too much, in rehearsals, too.
        refuse_leap(home.acting().now(), last_recorded(home, desk.store), home.path)
        home.log_access("retain", {"is_dry": is_dry}, reader=reader, purpose=purpose)
        table = _retain(desk, None if is_dry else str(reader))
    if is_dry:
        return Retained(table)
    copies = remove_copies(home.store_file)
    with open_home_store(home) as store:
        store.rewrite(home.store_file, home.key, wait_s=home.settings.store.wait_s)
    return Retained(table, len(copies))


def _retain(desk: Desk, by: str | None) -> pd.DataFrame:
    """Return the table of `Retained`; `by` is who drops, None if nothing is to change."""
    limits, held = _limits(desk.home), _holds(desk)
    held_from = min((at for at, _ in held), default=None)
    edges = Edges(
        **{name: min(at, held_from) if held_from and name in RUNS_READ else at for name, at in limits.known().items()}
    )
    kept, now = _stood_on(desk, limits), desk.home.now()

    def event_of(gone: "pd.Series[int]") -> HumanEvent:
        detail = {"edges": edges.known(), "gone": gone[gone > 0].to_dict()}
        return HumanEvent("retained", str(by), RECORD, RECORD, now, detail)

    due = desk.store.retain(limits, Kept(), now)["gone"]
    found = desk.store.retain(edges, kept, now, event_of if by else None)
    edge = pd.Series({name: asdict(edges)[of] for name, (_, of) in CATEGORIES.items()})
    limit = pd.Series({name: asdict(limits)[of] for name, (_, of) in CATEGORIES.items()})
    why = dict(sorted(held)).get(held_from) if held_from else None
    return pd.DataFrame(
        {
            "category": list(CATEGORIES),
            "edge": pd.to_datetime(edge, utc=True).to_numpy(),
            "held_by": [why if moved else None for moved in edge.lt(limit)],
            "gone": found["gone"].to_numpy(),
            "kept": (due - found["gone"]).clip(lower=0).to_numpy(),
            "oldest_left": found["oldest_left"].to_numpy(),
        }
    )


def _limits(home: Home) -> Edges:
    """Return the moments before which the settings keep nothing."""
    days = asdict(home.settings.retention)
    today = home.midnight(home.today())
    return Edges(**{name.removesuffix("_days"): today - timedelta(days=n) for name, n in days.items() if n is not None})


def _holds(desk: Desk) -> list[tuple[datetime, str]]:
    """Return from which moment on something kept needs the store whole, and what; it names no place."""
    home = desk.home
    held = [
        (earliest(as_of.to_pydatetime(), home.settings), f"the window of kept run {run_id}")
        for run_id, as_of in runs(home.path)[["run_id", "as_of"]].itertuples(index=False)
    ]
    operations = operations_of(desk.store.place_actions(desk.store.latest_known_at(home.now())))
    is_open = operations["evaluated_at"].isna()
    begun = operations[["registered_at", "announced_at", "started_at"]].min(axis=1)[is_open].dropna()
    return held + [
        (at.to_pydatetime() - MEASURED_BEFORE, f"the operation begun on {home.local_text(at)}, not evaluated yet")
        for at in begun
    ]


def _stood_on(desk: Desk, limits: Edges) -> Kept:
    """Return the incidents and people behind rows of kept runs, and behind notices with an event since the limit."""
    incidents, people = cited_by_runs(desk.home.path, desk.home.key)
    since = min((at for at in (limits.people, limits.incidents) if at), default=desk.home.now())
    young = {event.subject for event in desk.ledger.about("notice") if event.at >= since}
    for notice_id, notice in notices_of(desk.ledger).items():
        if notice_id in young:
            incidents |= set(notice.fields["evidence_ids"])
            people |= {notice.subject} if notice.kind.is_to_person else set()
    return Kept(incidents, desk.ledger.same.everyone(people))


def due(home: Home, ledger: Ledger) -> str | None:
    """Return that retention is set and was not carried out for `REVIEW`, with the way out; None if it was."""
    if not _limits(home).known():
        return None
    last = max((event.at for event in ledger.about(RECORD, kinds=["retained"])), default=None)
    if last is not None and home.now() - last <= REVIEW:
        return None
    since = f"since {home.local_text(last)}" if last else "yet"
    return f"section retention is set and was not carried out {since}: `harmspot --home {home.path} retain --dry-run`"


def past_edge(ledger: Ledger) -> datetime | None:
    """Return before which moment something that runs read was dropped from the store; None if nothing ever was."""
    edges = [_detail_edges(event) for event in ledger.about(RECORD, kinds=["retained"])]
    return max((at for found in edges for at in found), default=None)


def _detail_edges(event: HumanEvent) -> Iterator[datetime]:
    yield from (at for name, at in event.detail["edges"].items() if name in RUNS_READ)


def refuse_behind_edge(home: Home, ledger: Ledger, as_of: datetime) -> None:
    """Raise PublicationError if the window of a run reaches behind what retention dropped: it cannot be repeated."""
    edge, begins = past_edge(ledger), earliest(as_of, home.settings)
    if edge is None or begins >= edge:
        return
    first = home.day_of(edge + timedelta(days=home.settings.reach_days)) + timedelta(days=1)
    raise PublicationError(
        f"the run as of {home.day_of(as_of)} cannot be made: it reads from {home.day_of(begins)} on, and what is "
        f"before {home.day_of(edge)} was dropped by retention. The first day that can be run is {first}; for "
        "an earlier one restore a backup of before into another folder"
    )
