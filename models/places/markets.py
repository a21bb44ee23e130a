"""Street drug markets from reports of the public, partners and sensors, on a grid of cells.

At least two independent kinds of source must indicate a place, as in the Jersey City drug-market study (Weisburd and
Green 1995, Justice Quarterly 12:711). Unlike that study, arrests and other police discoveries are never a source,
because they show where police looked. Overdoses are counted for health outreach and do not affect the score.

The score is F = .35 disorder + .25 violence + .15 fear + .15 visibility + .10 persistence, each part the percentile of
an empirical-Bayes rate over neighbourhoods. A neighbourhood is a cell and its queen neighbours. Cells with reports
are clustered by steepest ascent to the neighbourhood with most reports; cells with one summit are one market, so
markets stay compact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.checks import expect
from models.statistics.empirical_bayes import GammaPrior, fit_gamma_prior, posterior
from models.statistics.rank_draws import percentiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEIGHTS = {"disorder": 0.35, "violence": 0.25, "fear": 0.15, "visibility": 0.15, "persistence": 0.10}
# Minimum reports and weeks of a suspected market: one complaint is not a market.
SUSPECTED_REPORTS, SUSPECTED_WEEKS = 3, 2
# Violence or disorder nearby is a source if its rate is in the top fifth of neighbourhoods.
NEARBY_PERCENTILE = 0.8
# Without reporter references ten callers look like one; then only this many places with most reports are shown.
PROVISIONAL_MARKETS = 10
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


def rank_markets(
    market_reports: pd.DataFrame,
    cells: pd.DataFrame,
    *,
    config: MarketsConfig,
    priors: Mapping[str, GammaPrior] | None = None,
) -> Markets:
    """Find street markets and grade them flagrant or suspected.

    Parameters
    ----------
    market_reports : pd.DataFrame
        one row per public, partner or sensor incident: incident_id, cell_ix, cell_iy, area_id, age_days (whole days
        before as_of), kind (dealing, fear, paraphernalia, overdose, disorder, violence), channel (call, tip, survey,
        officer, partner, sensor or null), reporter_ref (pseudonym or null), is_daylight (bool). Rows with channel
        officer, older than the window, or of another kind are left out.
    cells : pd.DataFrame
        cell_ix, cell_iy, area_id, is_visible (within `config.visibility_distance_m` of a school, transport or park);
        every cell of the areas. A report in another cell adds that cell as not visible.
    priors : Mapping[str, GammaPrior] | None
        result of `fit_market_priors` for an earlier as_of; None fits them to these reports.

    Returns
    -------
    Markets
        Without a dealing report all three frames are empty. If no dealing report names a reporter, the places with most
        dealing reports are `suspected` and provisional. Otherwise a market needs two kinds of source out of: dealing
        reported by call, dealing by tip or survey, violence or disorder nearby, discarded paraphernalia nearby. It is
        `flagrant` with the configured score, active weeks and distinct callers.
    """
    reports = _relevant(market_reports, config)
    dealing = reports[reports["kind"] == "dealing"]
    if dealing.empty:
        return _no_markets()
    grid = _Grid.over(cells, reports)
    measured, exposure = _measured(reports, grid, config)
    parts, nearby = _parts(measured, exposure, priors or _fitted(measured, exposure), reports, grid)
    market_of = _basins(grid, grid.count(dealing))
    table = _described(dealing, grid, market_of, nearby, parts)
    table["overdose_count"] = grid.around(grid.count(reports[reports["kind"] == "overdose"]))[table["cell"]]
    kept = _graded(table, dealing, config)
    return _published(kept, market_of, reports, grid)


def fit_market_priors(
    market_reports: pd.DataFrame, cells: pd.DataFrame, *, config: MarketsConfig
) -> dict[str, GammaPrior] | None:
    """Return the prior of each part's rates, None without a dealing report; arguments are those of `rank_markets`."""
    reports = _relevant(market_reports, config)
    if not (reports["kind"] == "dealing").any():
        return None
    return _fitted(*_measured(reports, _Grid.over(cells, reports), config))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Cells in order of (ix, iy) with their queen neighbours; -1 without one."""

    cells: pd.DataFrame
    neighbours: Ints  # [cells, 9], including the cell itself

    @classmethod
    def over(cls, cells: pd.DataFrame, reports: pd.DataFrame) -> "_Grid":
        # An overdose must not add a cell, because that would add a neighbourhood to the comparison.
        seen = reports.loc[reports["kind"] != "overdose", ["cell_ix", "cell_iy", "area_id"]].assign(is_visible=False)
        known = cells[["cell_ix", "cell_iy", "area_id", "is_visible"]]
        both = pd.concat([known, seen.sort_values(["cell_ix", "cell_iy", "area_id"])])
        unique = both.drop_duplicates(["cell_ix", "cell_iy"]).sort_values(["cell_ix", "cell_iy"], ignore_index=True)
        index = pd.MultiIndex.from_frame(unique[["cell_ix", "cell_iy"]])
        ix, iy = unique["cell_ix"].to_numpy(), unique["cell_iy"].to_numpy()
        shifted = [index.get_indexer(pd.MultiIndex.from_arrays([ix + dx, iy + dy])) for dx, dy in QUEEN]
        return cls(unique, np.stack(shifted, axis=1).astype(np.int64))

    def locate(self, reports: pd.DataFrame) -> Ints:
        """Return the position of each report's cell, -1 outside the grid."""
        index = pd.MultiIndex.from_frame(self.cells[["cell_ix", "cell_iy"]])
        return index.get_indexer(pd.MultiIndex.from_frame(reports[["cell_ix", "cell_iy"]])).astype(np.int64)

    def count(self, reports: pd.DataFrame) -> Ints:
        at = self.locate(reports)
        return np.bincount(at[at >= 0], minlength=len(self.cells)).astype(np.int64)

    def around(self, counts: Ints) -> Ints:
        """Return the sum over each cell's neighbourhood."""
        return np.append(counts, 0)[self.neighbours].sum(axis=1)

    def sizes(self) -> Ints:
        return (self.neighbours >= 0).sum(axis=1)


def _relevant(market_reports: pd.DataFrame, config: MarketsConfig) -> pd.DataFrame:
    kinds = ["dealing", "fear", "paraphernalia", "overdose", "disorder", "violence"]
    recent = market_reports["age_days"] < 7 * config.window_weeks
    by_officer = market_reports["channel"].eq("officer").fillna(False)
    kept = market_reports[recent & ~by_officer.astype(bool) & market_reports["kind"].isin(kinds)]
    return kept.sort_values("incident_id", ignore_index=True)


def _measured(reports: pd.DataFrame, grid: _Grid, config: MarketsConfig) -> tuple[dict[str, Ints], Floats]:
    """Return counts per neighbourhood for the five parts and for trouble nearby, and exposure in cell-weeks."""
    by_kind = {kind: reports[reports["kind"] == kind] for kind in ("dealing", "fear", "disorder", "violence")}
    counts = {kind: grid.around(grid.count(rows)) for kind, rows in by_kind.items()}
    dealing = by_kind["dealing"]
    in_sight = grid.count(dealing) * grid.cells["is_visible"].to_numpy(dtype=np.int64)
    in_daylight = grid.count(dealing[dealing["is_daylight"].astype(bool)])
    measured = {
        "disorder": counts["disorder"],
        "violence": counts["violence"],
        "fear": counts["fear"],
        "visibility": grid.around(in_sight + in_daylight),
        "persistence": _active_weeks(dealing, grid),
        "trouble": counts["disorder"] + counts["violence"],
    }
    return measured, (grid.sizes() * config.window_weeks).astype(np.float64)


def _fitted(measured: Mapping[str, Ints], exposure: Floats) -> dict[str, GammaPrior]:
    return {part: fit_gamma_prior(count, exposure) for part, count in measured.items()}


def _parts(
    measured: Mapping[str, Ints],
    exposure: Floats,
    priors: Mapping[str, GammaPrior],
    reports: pd.DataFrame,
    grid: _Grid,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the five parts of the score by cell, and the neighbourhood sources that indicate it."""
    places = {part: _percentile(count, exposure, priors[part]) for part, count in measured.items()}
    parts = pd.DataFrame({part: places[part] for part in WEIGHTS})
    parts["score"] = sum(weight * parts[part] for part, weight in WEIGHTS.items())
    nearby = pd.DataFrame(
        {
            "has_trouble": (measured["trouble"] > 0) & (places["trouble"] >= NEARBY_PERCENTILE),
            "has_paraphernalia": grid.around(grid.count(reports[reports["kind"] == "paraphernalia"])) > 0,
        }
    )
    return parts, nearby


def _percentile(count: Ints, exposure: Floats, prior: GammaPrior) -> Floats:
    """Return the percentile of the posterior mean rate; neighbourhoods cut by the border shrink to the city's rate."""
    shape, rate = posterior(prior, count, exposure)
    return percentiles((shape / rate)[:, None])[:, 0]


def _active_weeks(dealing: pd.DataFrame, grid: _Grid) -> Ints:
    """Return the number of distinct weeks with a dealing report in each neighbourhood."""
    weeks = dealing["age_days"].to_numpy() // 7
    seen = np.zeros((len(grid.cells) + 1, int(weeks.max()) + 1), bool)
    seen[grid.locate(dealing), weeks] = True
    active = np.zeros_like(seen[:-1])
    for side in grid.neighbours.T:
        active |= seen[side]
    return active.sum(axis=1).astype(np.int64)


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
    rows = dealing.assign(cell=at, summit=market_of[at], week=dealing["age_days"] // 7)
    is_second_hand = rows["channel"].isin(["tip", "survey"])
    found = rows.groupby("summit").agg(
        dealing_report_count=("incident_id", "size"),
        caller_count=("reporter_ref", "nunique"),
        active_week_count=("week", "nunique"),
    )
    per_cell = rows.groupby(["summit", "cell"]).size().rename("n").reset_index()
    heaviest = per_cell.sort_values(["summit", "n", "cell"], ascending=[True, False, True])
    found["cell"] = heaviest.drop_duplicates("summit").set_index("summit")["cell"]
    here = found["cell"].to_numpy()
    found["source_count"] = (
        found.index.isin(rows.loc[~is_second_hand, "summit"]).astype(int)
        + found.index.isin(rows.loc[is_second_hand, "summit"]).astype(int)
        + nearby.to_numpy()[here].sum(axis=1)
    )
    of_cell = parts.iloc[here].set_axis(found.index).rename(columns={part: f"{part}_part" for part in WEIGHTS})
    return found.join(of_cell)


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
    ids = ("market_" + here["cell_ix"].astype(str) + "_" + here["cell_iy"].astype(str)).to_numpy()
    markets = kept.assign(market_id=ids, rank=np.arange(1, len(kept) + 1), area_id=here["area_id"].to_numpy())
    name_of_summit = pd.Series(ids, index=kept.index)
    cells = grid.cells[["cell_ix", "cell_iy"]].assign(market_id=name_of_summit.reindex(market_of).to_numpy())
    cells = cells.dropna(subset="market_id").sort_values(["market_id", "cell_ix", "cell_iy"], ignore_index=True)
    # Overdoses are not evidence against a place, so they are excluded.
    near = cells.merge(reports[reports["kind"] != "overdose"], on=["cell_ix", "cell_iy"])
    evidence = near.sort_values(["market_id", "age_days", "incident_id"], ignore_index=True)
    return Markets(
        markets.reset_index(drop=True)[list(COLUMNS)].astype(COLUMNS),
        cells[["market_id", "cell_ix", "cell_iy"]],
        evidence[["market_id", "incident_id", "kind", "age_days"]],
    )


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
