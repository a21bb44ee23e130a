"""Embargoes from the ledger: which are in force, what they cover, and the table that an auditor reads.

An embargo covers a place, not an id: a market gets another id when it drifts by a cell or two.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import pandas as pd

from flows.human_log.ledger import Ledger
from geo.same_place import ground_of
from models.governance.embargo import EMBARGO, EMBARGO_EVENTS, Embargo, Embargoes
from models.governance.life_cycle import Event
from models.operations.history import SAME_CELLS, is_same_market

COLUMNS = ("market_id", "state", "embargoed_by", "embargoed_at", "reason", "ends_at", "lifted_by", "lifted_because")
_INDICES = re.compile(r":(-?\d+):(-?\d+)$")


def embargoes_of(ledger: Ledger) -> dict[str, Embargoes]:
    """Return the embargoes of every market that ever had one."""
    return EMBARGO.by_subject(ledger.about("market", kinds=EMBARGO_EVENTS))


def embargoed_cells(ledger: Ledger, at: datetime) -> tuple[str, ...]:
    """Return the cells, sorted, of every embargo that is in force at a moment."""
    return cells_in_force(ledger.about("market", kinds=EMBARGO_EVENTS), at)


def cells_in_force(events: Iterable[Event], at: datetime) -> tuple[str, ...]:
    """Return the cells, sorted, that the embargo events put under an embargo at a moment."""
    every: chain[Embargo] = chain.from_iterable(EMBARGO.by_subject(events).values())
    return tuple(sorted({cell_id for each in every if each.is_in_force(at) for cell_id in each.cell_ids}))


def cells_of_run(ledger: Ledger, as_of: datetime, known_at: datetime, now: datetime) -> tuple[str, ...]:
    """Return the cells, sorted, that a run names in nothing.

    They are those under an embargo at the later of its two clocks, by what was recorded until then, so that a run that
    is repeated later is the same; and those under one now, so that no run of an earlier day names them meanwhile.
    """
    moment = max(as_of, known_at)
    return tuple(sorted({*embargoed_cells(ledger.until(moment), moment), *embargoed_cells(ledger, now)}))


def is_covered(cell_ids: Iterable[str], market_id: str) -> bool:
    """Return whether a market, by its id, lies at one of the cells or within the drift of a market from it."""
    found = (_INDICES.search(cell_id) for cell_id in cell_ids)
    return any(match is not None and is_same_market(f"market_{match[1]}_{match[2]}", market_id) for match in found)


class Cover:
    """What the embargoes of some cells hide in the published rows of any run."""

    def __init__(self, cell_ids: tuple[str, ...]) -> None:
        self.cell_ids = cell_ids

    def __call__(self, crs: str, market: pd.DataFrame, named: Iterable[str]) -> set[str]:
        """Return which of the named markets of a run are hidden; `market` is its table, with outlines in `crs`."""
        hidden = {market_id for market_id in named if is_covered(self.cell_ids, market_id)}
        if len(market):
            ground = ground_of(self.cell_ids, crs, reach_cells=SAME_CELLS)
            size_m = float(self.cell_ids[0].rsplit(":", 3)[1])
            hidden |= set(market.loc[ground.meets_outlines(market["geometry_wkb"], size_m), "market_id"])
        return hidden


def embargo_rows(ledger: Ledger, now: datetime, *, is_all: bool) -> pd.DataFrame:
    """Return the embargoes, newest first: those in force, or with `is_all` also those that are over."""
    rows = [_row(each, now) for each in chain.from_iterable(embargoes_of(ledger).values())]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("embargoed_at", ascending=False, ignore_index=True)
    return table if is_all else table[table["state"] == "in_force"].reset_index(drop=True)


def _row(embargo: Embargo, now: datetime) -> dict[str, object]:
    event, lifted = embargo.embargoed, embargo.lifted
    return {
        "market_id": event.subject,
        "state": "in_force" if embargo.is_in_force(now) else "lifted" if lifted else "ended",
        "embargoed_by": event.actor,
        "embargoed_at": event.at,
        "reason": event.detail["reason"],
        "ends_at": embargo.ends_at,
        "lifted_by": lifted.actor if lifted else None,
        "lifted_because": lifted.detail["reason"] if lifted else None,
    }
