"""How the area ranking moves with choices that could have been made otherwise.

Each variant changes one choice: what harm is divided by, the half-life, the weights of the axes, or the weights of
offences (sentences that courts give beside guideline starting points: Ashby 2018, Policing 12:439). A variant is ranked
from the same random streams as the ranking itself, so that what differs is the choice and not chance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.area_review.sizes import sized_hours
from models.places.axes import AXES
from models.places.ranking import PER, AreaDraws, PlacesConfig, draw_areas, rank_ahead

REVIEW_DRAWS = 500  # at most, for the time of a run
PER_WORDS = {"total": "total harm", "residents": "harm per resident", "street_km": "harm per kilometre of street",
             "area_km2": "harm per square kilometre"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Tables `sensitivity` (one row per variant and area) and `sensitivity_summary` (one per variant)."""

    areas: pd.DataFrame
    summary: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Variant:
    """A ranking with one choice changed; without new settings of the draws, only the weights of the axes differ."""

    name: str
    meaning: str
    config: PlacesConfig
    codebook: pd.DataFrame | None = None
    per: str | None = None


def for_review(config: PlacesConfig) -> PlacesConfig:
    """Return the settings with as many draws as the review of a ranking may take."""
    return replace(config, draws=min(config.draws, REVIEW_DRAWS))


def rank_variants(
    ranking: pd.DataFrame,
    area_events: pd.DataFrame,
    codebook: pd.DataFrame,
    officer_hours: pd.DataFrame,
    sizes: pd.DataFrame,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str] = frozenset(),
) -> Sensitivity:
    """Rank the areas under each variant and compare with the ranking itself.

    Parameters
    ----------
    ranking : pd.DataFrame
        area_id, p_top_k and is_listed of the ranking itself, as published.
    area_events, officer_hours : pd.DataFrame
        those of `models.places.ranking.draw_areas`.
    codebook : pd.DataFrame
        the same; with severity_score and severity_band there is a variant with these weights.
    sizes : pd.DataFrame
        area_id, residents, street_km, area_km2; a size that no area has is no variant.
    previously_listed : frozenset[str]
        area_ids listed in the previous run.

    Returns
    -------
    Sensitivity
        areas: variant, area_id, rank, rank_change (from the ranking itself, with as many draws), p_top_k, is_listed.
        summary: variant, meaning, rank_correlation (Spearman's; null for one area), top_k_kept (areas), into_top_k and
        out_of_top_k (area_ids by rank), median_rank_change and largest_rank_change (places), listed_count,
        largest_p_top_k; the first row, `published`, is of `ranking`.
    """
    config = for_review(config)
    events = area_events.astype(dict.fromkeys(("area_id", "offence_code", "discovery"), "category"))

    def draw(variant: _Variant) -> AreaDraws:
        weights = codebook if variant.codebook is None else variant.codebook
        hours = sized_hours(officer_hours, sizes, variant.per or config.per)
        return draw_areas(events, weights, hours, config=variant.config, seed=seed)

    def rank(variant: _Variant, drawn: AreaDraws) -> pd.DataFrame:
        table = rank_ahead(drawn, config=variant.config, seed=seed, previously_listed=previously_listed)
        return table.set_index("area_id")[["rank", "p_top_k", "is_listed"]]

    published = _Variant("published", "the ranking itself", config)
    drawn = draw(published)
    base = rank(published, drawn)
    ranked = [(published, base)]
    ranked += [(each, rank(each, draw(each))) for each in _drawn_variants(codebook, sizes, config)]
    ranked += [(each, rank(each, drawn)) for each in _weight_variants(drawn, config)]
    areas = [
        table.assign(variant=each.name, rank_change=base["rank"] - table["rank"]).reset_index()
        for each, table in ranked[1:]
    ]
    columns = ["variant", "area_id", "rank", "rank_change", "p_top_k", "is_listed"]
    summary = pd.DataFrame([_compared(each, base, table, config.top_k) for each, table in ranked])
    summary.loc[0, ["listed_count", "largest_p_top_k"]] = ranking["is_listed"].sum(), ranking["p_top_k"].max()
    return Sensitivity(pd.concat(areas, ignore_index=True)[columns], summary)


def _drawn_variants(codebook: pd.DataFrame, sizes: pd.DataFrame, config: PlacesConfig) -> Iterator[_Variant]:
    """Yield the variants that need draws of their own."""
    for per in PER:
        if per != config.per and (per == "total" or (sizes[per] > 0).any()):
            yield _Variant(f"per_{per}", f"ranked by {PER_WORDS[per]}", replace(config, per=per), per=per)
    for name, factor in (("half_life_halved", 0.5), ("half_life_doubled", 2.0)):
        days = config.half_life_days * factor
        yield _Variant(name, f"half-life {days:g} days", replace(config, half_life_days=days))
    if "severity_score" in codebook and codebook["severity_score"].notna().all():
        scored = codebook.assign(harm_days=codebook["severity_score"], band=codebook["severity_band"])
        yield _Variant("severity_scores", "offences weighted by severity score", config, codebook=scored)


def _weight_variants(drawn: AreaDraws, config: PlacesConfig) -> Iterator[_Variant]:
    """Yield the variants that weigh the drawn axes otherwise; axes without weight or data stay as they are."""
    weighed = {name: weight for name, weight in config.weights.items() if weight > 0}
    if len(weighed) < 2:
        return
    equal = {name: 1 / len(weighed) if name in weighed else 0.0 for name in AXES}
    yield _Variant("weights_equal", "equal weights of the measures", _with_weights(config, equal))
    for name in AXES:
        if name in weighed and _has_data(drawn, name):
            doubled = {**config.weights, name: 2 * config.weights[name]}
            yield _Variant(f"{name}_doubled", f"twice the weight of {AXES[name].words}", _with_weights(config, doubled))


def _with_weights(config: PlacesConfig, weights: Mapping[str, float]) -> PlacesConfig:
    total = sum(weights[name] for name in AXES)
    return replace(config, weights={name: weights[name] / total for name in AXES})


def _has_data(drawn: AreaDraws, axis: str) -> bool:
    values = drawn.ahead.mean_axes[axis]
    return bool(np.nanmax(values, initial=-np.inf) > np.nanmin(values, initial=np.inf))


def _compared(variant: _Variant, base: pd.DataFrame, table: pd.DataFrame, top_k: int) -> dict[str, object]:
    change = (base["rank"] - table["rank"]).to_numpy(float)
    was, is_now = (set(frame.index[frame["rank"] <= top_k]) for frame in (base, table))
    count = len(table)
    return {
        "variant": variant.name,
        "meaning": variant.meaning,
        "rank_correlation": 1 - 6 * float((change**2).sum()) / (count * (count**2 - 1)) if count > 1 else None,
        "top_k_kept": len(was & is_now),
        "into_top_k": sorted(is_now - was, key=table["rank"].to_dict().__getitem__),
        "out_of_top_k": sorted(was - is_now, key=base["rank"].to_dict().__getitem__),
        "median_rank_change": float(np.median(np.abs(change))),
        "largest_rank_change": int(np.abs(change).max()),
        "listed_count": int(table["is_listed"].sum()),
        "largest_p_top_k": float(table["p_top_k"].max()),
    }
