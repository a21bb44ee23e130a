"""Whether operations helped, from table operation_effect of a run, in words and for a page."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.home.rows import to_json_rows
from models.effects.agreement import CANNOT_TELL, together
from pipeline.errors import PublicationError
from pipeline.publication.publish import read_published

COLUMNS = [
    "method", "observed", "expected", "change", "change_lo", "change_hi", "net_change", "net_change_lo",
    "net_change_hi", "finding", "power_of_fall", "least_fall", "is_doubtful",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class OperationEffect:
    """What the methods say of one operation."""

    market_id: str
    area_id: str
    started_at: pd.Timestamp  # local
    effects: pd.DataFrame  # rows of operation_effect
    verdict: str  # as the register says it
    together: str

    def title(self) -> str:
        """Return place, start and length."""
        weeks = int(self.effects["window_days"].iloc[0]) // 7
        return f"{self.market_id} in {self.area_id}, from {self.started_at:%Y-%m-%d}, {weeks} weeks"

    def lines(self) -> list[str]:
        """Return what each method says, and what was checked of it."""
        rows = self.effects[["method", "why", "assumptions"]].itertuples(index=False)
        return [
            f"  {method.replace('_', ' ')}: {why}" + (f"\n    checked: {checked}" if isinstance(checked, str) else "")
            for method, why, checked in rows
        ]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a run says of operations."""

    title: str
    operations: list[OperationEffect]
    cannot_tell: tuple[str, ...] = CANNOT_TELL

    def as_json(self) -> dict[str, Any]:
        """Return it as an object; times are UTC."""
        return {
            "title": self.title,
            "operations": [
                {
                    "market_id": each.market_id,
                    "area_id": each.area_id,
                    "started_at": each.started_at.tz_convert("UTC").isoformat(),
                    "verdict": each.verdict,
                    "together": each.together,
                    "methods": to_json_rows(each.effects.drop(columns=["market_id", "area_id", "started_at"])),
                }
                for each in self.operations
            ],
            "cannot_tell": list(self.cannot_tell),
        }

    def of_page(self) -> list[dict[str, Any]]:
        """Return the operations as the page takes them."""
        return [
            {"title": each.title(), "verdict": each.verdict, "together": each.together,
             "started_on": each.started_at.date(), "effects": each.effects}
            for each in self.operations
        ]  # fmt: skip


def read_effects(home: Home, market: str | None, run_id: str | None) -> Effects:
    """Return what a run (default: the latest) says of the latest operation at a market or area, or of every one.

    Raises
    ------
    PublicationError
        No operation started there; the message lists where some did.
    """
    run = read_published(home.path, "run", run_id).iloc[0]
    zone = ZoneInfo(run["time_zone"])
    rows = read_published(home.path, "operation_effect", run["run_id"]).drop(columns=["run_id", "as_of", "valid_to"])
    known = ", ".join(sorted(rows["market_id"].unique())) or "none"
    if market is not None:
        raw_id = rows["area_id"].str.rsplit("@", n=1).str[0]
        rows = rows[rows["market_id"].eq(market) | rows["area_id"].eq(market) | raw_id.eq(market)]
        if rows.empty:
            raise PublicationError(
                f"market or area {market!r}: run {run['run_id']} knows no operation that started there; known are "
                f"{known}"
            )
    register = read_published(home.path, "operation_register", run["run_id"])
    verdicts = register.set_index(["market_id", "started_at"])["measured"]
    operations = [
        OperationEffect(
            str(market_id), own["area_id"].iloc[0], start.tz_convert(zone), own.reset_index(drop=True),
            verdict=str(verdicts.get((market_id, start), "")), together=together(own),
        )
        for (market_id, start), own in rows.groupby(["market_id", "started_at"], sort=True)
    ]  # fmt: skip
    day = run["as_of"].tz_convert(zone).date()
    return Effects(f"{run['force_name']}, {day}, run {run['run_id']}", operations)
