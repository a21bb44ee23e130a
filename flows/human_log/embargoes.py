"""Embargoes from the ledger: which are in force, what they cover, and the table that an auditor reads.

An embargo covers a place, not an id: a market gets another id when it drifts by a cell or two.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import numpy as np
import pandas as pd

from flows.human_log.ledger import Ledger
from geo.cells import Grid
from geo.same_place import ground_of
from models.governance.embargo import EMBARGO, EMBARGO_EVENTS, Embargo, Embargoes
from models.governance.life_cycle import Event
from models.operations.history import SAME_CELLS
from models.places.markets import middle_of

COLUMNS = ("market_id", "state", "embargoed_by", "embargoed_at", "reason", "ends_at", "lifted_by", "lifted_because")


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


def is_covered(cell_ids: Iterable[str], market_id: object, size_m: float) -> bool:
    """Return whether a market, by its id, lies at one of the cells or within the drift of a market from it.

    `size_m` is that of the cells by which the market is named; they lie in the system of coordinates of `cell_ids`.
    """
    cells, middle = tuple(cell_ids), middle_of(market_id) if isinstance(market_id, str) else None
    if middle is None:
        return False
    systems = {cell_id.rsplit(":", 3)[0] for cell_id in cells}
    return any(_holds(cells, middle, Grid(crs, size_m)) for crs in sorted(systems))


def _holds(cell_ids: tuple[str, ...], middle: tuple[int, int], grid: Grid) -> bool:
    ground = ground_of(cell_ids, grid.crs, reach_cells=SAME_CELLS)
    return bool(ground.holds_cells([middle[0]], [middle[1]], grid)[0])


def with_embargoes(operations: pd.DataFrame, cell_ids: tuple[str, ...], size_m: float) -> pd.DataFrame:
    """Return the operations with column is_hidden: whether their market, by its id, is covered by the cells."""
    is_hidden = [is_covered(cell_ids, market_id, size_m) for market_id in operations["market_id"]]
    return operations.assign(is_hidden=np.array(is_hidden, dtype=bool))


class Cover:
    """What the embargoes of some cells hide in the published rows of any run."""

    def __init__(self, cell_ids: tuple[str, ...]) -> None:
        self.cell_ids = cell_ids

    def __call__(self, crs: str, size_m: float | None, market: pd.DataFrame, named: Iterable[str]) -> set[str]:
        """Return which of the named markets of a run are hidden.

        `size_m` is that of its cells, `market` its table, with outlines in `crs`.
        """
        grid = Grid(crs, size_m or float(self.cell_ids[0].rsplit(":", 3)[1]))
        ground = ground_of(self.cell_ids, crs, reach_cells=SAME_CELLS)
        middles = {name: middle for name in sorted(set(named)) if (middle := middle_of(name))}
        ix, iy = [x for x, _ in middles.values()], [y for _, y in middles.values()]
        is_hidden = ground.holds_cells(ix, iy, grid)
        hidden = {name for name, is_on in zip(middles, is_hidden, strict=True) if is_on}
        if len(market):
            hidden |= set(market.loc[ground.meets_outlines(market["geometry_wkb"], grid.size_m), "market_id"])
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
