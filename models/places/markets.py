"""Street drug markets from reports of the public, partners and sensors, on a grid of cells.

At least two independent kinds of source must indicate a place, as in the Jersey City drug-market study (Weisburd and
Green 1995, Justice Quarterly 12:711). Unlike that study, arrests and other police discoveries are never a source,
because they show where police looked. Overdoses are counted for health outreach and do not affect the score.

The score is F = .35 disorder + .25 violence + .15 fear + .15 visibility + .10 persistence, each part the percentile of
a count among the places that have a report. A place is a cell; what is counted lies in it and its queen neighbours,
nine cells also at the border of the map, so that ground without reports changes no part. Cells with dealing reports are
clustered by steepest ascent to the neighbourhood with most of them; cells with one summit are one market, so markets
stay compact.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats, Ints
from models.checks import expect
from models.statistics.rank_draws import percentiles

WEIGHTS = {"disorder": 0.35, "violence": 0.25, "fear": 0.15, "visibility": 0.15, "persistence": 0.10}
# Minimum reports and weeks of a suspected market: one complaint is not a market.
SUSPECTED_REPORTS, SUSPECTED_WEEKS = 3, 2
# Violence or disorder nearby is a source if its count is in the top fifth of the places that have a report.
NEARBY_PERCENTILE = 0.8
# Fewer places with reports than this are compared with as many without as there lack: alone, a market tops nothing.
FEWEST_PLACES = 30
# Without reporter references ten callers look like one; then only this many places with most reports are shown.
PROVISIONAL_MARKETS = 10
KINDS = ("dealing", "fear", "paraphernalia", "overdose", "disorder", "violence")
QUEEN = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]


@dataclass(frozen=True, slots=True)
class MarketsConfig:
    """Thresholds of a flagrant street market."""

    window_weeks: int
    minimum_weeks: int
    minimum_callers: int
    minimum_score: float
    visibility_distance_m: float

    def __post_init__(self) -> None:
        for name in ("window_weeks", "minimum_weeks", "minimum_callers", "visibility_distance_m"):
            expect(getattr(self, name) > 0, "markets.", self, name, "a number above zero")
        at_most = f"at most window_weeks={self.window_weeks!r}"
        expect(self.minimum_weeks <= self.window_weeks, "markets.", self, "minimum_weeks", at_most)
        expect(0 < self.minimum_score <= 1, "markets.", self, "minimum_score", "a score above 0, at most 1")


@dataclass(frozen=True, slots=True)
class Markets:
    """Markets, the cells that make up each, and the reports behind each."""

    markets: pd.DataFrame  # the columns of `market` without the run's and the geometry, in rank order
    cells: pd.DataFrame  # market_id, cell_ix, cell_iy: to dissolve into polygons
    evidence: pd.DataFrame  # market_id, incident_id, kind, age_days: newest first within a market

    def without(self, market_ids: Collection[str]) -> "Markets":
        """Return the markets, cells and evidence less those of some markets; the ranks of the others close up."""
        frames = (self.markets, self.cells, self.evidence)
        left, cells, evidence = (frame[~frame["market_id"].isin(market_ids)].reset_index(drop=True) for frame in frames)
        return Markets(left.assign(rank=np.arange(1, len(left) + 1)), cells, evidence)


COLUMNS = {
    "market_id": "str",
    "rank": "int64",
    "area_id": "str",
    "grade": "str",
    "score": "float64",
    **{f"{part}_part": "float64" for part in WEIGHTS},
    "dealing_report_count": "int64",
    "caller_count": "int64",
    "source_count": "int64",
    "active_week_count": "int64",
    "overdose_count": "int64",
    "is_provisional": "bool",
}


def rank_markets(market_reports: pd.DataFrame, cells: pd.DataFrame, *, config: MarketsConfig) -> Markets:
    """Find street markets and grade them flagrant or suspected.

    Parameters
    ----------
    market_reports : pd.DataFrame
        one row per public, partner or sensor incident: incident_id, cell_ix, cell_iy, area_id, age_days (whole days
        before as_of), kind (dealing, fear, paraphernalia, overdose, disorder, violence), channel (call, tip, survey,
        officer, partner, sensor or null), reporter_ref (pseudonym or null), is_daylight (bool). Rows with channel
        officer, older than the window, or of another kind are left out.
    cells : pd.DataFrame
        cell_ix, cell_iy, area_id, is_visible (within `config.visibility_distance_m` of a school, transport or park).
        Cells without reports change nothing; a report in a cell that is not here is of its own area and not visible.

    Returns
    -------
    Markets
        Without a dealing report all three frames are empty. If no dealing report names a reporter, the places with most
        dealing reports are `suspected` and provisional. Otherwise a market needs two kinds of source out of: dealing
        reported by call, dealing by tip or survey, violence or disorder nearby, discarded paraphernalia nearby. It is
        `flagrant` with the configured score, active weeks and distinct callers.
    """
    reports = relevant_reports(market_reports, config)
    if not (reports["kind"] == "dealing").any():
        return _no_markets()
    grid = _Grid.over(cells, reports)
    kept, market_of = _find(grid, _counts(reports, grid), reports[reports["kind"] == "dealing"], config)
    return _published(kept, market_of, reports, grid)


class LiveMarkets:
    """The markets of a run, kept up to date as reports come and go.

    Parameters
    ----------
    reports, cells, config
        those of `rank_markets`, the reports as `relevant_reports` returns them; `incident_id` may be a number.
    """

    def __init__(self, reports: pd.DataFrame, cells: pd.DataFrame, *, config: MarketsConfig) -> None:
        self._cells, self._config = cells, config
        self._grid = _Grid.over(cells, reports)
        self._counts = _counts(reports, self._grid)
        self._dealing = reports[reports["kind"] == "dealing"].set_index("incident_id")
        self._markets: pd.DataFrame | None = None

    def change(self, gone: pd.DataFrame, come: pd.DataFrame) -> None:
        """Remove reports and add others; those that are gone need only incident_id, kind, cell_ix and cell_iy."""
        if len(gone) + len(come) == 0:
            return
        if (self._grid.locate(come[come["kind"] != "overdose"]) < 0).any():
            self._lay_over(come)
        added, removed = _counts(come, self._grid), _counts(gone, self._grid)
        self._counts = {kind: count + added[kind] - removed[kind] for kind, count in self._counts.items()}
        stays = self._dealing.drop(gone.loc[gone["kind"] == "dealing", "incident_id"])
        self._dealing = pd.concat([stays, come[come["kind"] == "dealing"].set_index("incident_id")])
        self._markets = None

    def rank(self) -> pd.DataFrame:
        """Return market_id, rank and grade in rank order, as `rank_markets` does."""
        if self._markets is None:
            self._markets = self._rank()
        return self._markets

    def market_cells(self) -> pd.DataFrame:
        """Return market_id, cell_ix and cell_iy of the markets that `rank` returns, as `Markets.cells`."""
        self.rank()
        return self._cells_of_markets

    def _rank(self) -> pd.DataFrame:
        self._cells_of_markets = _no_markets().cells
        if self._dealing.empty:
            return _no_markets().markets[["market_id", "rank", "grade"]]
        kept, market_of = _find(self._grid, self._counts, self._dealing, self._config)
        ids = _market_ids(self._grid.cells.iloc[kept["cell"].to_numpy()])
        self._cells_of_markets = _cells_of_markets(self._grid, pd.Series(ids, index=kept.index), market_of)
        return pd.DataFrame({"market_id": ids, "rank": np.arange(1, len(ids) + 1), "grade": kept["grade"].to_numpy()})

    def _lay_over(self, reports: pd.DataFrame) -> None:
        """Extend the grid to the cells of `reports`, and move the counts to it."""
        held = self._grid
        self._grid = _Grid.over(pd.concat([self._cells, held.cells]), reports)
        at = held.locate(self._grid.cells)
        self._counts = {kind: np.where(at < 0, 0, count[at]) for kind, count in self._counts.items()}


@dataclass(frozen=True, slots=True)
class _Grid:
    """Cells in order of (ix, iy) with their queen neighbours; -1 without one."""

    cells: pd.DataFrame
    codes: Ints  # of the cells, ascending
    neighbours: Ints  # [cells, 9], including the cell itself

    @classmethod
    def over(cls, cells: pd.DataFrame, reports: pd.DataFrame) -> "_Grid":
        """Lay a grid over the map's cells and those of the reports, also beyond the map's border."""
        # An overdose must not say which area a cell beyond the border is of.
        seen = reports.loc[reports["kind"] != "overdose", ["cell_ix", "cell_iy", "area_id"]].assign(is_visible=False)
        known = cells[["cell_ix", "cell_iy", "area_id", "is_visible"]]
        both = pd.concat([known, seen.sort_values(["cell_ix", "cell_iy", "area_id"])])
        unique = both.drop_duplicates(["cell_ix", "cell_iy"]).sort_values(["cell_ix", "cell_iy"], ignore_index=True)
        codes = _cell_codes(unique)
        shifted = [_located(codes + (dx << 32) + dy, codes) for dx, dy in QUEEN]
        return cls(unique, codes, np.stack(shifted, axis=1))

    def locate(self, reports: pd.DataFrame) -> Ints:
        """Return the position of each report's cell, -1 outside the grid."""
        return _located(_cell_codes(reports), self.codes)

    def count(self, reports: pd.DataFrame) -> Ints:
        at = self.locate(reports)
        return np.bincount(at[at >= 0], minlength=len(self.cells)).astype(np.int64)

    def around(self, counts: Ints) -> Ints:
        """Return the sum over each cell's neighbourhood."""
        return np.append(counts, 0)[self.neighbours].sum(axis=1)


def _cell_codes(cells: pd.DataFrame) -> Ints:
    """Return one number for each cell, in the order of (ix, iy)."""
    return (cells["cell_ix"].to_numpy(np.int64) << 32) + cells["cell_iy"].to_numpy(np.int64)


def _located(codes: Ints, among: Ints) -> Ints:
    """Return the position of each code among ascending ones, -1 where it is none of them."""
    at = among.searchsorted(codes).clip(max=len(among) - 1)
    return np.where(among[at] == codes, at, -1)


def relevant_reports(market_reports: pd.DataFrame, config: MarketsConfig) -> pd.DataFrame:
    """Return the reports that can point at a market, by incident_id: of a known kind, in the window, of no officer."""
    recent = market_reports["age_days"] < 7 * config.window_weeks
    by_officer = market_reports["channel"].eq("officer").fillna(False)
    kept = market_reports[recent & ~by_officer.astype(bool) & market_reports["kind"].isin(KINDS)]
    return kept.sort_values("incident_id", ignore_index=True)


def _counts(reports: pd.DataFrame, grid: _Grid) -> dict[str, Ints]:
    """Return the number of reports of each kind by cell."""
    at, kind = grid.locate(reports), pd.Index(KINDS).get_indexer(pd.Index(reports["kind"]))
    counts = np.bincount((kind * len(grid.cells) + at)[at >= 0], minlength=len(KINDS) * len(grid.cells))
    return dict(zip(KINDS, counts.reshape(len(KINDS), -1), strict=True))


def _find(
    grid: _Grid, counts: Mapping[str, Ints], dealing: pd.DataFrame, config: MarketsConfig
) -> tuple[pd.DataFrame, Ints]:
    """Return the markets in rank order, indexed by summit, and the summit of each cell."""
    parts, nearby = _parts(grid, counts, dealing)
    market_of = _basins(grid, counts["dealing"])
    table = _described(dealing, grid, market_of, nearby, parts)
    table["overdose_count"] = grid.around(counts["overdose"])[table["cell"]]
    return _graded(table, dealing, config), market_of


def _parts(grid: _Grid, counts: Mapping[str, Ints], dealing: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the five parts of the score by cell, and the neighbourhood sources that indicate it."""
    around = {kind: grid.around(counts[kind]) for kind in ("disorder", "violence", "fear", "paraphernalia")}
    # An overdose must not make a cell one of the places that are compared.
    has_report = np.sum([count for kind, count in counts.items() if kind != "overdose"], axis=0) > 0
    in_sight = counts["dealing"] * grid.cells["is_visible"].to_numpy(dtype=np.int64)
    in_daylight = grid.count(dealing[dealing["is_daylight"].astype(bool)])
    trouble = around["disorder"] + around["violence"]
    measured = {
        **{part: around[part] for part in ("disorder", "violence", "fear")},
        "visibility": grid.around(in_sight + in_daylight),
        "persistence": _active_weeks(dealing, grid),
    }
    parts = pd.DataFrame({part: _percentile(measured[part], has_report) for part in WEIGHTS})
    parts["score"] = sum(weight * parts[part] for part, weight in WEIGHTS.items())
    nearby = pd.DataFrame(
        {
            "has_trouble": (trouble > 0) & (_percentile(trouble, has_report) >= NEARBY_PERCENTILE),
            "has_paraphernalia": around["paraphernalia"] > 0,
        }
    )
    return parts, nearby


def _percentile(count: Ints, has_report: npt.NDArray[np.bool_]) -> Floats:
    """Return the percentile of each count among the places that have a report, 0 for the others.

    All have nine cells and the same weeks, so empirical-Bayes rates would have the same order, whatever their prior.
    """
    reported = count[has_report]
    none = np.zeros(max(0, FEWEST_PLACES - len(reported)), np.int64)
    place = np.zeros(len(count))
    place[has_report] = percentiles(np.append(reported, none)[:, None])[: len(reported), 0]
    return place


def _active_weeks(dealing: pd.DataFrame, grid: _Grid) -> Ints:
    """Return the number of distinct weeks with a dealing report in each neighbourhood."""
    weeks = _weeks(dealing)
    seen = np.zeros((len(grid.cells) + 1, int(weeks.max()) + 1), bool)
    seen[grid.locate(dealing), weeks] = True
    active = np.zeros_like(seen[:-1])
    for side in grid.neighbours.T:
        active |= seen[side]
    return active.sum(axis=1).astype(np.int64)


def _weeks(dealing: pd.DataFrame) -> Ints:
    """Return how many whole weeks before as_of each report was made."""
    # From -1: the local hour that a change of clocks repeats before as_of is of the day to come.
    return dealing["age_days"].to_numpy(np.int64).clip(min=0) // 7


def _basins(grid: _Grid, dealing_count: Ints) -> Ints:
    """Return the summit of each cell with dealing reports, by steepest ascent over neighbourhood counts.

    Ties go to the cell with more reports, then to the first in order. Cells without reports have -1.
    """
    has_reports = dealing_count > 0
    order = np.lexsort((-np.arange(len(dealing_count)), dealing_count, grid.around(dealing_count)))
    height = np.empty(len(order), np.int64)
    height[order] = np.arange(len(order))
    height[~has_reports] = -1
    best = np.append(height, -1)[grid.neighbours].argmax(axis=1)
    summit = np.where(has_reports, grid.neighbours[np.arange(len(best)), best], -1)
    while not np.array_equal(further := np.where(has_reports, summit[summit], -1), summit):
        summit = further
    return summit


def _described(
    dealing: pd.DataFrame, grid: _Grid, market_of: Ints, nearby: pd.DataFrame, parts: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per candidate, indexed by summit: its cell with most reports, counts, sources and parts."""
    at = grid.locate(dealing)
    summits, market = np.unique(market_of[at], return_inverse=True)
    caller, _ = pd.factorize(dealing["reporter_ref"])
    is_second_hand = dealing["channel"].isin(["tip", "survey"]).to_numpy()
    here = _heaviest_cells(market, at)
    found = pd.DataFrame(
        {
            "dealing_report_count": np.bincount(market),
            "caller_count": _distinct(market[caller >= 0], caller[caller >= 0], len(summits)),
            "active_week_count": _distinct(market, _weeks(dealing), len(summits)),
            "cell": here,
            "source_count": _distinct(market, is_second_hand, len(summits)) + nearby.to_numpy()[here].sum(axis=1),
        },
        index=pd.Index(summits, name="summit"),
    )
    of_cell = parts.iloc[here].set_axis(found.index).rename(columns={part: f"{part}_part" for part in WEIGHTS})
    return found.join(of_cell)


def _distinct(market: Ints, values: npt.NDArray, markets: int) -> Ints:
    """Return how many distinct values each market has."""
    pairs = np.unique(np.stack([market, values.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0], minlength=markets)


def _heaviest_cells(market: Ints, cell: Ints) -> Ints:
    """Return the cell of each market with most reports, the first of several."""
    (markets, cells), n = np.unique(np.stack([market, cell]), axis=1, return_counts=True)
    order = np.lexsort((cells, -n, markets))
    return cells[order][np.unique(markets[order], return_index=True)[1]]


def _graded(table: pd.DataFrame, dealing: pd.DataFrame, config: MarketsConfig) -> pd.DataFrame:
    is_provisional = not dealing["reporter_ref"].notna().any()
    if is_provisional:
        heaviest = table.sort_values(["dealing_report_count", "score", "cell"], ascending=[False, False, True])
        return heaviest.head(PROVISIONAL_MARKETS).assign(grade="suspected", is_provisional=True)
    enough = (
        (table["source_count"] >= 2)
        & (table["dealing_report_count"] >= SUSPECTED_REPORTS)
        & (table["active_week_count"] >= SUSPECTED_WEEKS)
    )
    is_flagrant = (
        (table["score"] >= config.minimum_score)
        & (table["active_week_count"] >= config.minimum_weeks)
        & (table["caller_count"] >= config.minimum_callers)
    )
    graded = table.assign(grade=np.where(is_flagrant, "flagrant", "suspected"), is_provisional=False)[enough]
    return graded.sort_values(["grade", "score", "cell"], ascending=[True, False, True])


def _published(kept: pd.DataFrame, market_of: Ints, reports: pd.DataFrame, grid: _Grid) -> Markets:
    here = grid.cells.iloc[kept["cell"].to_numpy()]
    ids = _market_ids(here)
    markets = kept.assign(market_id=ids, rank=np.arange(1, len(kept) + 1), area_id=here["area_id"].to_numpy())
    cells = _cells_of_markets(grid, pd.Series(ids, index=kept.index), market_of)
    # Overdoses are not evidence against a place, so they are excluded.
    near = cells.merge(reports[reports["kind"] != "overdose"], on=["cell_ix", "cell_iy"])
    evidence = near.sort_values(["market_id", "age_days", "incident_id"], ignore_index=True)
    return Markets(
        markets.reset_index(drop=True)[list(COLUMNS)].astype(COLUMNS),
        cells,
        evidence[["market_id", "incident_id", "kind", "age_days"]],
    )


def _cells_of_markets(grid: _Grid, name_of_summit: "pd.Series[str]", market_of: Ints) -> pd.DataFrame:
    """Return market_id, cell_ix, cell_iy of the cells of the named markets, sorted."""
    cells = grid.cells[["cell_ix", "cell_iy"]].assign(market_id=name_of_summit.reindex(market_of).to_numpy())
    cells = cells.dropna(subset="market_id").sort_values(["market_id", "cell_ix", "cell_iy"], ignore_index=True)
    return cells[["market_id", "cell_ix", "cell_iy"]]


def middle_of(market_id: str) -> tuple[int, int] | None:
    """Return the cell in the id: the heaviest cell of a market, or the middle of another place."""
    found = re.fullmatch(r"(?:market|place)_(-?\d+)_(-?\d+)", market_id)
    return (int(found[1]), int(found[2])) if found else None


def _market_ids(cells: pd.DataFrame) -> npt.NDArray[np.object_]:
    return ("market_" + cells["cell_ix"].astype(str) + "_" + cells["cell_iy"].astype(str)).to_numpy()


def _no_markets() -> Markets:
    return Markets(
        pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()}),
        pd.DataFrame({"market_id": pd.Series(dtype="str"), "cell_ix": [], "cell_iy": []}).astype(
            {"cell_ix": "int64", "cell_iy": "int64"}
        ),
        pd.DataFrame({name: pd.Series(dtype="str") for name in ("market_id", "incident_id", "kind")}).assign(
            age_days=pd.Series(dtype="int64")
        ),
    )
