"""Embargoes of markets: named people set and lift them, and what was published before names the market no longer."""

import re
import shutil
from datetime import date, timedelta

import pandas as pd

from flows.decisions.desk import Desk, at_desk, refuse_unsaid
from flows.decisions.partners import one_delivery
from flows.home.home import Home
from flows.human_log.embargoes import embargo_rows, embargoes_of, is_covered
from flows.human_log.ledger import read_ledger
from flows.human_log.notice_records import notices_of
from geo.cells import Grid
from geo.same_place import cells_under
from models.governance.embargo import EMBARGO, Embargo
from models.places.markets import middle_of
from pipeline.errors import PublicationError
from pipeline.publication.publish import read_places
from pipeline.publication.withheld import MARKET
from pipeline.store.human_events import HumanEvent

EVERY = 1_000_000  # more messages than ever wait


def embargo_market(home: Home, market_id: str, *, reason: str, until: date, by: str) -> date:
    """Put a market under an embargo until the local day `until` is over, and return the last day of all in force.

    The published runs and the messages that wait name it no longer. `live.parquet`, which a stream writes anew with its
    next batch, is removed, and so are layers, report and briefs: whoever calls draws them anew
    (`flows.brief.morning.redraw`).

    Raises
    ------
    PublicationError
        A rule forbids it, or no such market is known; the message names the rule, or the known markets. Or a delivery
        to partners, of what may name it, does not end.
    """
    with one_delivery(home), home.protecting(), at_desk(home) as desk:
        cells = _cells_under_embargo(desk, market_id) or _cells_of(home, market_id)
        ends_at = home.midnight(until + timedelta(days=1))
        detail = {"reason": reason, "ends_at": ends_at, "cell_ids": cells}
        event = HumanEvent("embargoed", by, "market", market_id, home.now(), detail)
        _check(desk, event)
        ends = [each.ends_at for each in _in_force(desk, market_id)]
        _remove_drawings(home)  # first: whoever dies after this leaves none that name it
        desk.record(event)
        desk.store.withdraw_messages(_messages_about(desk, cells), home.now())
    _remove_drawings(home)  # a run may have drawn meanwhile
    return max([ends_at, *ends]).astimezone(home.settings.force.zone).date() - timedelta(days=1)


def lift_embargo(home: Home, market_id: str, *, reason: str, by: str) -> None:
    """End the embargo of a market before its last day; the run of the next day names it again.

    Raises
    ------
    PublicationError
        A rule forbids it.
    """
    with at_desk(home) as desk:
        event = HumanEvent("lifted", by, "market", market_id, home.now(), {"reason": reason})
        _check(desk, event)
        desk.record(event)


def read_embargoes(home: Home, *, is_all: bool, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return the embargoes in force, or all; the access log, which is not encrypted, records the read without names."""
    home.log_access("read", {"table": "embargoes", "all": is_all}, reader=reader, purpose=purpose)
    return embargo_rows(read_ledger(home), home.now(), is_all=is_all)


def _check(desk: Desk, event: HumanEvent) -> None:
    if problem := EMBARGO.refusal(embargoes_of(desk.ledger).get(event.subject, ()), event):
        raise PublicationError(f"{event.subject} cannot be {event.kind}: {problem}")
    refuse_unsaid(event)


def _remove_drawings(home: Home) -> None:
    """Remove layers, report, briefs and live figures; a stream writes the last anew, while it alone has the store."""
    for folder in (home.layers, *home.briefs.glob("*/")):
        shutil.rmtree(folder, ignore_errors=True)
    home.report.unlink(missing_ok=True)
    home.live_figures.unlink(missing_ok=True)


def _cells_under_embargo(desk: Desk, market_id: str) -> tuple[str, ...]:
    """Return the cells of the market's embargo that is in force: nothing published has them meanwhile."""
    in_force = _in_force(desk, market_id)
    return in_force[-1].cell_ids if in_force else ()


def _in_force(desk: Desk, market_id: str) -> list[Embargo]:
    now = desk.home.now()
    return [each for each in embargoes_of(desk.ledger).get(market_id, ()) if each.is_in_force(now)]


def _cells_of(home: Home, market_id: str) -> tuple[str, ...]:
    """Return the cells of a market of the latest run; PublicationError lists the known markets."""
    tables = read_places(home.path, ["run", "market", "crackdown_plan", "cell_forecast"])
    outlines = tables["market"].set_index("market_id")["geometry_wkb"]
    known = sorted({*outlines.index, *tables["crackdown_plan"]["market_id"]})
    if market_id not in known:
        raise PublicationError(f"market {market_id!r} is not in the latest run; known are {', '.join(known) or 'none'}")
    size_m = float(tables["cell_forecast"]["cell_size_m"].iloc[0])
    grid, middle = Grid(str(tables["run"]["crs"].iloc[0]), size_m), middle_of(market_id)
    own = set(grid.cell_id([middle[0]], [middle[1]])) if middle else set()
    return tuple(sorted(own | set(cells_under(outlines[market_id], grid) if market_id in outlines.index else ())))


def _messages_about(desk: Desk, cells: tuple[str, ...]) -> list[str]:
    """Return the ids of the messages that wait and name a market at the cells, or a notice to one."""
    size_m = desk.home.settings.places.cell_size_m
    notices = [
        notice.notice_id
        for notice in notices_of(desk.ledger).values()
        if not notice.kind.is_to_person and is_covered(cells, notice.subject, size_m)
    ]

    def is_about(text: str) -> bool:
        is_named = any(is_covered(cells, market_id, size_m) for market_id in re.findall(MARKET, text))
        return is_named or any(notice_id in text for notice_id in notices)

    waiting = desk.store.undelivered(EVERY)
    return [each.message_id for each in waiting if is_about(f"{each.key} {each.payload.decode(errors='replace')}")]
