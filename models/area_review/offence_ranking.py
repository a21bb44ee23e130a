"""Areas ranked by one offence or group of offences and by shift: the question of the day.

Counts are gamma–Poisson with the decay of the area ranking (`models.area_rates`): each group and shift has its own
prior over the areas of a set, and its own spread, learned from earlier origins. Areas are ranked by the counts to come.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.area_rates.bands import BandDraws, decayed_counts, draw_band, fit_band
from models.area_rates.decay import AHEAD
from models.area_rates.past_origins import origins_known
from models.arrays import Floats
from models.places.coarse import sensitive_codes
from models.places.crime_focus import NEVER
from models.places.ranking import INTERVAL, PlacesConfig
from models.statistics.intervals import hold_points
from models.statistics.rank_draws import chance_in_top, rank_interval, total_ranks

ALL = "all"  # the whole day
LEAST_REPORTS = 30  # in the last year, and at least one for each area: fewer are too few to rank
MOST_DRAWS = 500
FLAGGED = {
    "with_weapon": ("is_weapon", "Any offence with a weapon"),
    "weapon_injury": ("is_weapon_injury", "Injury with a weapon, such as a shooting"),
}
RANKS = ("rank", "rank_lo", "rank_hi")
CHANCES = ("p_top_k", "expected_count", "expected_lo", "expected_hi")
COLUMNS = (
    "area_set", "offence_group", "offence_group_label", "shift", "area_id", "area_name", "rank", "rank_lo", "rank_hi",
    "p_top_k", "top_k", "count_28_days", "count_365_days", "expected_count", "expected_lo", "expected_hi",
    "horizon_days",
)  # fmt: skip


def offence_groups(codebook: pd.DataFrame) -> dict[str, tuple[str, list[str]]]:
    """Return label and codes of each group: every offence by itself, and the groups that the codebook names.

    Use and possession of drugs, health events and contacts are in none. A group with the name of an offence holds that
    offence too.

    Parameters
    ----------
    codebook : pd.DataFrame
        index offence_code; label, category, harm_days; groups, names with spaces between them, where it has any.
    """
    may_be = codebook[~codebook["category"].isin(NEVER) & (codebook["harm_days"] > 0)]
    groups = {str(code): (str(label), [str(code)]) for code, label in may_be["label"].items()}
    named = may_be["groups"].str.split() if "groups" in may_be else pd.Series(dtype=object)
    for code, names in named.items():
        for name in names:
            label, codes = groups.get(name, (name.replace("_", " ").capitalize(), []))
            groups[name] = label, [*codes, *({str(code)} - set(codes))]
    return groups


def rank_offences(
    counts: pd.DataFrame,
    areas: pd.DataFrame,
    codebook: pd.DataFrame,
    *,
    shifts: Sequence[str],
    config: PlacesConfig,
    seed: int,
) -> pd.DataFrame:
    """Rank the areas of one set by each group of offences and shift.

    Parameters
    ----------
    counts : pd.DataFrame
        area_id, offence_code, is_weapon, is_weapon_injury, shift ("all" or one of `shifts`), age_days (whole days
        before as_of), n: what the public, partners and sensors report.
    areas : pd.DataFrame
        area_id, area_name of the set.
    codebook : pd.DataFrame
        that of `offence_groups`, and axis.
    shifts : Sequence[str]
        names of the shifts. Offences of which an exact time may not be told are ranked over the whole day alone.

    Returns
    -------
    pd.DataFrame
        Rows of `offence_ranking` without the run's columns and area_set, by group, shift, rank and area. Rank, chance
        and expected count are missing where a group and shift has fewer than 30 reports in the last 365 days, or fewer
        than one for each area; of those, only areas with a report have a row.
    """
    area_ids = pd.Index(areas["area_id"].sort_values())
    days = config.learning_days
    counts = counts[counts["area_id"].isin(area_ids) & (counts["age_days"] < days)]
    per_day = np.bincount(counts["age_days"].clip(lower=0), counts["n"] * counts["shift"].eq(ALL), minlength=1)
    origins = origins_known(per_day.astype(np.float64), config.decay, config.horizon_days)
    coarse = sensitive_codes(codebook)
    groups = offence_groups(codebook)
    allowed = counts["offence_code"].isin({code for _, codes in groups.values() for code in codes}).to_numpy()
    by_shift = {shift: counts[allowed & counts["shift"].eq(shift).to_numpy()] for shift in (ALL, *shifts)}
    ranked = []
    for shift, rows in by_shift.items():
        told = rows if shift == ALL else rows[~rows["offence_code"].isin(coarse)]
        for group, label, chosen in _each_group(told, groups):
            by_age = _by_age(chosen, area_ids, days)
            if not by_age[:, : 365 + AHEAD].any():
                continue
            figures = _rank(by_age, area_ids, f"{group} {shift}", origins, config, seed)
            ranked.append({**figures, "offence_group": group, "offence_group_label": label, "shift": shift})
    if not ranked:
        return pd.DataFrame(columns=[name for name in COLUMNS if name != "area_set"])
    found = pd.concat(map(pd.DataFrame, ranked), ignore_index=True).astype(dict.fromkeys(RANKS, "Int64"))
    is_told = found["rank"].notna() | (found["count_365_days"] > 0)
    found = hold_points(found[is_told]).merge(areas[["area_id", "area_name"]], on="area_id")
    found = found.assign(top_k=config.top_k, horizon_days=config.horizon_days)
    order = ["offence_group", "shift", "rank", "area_id"]
    return found.sort_values(order, ignore_index=True)[[name for name in COLUMNS if name != "area_set"]]


def _each_group(rows: pd.DataFrame, groups: Mapping[str, tuple[str, list[str]]]) -> list[tuple[str, str, pd.DataFrame]]:
    """Return name, label and rows of each group that has any."""
    by_code = dict(tuple(rows.groupby(rows["offence_code"].astype(object), sort=True)))
    found = [
        (name, label, pd.concat([by_code[code] for code in codes if code in by_code]))
        for name, (label, codes) in groups.items()
        if not by_code.keys().isdisjoint(codes)
    ]
    flagged = [(name, label, rows[rows[flag].to_numpy(bool)]) for name, (flag, label) in FLAGGED.items()]
    return [*found, *((name, label, chosen) for name, label, chosen in flagged if len(chosen) and name not in groups)]


def _by_age(rows: pd.DataFrame, area_ids: pd.Index, days: int) -> Floats:
    """Return incidents [areas, days] by age from -1 day on."""
    width = days + AHEAD
    area = area_ids.get_indexer(pd.Index(rows["area_id"].astype(object)))
    at = area * width + rows["age_days"].to_numpy(np.int64) + AHEAD
    return np.bincount(at, rows["n"], minlength=len(area_ids) * width).reshape(-1, width).astype(np.float64)


def _rank(
    by_age: Floats, area_ids: pd.Index, stream: str, origins: int, config: PlacesConfig, seed: int
) -> dict[str, Any]:
    """Return the counts of each area, its expected count and its rank: a column of each, by area_id."""
    counts = {f"count_{days}_days": by_age[:, : days + AHEAD].sum(axis=1).astype(np.int64) for days in (28, 365)}
    in_window = by_age[:, : config.window_days + AHEAD].any()
    if counts["count_365_days"].sum() < max(LEAST_REPORTS, len(area_ids)) or not in_window:
        return {"area_id": area_ids, **counts, **dict.fromkeys((*RANKS, *CHANCES), np.nan)}
    drawn = draw_counts(by_age, area_ids.tolist(), stream, origins, config, seed)
    come, expected = config.horizon_days * drawn.ahead.crimes, config.horizon_days * drawn.ahead.mean_crimes[:, 0]
    tails = [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    low, high = np.quantile(come, tails, axis=1, method="inverted_cdf")
    order = np.rint(come) + drawn.now.crimes / (1 + drawn.now.crimes)  # the drawn rate decides between equal counts
    chance = chance_in_top(order, config.top_k)
    ranks = (total_ranks(chance, expected, ids=area_ids.to_numpy()), *rank_interval(order, INTERVAL))
    chances = (chance, expected, np.minimum(low, expected), np.maximum(high, expected))
    figures = dict(zip((*RANKS, *CHANCES), (*ranks, *chances), strict=True))
    return {"area_id": area_ids, **counts, **figures}


def draw_counts(
    by_age: Floats, area_ids: Sequence[str], stream: str, origins: int, config: PlacesConfig, seed: int
) -> BandDraws:
    """Draw incidents a day, now and over the days ahead, from incidents [areas, days] by age from -1 day on."""
    counts, one = by_age[:, None, :], np.ones(1)
    days = config.window_days + origins * config.horizon_days + AHEAD
    prior = fit_band(counts[:, :, :days], one, config.decay, horizon_days=config.horizon_days, origins=origins)
    return draw_band(
        decayed_counts(counts[:, :, : config.window_days + AHEAD], config.decay),
        prior,
        stream,
        area_ids,
        decay=config.decay,
        horizon_days=config.horizon_days,
        draws=min(config.draws, MOST_DRAWS),
        seed=seed,
    )
