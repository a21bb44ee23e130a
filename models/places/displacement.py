"""Where harm went during an operation: at its market, in two rings around it and at the next places, beside placebos.

For each zone and part, what was reported since the start is compared with what was to be expected, and the difference
with the differences at placebos (`models.places.placebos`, `models.statistics.placebo_test`; Saunders et al. 2015,
Robbins, Saunders and Kilmer 2017). The sum of market and ring is the weighted displacement difference of Wheeler and
Ratcliffe (2018, Crime Science 7:4), with the expectation in place of their controls and the placebos in place of their
Poisson variance: on real places without an operation, Poisson intervals raised twice the alarms that they promised.

Zones answer displacement in place, parts that to other offences and other times: three of the five kinds of Clarke and
Eck. Reports by public, partners and sensors count, as in all models; overdoses do not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from models.arrays import Floats, Ints, Row
from models.places.placebos import (
    SPANS,
    WEEK,
    Compared,
    Date,
    Days,
    Ground,
    Reports,
    compare_places,
    dates_of,
    days_of,
    place_middle,
)
from models.statistics.placebo_test import FEWEST, TAIL, Comparison, compare, judge_together

LATEST_DAYS = 365  # an operation is measured for a year after its start
SHORTEST_DAYS = 7  # a shorter window has too little information
FULL_RING = 0.9  # a smaller share of the rings on the map is said
FALL = 0.3  # the power to see a fall by this share is stated
WHOLE = "all"
SPLITS = {"offence": "category", "time": "daypart"}  # kind of split → column of the reports
ZONE_ROWS = {"0-250 m": (1,), "250-500 m": (2,), "next places": (3,)}  # part of split zone → zones of `Compared.counts`
RING, NEXT = (1, 2), "next places"
SHOWN_CONTROLS = 5
MEASURES = ("", "harm_")
_ENDS = ("", "_lo", "_hi")
_DAY_S = 86400.0
_NO_CELLS = np.zeros((0, 2), dtype=np.int64)
DISPLACEMENT_COLUMNS = (
    "market_id", "split", "part", "area_id", "started_at", "window_days", "control_count", "control_ids",
    *(f"{part}_{when}" for part in ("target", "ring", "control", "control_ring") for when in ("before", "after")),
    *(f"target_change{end}" for end in _ENDS), *(f"displaced{end}" for end in _ENDS), *(f"wdd{end}" for end in _ENDS),
    *(f"harm_target_change{end}" for end in _ENDS), *(f"harm_displaced{end}" for end in _ENDS),
    *(f"harm_wdd{end}" for end in _ENDS),
    "is_alarm", "is_harm_alarm", "why", "independent_count", "target_expected", "ring_expected", "p_rise", "p_rise_any",
    "least_rise", "power_of_fall", "harm_p_rise", "harm_p_rise_any", "harm_least_rise", "harm_power_of_fall",
)  # fmt: skip


def measure_displacement(
    operations: pd.DataFrame,
    history: pd.DataFrame,
    ground: Ground,
    *,
    as_of: pd.Timestamp,
    longest_days: int,
    withheld: Ints | None = None,
) -> pd.DataFrame:
    """Measure the latest operation at each market, with as many days since its start as are compared with.

    Parameters
    ----------
    operations : pd.DataFrame
        `models.operations.history.operations_of`, with market_id. A place with one that is announced, whether or not it
        starts, is no placebo. No other row tells of one that is_hidden, where there is such a column.
    history : pd.DataFrame
        All reports of the map in order of occurred_at: point (row of the ground's points), occurred_at (UTC), kind
        (dealing, disorder …, null if no market is found by it; overdose is left out), harm_days, category, daypart (the
        last two null if unknown).
    ground : Ground
        Geometry of the map.
    as_of : pd.Timestamp
        end of the history (UTC).
    longest_days : int
        maximum length of the window in days.
    withheld : Ints, optional
        cell_ix, cell_iy in rows: ground that no row names, as a next place or as a placebo.

    Returns
    -------
    pd.DataFrame
        DISPLACEMENT_COLUMNS, by market: all reports of market and rings first, then each zone, then each part of the
        reports. Counts are those of the window before and after the start (of controls: the sum over all placebos).
        Changes are observed less expected, in reports and in days of harm, with 80% intervals. What cannot be measured
        is missing, and `why` says the reason.
    """
    known = operations.dropna(subset="market_id")
    known = known.assign(felt_from=known[["announced_at", "started_at"]].min(axis=1)).dropna(subset="felt_from")
    reports = reports_of(history, len(ground.points)) if are_any_due(operations, as_of) else None

    @lru_cache(maxsize=1)  # operations of one start follow each other, and the dates of one start fill enough memory
    def shared_dates(days: Days) -> list[Date]:
        assert reports is not None
        return dates_of(reports, ground, days, _NO_CELLS if withheld is None else withheld)

    rows: dict[str, list[Row]] = {}
    for operation in latest_operations(operations).sort_values(["started_at", "market_id"]).to_dict("records"):
        days_since = (as_of - operation["started_at"]) / pd.Timedelta(days=1)
        row: Row = {name: operation[name] for name in ("market_id", "area_id", "started_at")}
        weeks = max(int(min(days_since, longest_days) // WEEK), 0)  # as `models.effects`, so that all count alike
        row |= {"window_days": weeks * WEEK, "is_alarm": False, "is_harm_alarm": False}
        reason = not_compared_because(row, days_since, ground)
        if reports is None or reason or (reason := too_short_a_record(row, reports)):
            rows[row["market_id"]] = [{**row, **_NONE, "why": reason}]
        else:
            rows[row["market_id"]] = _measured(row, known, reports, ground, shared_dates)
    return pd.DataFrame([row for market_id in sorted(rows) for row in rows[market_id]], columns=[*DISPLACEMENT_COLUMNS])


def are_any_due(operations: pd.DataFrame, as_of: pd.Timestamp) -> bool:
    """Return whether the latest operation at any market began so long ago that it is measured, and no longer.

    If none did, `measure_displacement` reads no reports; columns of its `operations`.
    """
    first, last = (as_of - pd.Timedelta(days=days) for days in (LATEST_DAYS, SHORTEST_DAYS))
    return bool(latest_operations(operations)["started_at"].between(first, last).any())


def latest_operations(operations: pd.DataFrame) -> pd.DataFrame:
    """Return the latest operation that started at each market."""
    begun = operations.dropna(subset=["market_id", "started_at"]).sort_values(["started_at", "area_id"])
    return begun.drop_duplicates("market_id", keep="last")


_NONE: Row = {"split": WHOLE, "part": WHOLE, "control_count": 0, "control_ids": [], "independent_count": 0}


def not_compared_because(row: Row, days_since: float, ground: Ground) -> str | None:
    """Return why an operation is not measured, whatever the reports are."""
    if days_since > LATEST_DAYS:
        return f"it began more than {LATEST_DAYS} days ago: runs of that time measured it"
    if row["window_days"] < SHORTEST_DAYS:
        return f"fewer than {SHORTEST_DAYS} days have passed since it began"
    middle = place_middle(row["market_id"])
    if not len(middle):
        return f"{row['market_id']} names no cell in its middle, as market_IX_IY does"
    if not (ground.cells[["cell_ix", "cell_iy"]] == middle[0]).all(axis=1).any():
        return f"{row['market_id']} is not on this map: no cell of the map is its middle"
    return None


def too_short_a_record(row: Row, reports: Reports) -> str | None:
    """Return why an operation is not measured on these reports."""
    start = day_of(row["started_at"])
    if (on_record := start - next(iter(reports.day), start)) < row["window_days"]:
        return f"only {max(int(on_record), 0)} days before it are on record"
    return None


def day_of(moment: pd.Timestamp) -> float:
    """Return a moment in the unit of `Reports.day`."""
    return moment.timestamp() / _DAY_S


def _moment(day: float) -> pd.Timestamp:
    return pd.Timestamp(day * _DAY_S, unit="s", tz="UTC")


def reports_of(history: pd.DataFrame, points: int) -> Reports:
    """Return the history of `measure_displacement` as arrays."""
    counted = history[history["kind"].ne("overdose") | history["kind"].isna()]
    parts = [(WHOLE, WHOLE)]
    members = [np.ones(len(counted), dtype=bool)]
    for split, column in SPLITS.items():
        for part in sorted(counted[column].dropna().unique()):
            parts.append((split, str(part)))
            members.append((counted[column] == part).to_numpy(dtype=bool))
    moments = counted["occurred_at"].to_numpy("datetime64[us]").astype(np.int64)
    return Reports(
        day=moments / (_DAY_S * 1e6),
        point=counted["point"].to_numpy(np.int64),
        harm_days=counted["harm_days"].to_numpy(np.float64),
        is_trouble=counted["kind"].notna().to_numpy(dtype=bool),
        parts=tuple(parts),
        members=np.stack(members),
        points=points,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One row of the table: its zones and its part of the reports."""

    split: str
    part: str
    zones: tuple[int, ...]
    column: int  # of the parts of the counts


def _parts(reports: Reports) -> list[_Part]:
    whole, *others = (_Part(split, part, RING, column) for column, (split, part) in enumerate(reports.parts))
    return [whole, *(_Part("zone", zone, zones, whole.column) for zone, zones in ZONE_ROWS.items()), *others]


def _measured(
    row: Row, known: pd.DataFrame, reports: Reports, ground: Ground, dates: Callable[[Days], Sequence[Date]]
) -> list[Row]:
    """Return the rows of an operation: each part beside its placebos, then all of them judged together."""
    days = days_of(day_of(row["started_at"]), row["window_days"], reports.day[0])
    others = places_with_another_operation(row["market_id"], known, days)
    middle = place_middle(row["market_id"])
    compared = compare_places(middle, others, dates(days))
    doubts = "".join(f"; {doubt}" for doubt in doubts_of(row, known, ground, days))
    row |= {"control_count": len(compared.counts) - 1, "control_ids": list(compared.place_ids[:SHOWN_CONTROLS])}
    row |= {"independent_count": compared.independent}
    parts, unit = _parts(reports), _units(reports)
    comparisons = {
        measure: [_compare(compared, part, index, unit[part.column] if index else 1.0) for part in parts]
        for index, measure in enumerate(MEASURES)
    }
    judged = _judge(comparisons)
    rows = []
    for number, part in enumerate(parts):
        of_part: Row = {**row, "split": part.split, "part": part.part, **_counts(compared, part)}
        for measure in MEASURES:
            of_part |= {f"{measure}{name}": value for name, value in _changes(comparisons[measure][number]).items()}
            of_part |= judged.get((measure, number), {})
        if _is_shown(of_part):
            rows.append({**of_part, "why": _why(of_part, compared) + (doubts if part.split == WHOLE else "")})
    return rows


def doubts_of(row: Row, known: pd.DataFrame, ground: Ground, days: Days) -> list[str]:
    """Return what makes the figures of a place less than they look: a cut ring, an earlier operation on its ground."""
    middle = place_middle(row["market_id"])
    share = ground.ring_share(middle)
    first = min(begin for begin, _ in days.spans(0))
    known = known[~known["is_hidden"]] if "is_hidden" in known else known
    is_earlier = (known["started_at"] < row["started_at"]) & ~(known["ended_at"] < _moment(first))
    grounds = [place_middle(market_id) for market_id in known.loc[is_earlier, "market_id"]]
    is_here = any((ground.apart_m(middle, other) == 0).any() for other in grounds)
    return [
        *([f"the map holds {share:.0%} of the 500 m around the market, by cells"] if share < FULL_RING else []),
        *(["an earlier operation here lies in the weeks compared with: the effect is understated"] if is_here else []),
    ]


def places_with_another_operation(market_id: str, known: pd.DataFrame, days: Days) -> Ints:
    """Return the middles of the places with another operation in any of the days compared, on any date."""
    first = days.spans(days.dates - 1)[SPANS.index("earlier")][0]
    begin, end = _moment(first), _moment(days.start + days.window)
    is_felt = (known["felt_from"] < end) & ~(known["ended_at"] < begin) & (known["market_id"] != market_id)
    middles = [place_middle(other) for other in sorted(known.loc[is_felt, "market_id"].unique())]
    return np.concatenate([_NO_CELLS, *middles])


def _units(reports: Reports) -> Floats:
    """Return the harm that has the variance of one report, by part: Σh² / Σh over the map."""
    harm = np.array([reports.harm_days[is_in].sum() for is_in in reports.members])
    squares = np.array([np.square(reports.harm_days[is_in]).sum() for is_in in reports.members])
    return np.divide(squares, harm, out=np.ones(len(harm)), where=harm > 0)


@dataclass(frozen=True, slots=True)
class _Comparisons:
    """The market, the row's zones and both together, in one measure; None if there is nothing to compare."""

    target: Comparison | None
    displaced: Comparison | None
    wdd: Comparison | None


def _compare(compared: Compared, part: _Part, measure: int, unit: float) -> _Comparisons:
    after, _, recent, earlier = range(len(SPANS))
    of_map = compared.of_map[:, :, part.column]
    scales = [
        np.divide(of_map[:, after], of_map[:, span], out=np.zeros(len(of_map)), where=of_map[:, span] > 0)
        for span in (recent, earlier)
    ]
    is_next = part.zones == ZONE_ROWS[NEXT]

    def comparison(zones: Sequence[int]) -> Comparison | None:
        counts = compared.counts[:, :, :, part.column][:, list(zones)].sum(axis=1)
        before = [counts[:, span, measure] * scale for span, scale in zip((recent, earlier), scales, strict=True)]
        if measure:
            # Grave offences are rare: that reports came is the better sign that some of them will be grave.
            mean = counts[1:, :, 1].sum() / max(counts[1:, :, 0].sum(), 1.0)
            before += [counts[:, span, 0] * scale * mean for span, scale in zip((recent, earlier), scales, strict=True)]
        independent = _independent(compared, zones)
        return compare(counts[:, after, measure], before, independent=independent, unit=unit)

    if is_next and not compared.next_ids:
        return _Comparisons(comparison([0]), None, None)
    return _Comparisons(comparison([0]), comparison(part.zones), comparison([0, *part.zones]))


def _independent(compared: Compared, zones: Sequence[int]) -> int:
    """Return the number of placebos that share no ground of these zones, nor days; markets themselves never do."""
    if list(zones) == [0]:
        return len(compared.counts) - 1
    return min(compared.independent, compared.next_independent) if 3 in zones else compared.independent


def _counts(compared: Compared, part: _Part) -> Row:
    """Return the reports before and after: of the market, of the row's zones, and of all placebos together."""
    reports = compared.counts[..., part.column, 0]
    counts: Row = {}
    for when in ("after", "before"):
        span = SPANS.index(when)
        of_zones = reports[:, list(part.zones), span].sum(axis=1)
        counts |= {f"target_{when}": int(reports[0, 0, span]), f"ring_{when}": int(of_zones[0])}
        counts |= {f"control_{when}": int(reports[1:, 0, span].sum()), f"control_ring_{when}": int(of_zones[1:].sum())}
    return counts


def _changes(comparisons: _Comparisons) -> Row:
    """Return observed less expected with intervals, what was expected, and the power to see a fall."""
    changes: Row = {}
    of_kinds = {"target_change": comparisons.target, "displaced": comparisons.displaced, "wdd": comparisons.wdd}
    for name, comparison in of_kinds.items():
        if comparison:
            changes |= dict(zip((f"{name}{end}" for end in _ENDS), comparison.change(), strict=True))
    if comparisons.target:
        changes |= {
            "target_expected": comparisons.target.expected,
            "power_of_fall": comparisons.target.power_of_fall(FALL),
        }
    if comparisons.displaced:
        changes |= {"ring_expected": comparisons.displaced.expected, "p_rise": comparisons.displaced.p_rise()}
    return changes


def _judge(comparisons: Mapping[str, Sequence[_Comparisons]]) -> dict[tuple[str, int], Row]:
    """Return the alarm of each measure and row, all judged together, and the least rise that would raise it."""
    families = {
        measure: {number: of_row.displaced for number, of_row in enumerate(rows) if of_row.displaced}
        for measure, rows in comparisons.items()
    }
    families = {measure: family for measure, family in families.items() if family}
    if not families:
        return {}
    alarms = judge_together([list(family.values()) for family in families.values()])
    verdicts: dict[tuple[str, int], Row] = {}
    for (measure, family), p_any, limit in zip(families.items(), alarms.p_any, alarms.limits, strict=True):
        for (number, comparison), p in zip(family.items(), p_any.tolist(), strict=True):
            verdicts[measure, number] = {
                f"is_{measure}alarm": p <= TAIL,
                f"{measure}p_rise_any": p,
                f"{measure}least_rise": comparison.least_rise(limit),
            }
    return verdicts


def _is_shown(row: Row) -> bool:
    """Return whether a row says anything: a part of which nothing was reported here is left out."""
    is_seen = any(row[f"{side}_{when}"] for side in ("target", "ring") for when in ("before", "after"))
    return row["split"] in (WHOLE, "zone") or is_seen


def _why(row: Row, compared: Compared) -> str:
    """Return the row in words: the rise, and what could not have been seen.

    Whether the market's own reports fell is told by `models.effects` alone.
    """
    if row["part"] == NEXT:
        named = ", ".join(compared.next_ids) or "none within 3 km that has reports"
        return f"{_rise(row)}; next places: {named}"
    if row["split"] != WHOLE:
        return f"{row['part']}, around the market: {_rise(row)}"
    effect = "" if "target_change" in row else _no_effect(row)
    return f"{effect}within 500 m around the market {_rise(row)}; what moves further is seen at the next places alone"


def _no_effect(row: Row) -> str:
    return f"the effect at the market cannot be measured: {_too_few(row['control_count'])}; "


def _rise(row: Row) -> str:
    if "displaced" not in row:
        return f"nothing can be measured: {_too_few(row['independent_count'])}"
    told = _beside_expected(row["ring_after"], row["ring_expected"], row, "displaced")
    risen = [name for name, alarm in (("reports", "is_alarm"), ("harm", "is_harm_alarm")) if row[alarm]]
    if risen:
        return f"{told}; {' and '.join(risen)} rose beyond chance, by the operation or by something else"
    return f"{told}; {_no_rise(row)}"


def _no_rise(row: Row) -> str:
    """Return what a row without an alarm could not have seen."""
    least = f"{np.ceil(row['least_rise']):.0f}"
    is_up = row["displaced_lo"] > 0
    found = "a rise, as one of so many rows has by chance" if is_up else "no rise beyond chance"
    if "target_expected" in row and row["least_rise"] > row["target_expected"]:
        return (
            f"{found}; it says nothing of displacement: a rise is noticed from {least} reports on, and "
            f"{row['target_expected']:.0f} were expected at the market in all"
        )
    return f"{found}; one by fewer than {least} reports could be missed"


def _beside_expected(observed: int, expected: float, row: Row, change: str) -> str:
    middle, low, high = (f"{row[f'{change}{end}']:+.0f}" for end in _ENDS)
    return f"{observed} reports, {expected:.0f} expected: {middle} (80%: {low} to {high})"


def _too_few(placebos: int) -> str:
    if placebos >= FEWEST:
        return "too few reports, or too few next places, to compare with"
    return f"only {placebos} places apart from each other to compare with, {FEWEST} are needed"
