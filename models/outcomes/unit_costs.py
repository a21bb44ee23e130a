"""Money, only from unit costs that a force configures with year and source, kept apart from every other unit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from models.outcomes.periods import KEY

# What has a unit cost → the table and column of its quantity.
PRICED = {
    "custody_day": ("enforcement_ledger", "custody_days"),
    "prison_day": ("enforcement_ledger", "prison_days"),
    "court_case": ("enforcement_ledger", "court_cases"),
    "treatment_place": ("scoreboard", "treatment_started"),
}
COLUMNS = (*KEY, "item", "quantity", "unit_cost", "currency", "cost", "year", "source")


@dataclass(frozen=True, slots=True)
class UnitCost:
    """What one unit costs, in money of a year, and who says so."""

    cost: float
    currency: str
    year: int
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise ValueError(f"cost={self.cost!r}: expected money per unit, zero or more")
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"currency={self.currency!r}: expected a code of three capitals (ISO 4217), such as GBP")
        if not 1900 <= self.year <= 2200:
            raise ValueError(f"year={self.year!r}: expected the year of the prices, such as 2025")
        if not self.source.strip():
            raise ValueError("source is blank: name the publication that the cost is from")


def unit_cost_of(item: str) -> type[UnitCost]:
    """Return the section of an item's cost; raise ValueError, with the known ones, if it has no quantity."""
    if item not in PRICED:
        raise ValueError(f"nothing is counted of which this is the cost; expected one of {', '.join(PRICED)}")
    return UnitCost


def price(tables: Mapping[str, pd.DataFrame], unit_costs: Mapping[str, UnitCost]) -> pd.DataFrame:
    """Return table enforcement_cost: the money that published quantities cost; no rows without unit costs.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables enforcement_ledger and scoreboard. A quantity that they do not state has no row.
    unit_costs : mapping of str to UnitCost
        By item of PRICED.
    """
    parts = []
    for item, unit in sorted(unit_costs.items()):
        table, column = PRICED[item]
        known = tables[table].dropna(subset=[column])
        parts.append(
            known[list(KEY)].assign(
                item=item, quantity=known[column].astype(float), unit_cost=float(unit.cost), currency=unit.currency,
                cost=known[column].astype(float) * unit.cost, year=unit.year, source=unit.source,
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
