"""Address piles: points on which a recording system stacks incidents that did not happen in the street there.

A geocoder piles incidents on few points: its default point, the middle of an area, the address of the station or
hospital where they were reported (Chainey and Ratcliffe 2005, GIS and Crime Mapping, on geocoding; Ratcliffe 2004,
International Journal of Geographical Information Science 18:61, on how much of it a map bears). A busy corner is no
pile: what is recorded there is what happens in streets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.checks import expect

# What is usual: 95 of 100 points have at most so many.
USUAL_QUANTILE = 0.95
# Three decimals of a degree are about 100 m. A file with more points than this share so coarse is coarse throughout.
COARSE_DECIMALS, MOST_COARSE = 3, 0.01
# The offence of fewer incidents than this is not told: they might be those of one household.
TOLD_FROM = 10

POINT = ["lon", "lat"]
CELL = ["cell_ix", "cell_iy"]
CELL_COLUMNS = (
    *CELL,
    *("point_count", "incident_count", "harm_days", "count_share", "harm_share", "other_harm_share", "kind", "name"),
    *("main_offence", "main_count", "is_address_pile", "why"),
)


@dataclass(frozen=True, slots=True)
class AddressPilesConfig:
    """When a point is an address pile, and when it decides what its cell is."""

    cell_share: float
    point_share: float
    times_usual: float
    minimum_incidents: int
    default_times_usual: float
    mix_distance: float
    centre_m: float
    institution_m: float
    off_street: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        def check(is_met: bool, fields: str, expected: str) -> None:
            expect(is_met, "address_piles.", self, fields, expected)

        check(0 < self.cell_share <= 1, "cell_share", "a share above 0")
        check(0 < self.point_share <= 1, "point_share", "a share above 0")
        check(self.minimum_incidents >= 2, "minimum_incidents", "at least 2")
        check(1 <= self.times_usual <= self.default_times_usual, "times_usual default_times_usual", "from 1, in order")
        check(0 <= self.mix_distance < 1, "mix_distance", "from 0 to below 1")
        check(self.centre_m >= 0 and self.institution_m >= 0, "centre_m institution_m", "metres from zero")
        codes = [code for group in self.off_street.values() for code in group]
        check(len(codes) == len(set(codes)), "off_street", "each offence in one group")


@dataclass(frozen=True, slots=True)
class AddressPiles:
    """The points that are piles, and the cells in which they lie; coordinates stay in the run."""

    points: pd.DataFrame  # lon, lat, cell_ix, cell_iy, area_id, incident_count, harm_days, kind, name
    cells: pd.DataFrame  # CELL_COLUMNS


def find_address_piles(
    events: pd.DataFrame, marks: pd.DataFrame, codebook: pd.DataFrame, *, config: AddressPilesConfig
) -> AddressPiles:
    """Find address piles and the cells that rest on them.

    A point is a pile where one group of off-street offences occurs many times as often as is usual of points and such
    groups are most of what the point holds. It also is one, whatever was recorded, if it is a known institution's; if
    its coordinates are rounded where others are not; or if far more than usual is recorded there, made up like the
    whole area or force: at the centre of an area, or anywhere from many times the usual on.

    Parameters
    ----------
    events : pd.DataFrame
        lon, lat, cell_ix, cell_iy, area_id (missing outside every area), offence_code, n; incidents of the window.
    marks : pd.DataFrame
        lon, lat of every point once, with centre_m (metres to the nearest centre of an area), name and
        institution_kind of the institution there (missing if none).
    codebook : pd.DataFrame
        By offence_code: harm_days, label.
    config : AddressPilesConfig
        Thresholds.

    Returns
    -------
    AddressPiles
        `points` by lon, lat; `cells` by cell_ix, cell_iy, with the shares of the cell's incidents and harm that lie on
        pile points, and the share of these points' harm that comes of other than off-street offences. Shares count
        the whole window, without decay. The main offence is missing where it has fewer than TOLD_FROM incidents.
    """
    group_of = {code: group for group, codes in config.off_street.items() for code in codes}
    events = events.assign(
        harm=events["n"] * codebook["harm_days"].reindex(events["offence_code"]).to_numpy(dtype=float),
        group=events["offence_code"].map(group_of).to_numpy(dtype=object),
    ).sort_values([*POINT, "offence_code"], ignore_index=True)
    points = _points(events).merge(marks, on=POINT, how="left", validate="1:1")
    heavy = _heavy_groups(events, config)
    kind = _kinds(points, events, heavy, config)
    points = points.assign(kind=kind).loc[kind.notna()].reset_index(drop=True)
    points = _with_main_offence(points, events, heavy)
    cells = _cells(points, events, codebook, config)
    columns = [*POINT, *CELL, "area_id", "incident_count", "harm_days", "kind", "name"]
    return AddressPiles(points[columns], cells)


def harm_off_piles(cells: pd.DataFrame, piles: pd.DataFrame) -> pd.Series:
    """Return the harm of cells less the share on address piles.

    Parameters
    ----------
    cells : pd.DataFrame
        cell_id, harm.
    piles : pd.DataFrame
        cell_id, harm_share; each cell once.

    Returns
    -------
    pd.Series
        On the index of `cells`.
    """
    share = cells["cell_id"].map(piles.set_index("cell_id")["harm_share"])
    return cells["harm"] * (1 - share.fillna(0.0).astype(float))


def _points(events: pd.DataFrame) -> pd.DataFrame:
    by_point = events.groupby(POINT, as_index=False, sort=True)
    return by_point.agg(
        cell_ix=("cell_ix", "first"),
        cell_iy=("cell_iy", "first"),
        area_id=("area_id", "first"),
        incident_count=("n", "sum"),
        harm_days=("harm", "sum"),
    )


def _heavy_groups(events: pd.DataFrame, config: AddressPilesConfig) -> pd.DataFrame:
    """Return lon, lat, group, n, harm, usual of the groups of off-street offences that a point has far too many of."""
    by_group = events.dropna(subset="group").groupby([*POINT, "group"], as_index=False, sort=True)[["n", "harm"]].sum()
    usual = by_group.groupby("group")["n"].agg(_usual).reindex(by_group["group"]).to_numpy(dtype=float)
    is_heavy = by_group["n"] >= np.maximum(config.times_usual * usual, config.minimum_incidents)
    return by_group.assign(usual=usual)[is_heavy.to_numpy()]


def _usual(counts: pd.Series) -> float:
    return float(np.quantile(counts.to_numpy(), USUAL_QUANTILE, method="inverted_cdf")) if len(counts) else 0.0


def _kinds(
    points: pd.DataFrame, events: pd.DataFrame, heavy: pd.DataFrame, config: AddressPilesConfig
) -> "pd.Series[str]":
    """Return what kind of pile each point is; missing if none. The first that applies is told."""
    count, usual = points["incident_count"], _usual(points["incident_count"])
    is_frequent = count >= config.minimum_incidents
    is_central = is_frequent & (count >= config.times_usual * usual) & (points["centre_m"] <= config.centre_m)
    is_default = is_frequent & (count >= config.default_times_usual * usual)
    is_mixed = _distance_of_mix(points, events, is_central | is_default) <= config.mix_distance
    tests = {
        "institution": is_frequent & points["name"].notna(),
        "rounded_point": is_frequent & _is_coarse(points),
        "area_centre": is_central & is_mixed,
        "default_point": is_default & is_mixed,
        "recorded_here": _is_mostly_heavy(points, heavy, config),
    }
    kind = pd.Series(None, index=points.index, dtype=object)
    for name, is_met in tests.items():
        kind = kind.mask(kind.isna() & is_met.to_numpy(), name)
    return kind


def _is_coarse(points: pd.DataFrame) -> "pd.Series[bool]":
    """Tell points whose coordinates are rounded, in a file whose points are not."""
    is_coarse = pd.Series(True, index=points.index)
    for column in POINT:
        is_coarse &= points[column].round(COARSE_DECIMALS) == points[column]
    return is_coarse & (is_coarse.mean() <= MOST_COARSE)


def _is_mostly_heavy(points: pd.DataFrame, heavy: pd.DataFrame, config: AddressPilesConfig) -> "pd.Series[bool]":
    sums = heavy.groupby(POINT, as_index=False)[["n", "harm"]].sum()
    of_point = points[POINT].merge(sums, on=POINT, how="left").fillna({"n": 0, "harm": 0.0})
    by_count = of_point["n"] >= config.point_share * points["incident_count"]
    by_harm = of_point["harm"] >= config.point_share * points["harm_days"]
    return (of_point["n"] > 0) & (by_count | by_harm)


def _distance_of_mix(points: pd.DataFrame, events: pd.DataFrame, is_asked: "pd.Series[bool]") -> "pd.Series[float]":
    """Return how far the offences of the points asked for are from those of the rest of their area or of the force.

    The distance is the share of incidents that would have to be of another offence; the lesser of the two counts.
    """
    codes = sorted(events["offence_code"].astype(str).unique())
    force = events.groupby("offence_code", observed=True)["n"].sum().reindex(codes, fill_value=0)
    by_area = events.groupby(["area_id", "offence_code"], observed=True)["n"].sum()
    own = points.loc[is_asked, [*POINT, "area_id"]].reset_index(names="point")
    own = own.merge(events[[*POINT, "offence_code", "n"]], on=POINT)
    distances = {}
    for (point, area_id), rows in own.groupby(["point", "area_id"], sort=True, dropna=False):
        counts = rows.set_index("offence_code")["n"].reindex(codes, fill_value=0)
        rests = [force - counts]
        if isinstance(area_id, str):
            rests.append(by_area[area_id].reindex(codes, fill_value=0) - counts)
        distances[point] = min((_total_variation(counts, rest) for rest in rests if rest.sum() > 0), default=np.inf)
    return pd.Series(distances, dtype=float).reindex(points.index, fill_value=np.inf)


def _total_variation(left: "pd.Series[int]", right: "pd.Series[int]") -> float:
    return float(0.5 * (left / left.sum() - right / right.sum()).abs().sum())


def _with_main_offence(points: pd.DataFrame, events: pd.DataFrame, heavy: pd.DataFrame) -> pd.DataFrame:
    """Add main_offence, main_count and usual_count: the most frequent offence of what made the point a pile."""
    own = points[[*POINT, "kind"]].merge(events[[*POINT, "offence_code", "group", "n", "harm"]], on=POINT)
    own = own.merge(heavy[[*POINT, "group", "usual"]], on=[*POINT, "group"], how="left")
    is_heavy = own["usual"].notna()
    own = own.assign(other_harm=own["harm"].where(own["group"].isna(), 0.0))
    other_harm = own.groupby(POINT, as_index=False)["other_harm"].sum()
    made = own[is_heavy | own["kind"].ne("recorded_here")]
    first = made.sort_values([*POINT, "n", "offence_code"], ascending=[True, True, False, True]).drop_duplicates(POINT)
    first = first.rename(columns={"offence_code": "main_offence", "n": "main_count", "usual": "usual_count"})
    main = first[[*POINT, "main_offence", "main_count", "usual_count"]]
    return points.merge(main, on=POINT, how="left").merge(other_harm, on=POINT, how="left")


def _cells(
    points: pd.DataFrame, events: pd.DataFrame, codebook: pd.DataFrame, config: AddressPilesConfig
) -> pd.DataFrame:
    inside = points.dropna(subset="area_id")
    whole = events.dropna(subset="area_id").groupby(CELL, as_index=False)[["n", "harm"]].sum()
    by_cell = inside.groupby(CELL, as_index=False, sort=True).agg(
        point_count=("kind", "size"),
        incident_count=("incident_count", "sum"),
        harm_days=("harm_days", "sum"),
        other_harm=("other_harm", "sum"),
        name=("name", _joined),
    )
    largest = inside.sort_values([*CELL, "incident_count", *POINT], ascending=[True, True, False, True, True])
    told = ["kind", "institution_kind", "main_offence", "main_count", "usual_count"]
    main = largest.drop_duplicates(CELL)[[*CELL, *told]]
    cells = by_cell.merge(whole, on=CELL).merge(main, on=CELL)
    harm = cells["harm"].where(cells["harm"] > 0, 1.0)
    cells = cells.assign(
        count_share=cells["incident_count"] / cells["n"],
        harm_share=cells["harm_days"] / harm,
        other_harm_share=cells["other_harm"] / cells["harm_days"].where(cells["harm_days"] > 0, 1.0),
    )
    is_pile = (cells["count_share"] >= config.cell_share) | (cells["harm_share"] >= config.cell_share)
    cells = cells.assign(is_address_pile=is_pile)
    why = [_why(row, codebook["label"]) for row in cells.to_dict("records")]
    is_told = cells["main_count"] >= TOLD_FROM
    main = cells[["main_offence", "main_count"]].where(is_told)
    cells = cells.assign(main_offence=main["main_offence"], main_count=main["main_count"].astype("Int64"))
    return cells.assign(why=pd.Series(why, index=cells.index, dtype=object))[list(CELL_COLUMNS)]


def _joined(names: "pd.Series[str]") -> str | None:
    """Return the names of the institutions of a cell as one text."""
    return "; ".join(sorted(set(names.dropna()))) or None


_WORDS = {
    "institution": "known institution: {name} ({institution_kind})",
    "rounded_point": "rounded coordinates, where those of other incidents are not",
    "area_centre": "the middle of an area, with the offences of the whole area",
    "default_point": "a default point of the recording system, with the offences of the whole force",
    "recorded_here": "recorded where reported: {main_count:,.0f} of {offence!r}, and 95 of 100 points with any of its "
    "group have at most {usual_count:,.0f}; {other_harm_share:.0%} of the harm there is of other offences",
    "untold": "recorded where reported: a kind of offence that is not street crime, more often than is usual of points",
}


def _why(row: Any, labels: "pd.Series[str]") -> str:
    """Return in words what the pile is and how much of the cell rests on it."""
    points = "one point" if row["point_count"] == 1 else f"{row['point_count']} points"
    is_untold = row["kind"] == "recorded_here" and row["main_count"] < TOLD_FROM
    what = _WORDS["untold" if is_untold else row["kind"]].format(**row, offence=labels[row["main_offence"]])
    return f"{row['count_share']:.0%} of its incidents and {row['harm_share']:.0%} of its harm on {points}; {what}"
