"""Areas ranked by harm on the axes of `models.places.axes`: violence, disorder, use of minors, crimes per officer-hour.

An axis that counts events is a rate of harm: per severity band a gamma–Poisson empirical-Bayes rate of reports
(Clayton and Kaldor 1987, Biometrics 43:671), times the band's mean weight in days of guideline prison (Sherman,
Neyroud and Neyroud 2016, Policing 10:171). The axes become percentiles in every posterior draw and are combined
with weights that are drawn too: stochastic multicriteria acceptability analysis (Lahdelma and Salminen 2001, Operations
Research 49:444). Police discoveries are counted but do not affect the ranking, because they follow patrols (Ensign
et al. 2018, PMLR 81).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Bools, Floats, Ints
from models.checks import expect
from models.places.axes import AXES, GroupDraws, group_names, groups, is_counted_once
from models.places.counterfactuals import moves_out_if
from models.statistics.empirical_bayes import GammaPrior, fit_gamma_prior, posterior
from models.statistics.intervals import hold_points
from models.statistics.pareto import is_on_front
from models.statistics.rank_draws import (
    chance_in_top,
    draw_gamma,
    draw_weights,
    percentiles,
    rank_interval,
    total_ranks,
)

BANDS = ("high", "mid", "low")
INTERVAL = 0.8
EVIDENCE_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PlacesConfig:
    """Settings of the area ranking: window and decay, list size and hysteresis, draws and axis weights."""

    cell_size_m: float
    window_days: int
    half_life_days: float
    top_k: int
    list_enter: float
    list_leave: float
    draws: int
    concentration: float
    weights: Mapping[str, float]
    discoveries: Sequence[str]

    def __post_init__(self) -> None:
        for name in ("cell_size_m", "window_days", "half_life_days", "top_k", "draws", "concentration"):
            expect(getattr(self, name) > 0, "places.", self, name, "a number above zero")
        is_in_order = 0 <= self.list_leave <= self.list_enter <= 1
        expect(is_in_order, "places.", self, "list_leave list_enter", "probabilities with list_leave ≤ list_enter")
        expect(set(self.weights) == set(AXES), "places.", self, "weights", f"exactly the axes {', '.join(AXES)}")
        values = [self.weights[axis] for axis in AXES]
        is_whole = all(0 <= value < 1 for value in values) and abs(sum(values) - 1) <= 1e-9
        expect(is_whole, "places.", self, "weights", "weights ≥ 0 and < 1 that sum to 1")
        is_list = bool(self.discoveries) and not isinstance(self.discoveries, str)
        is_public = is_list and set(self.discoveries) <= {"public", "partner", "sensor"}
        why = "what the police discover follows their patrols and may not raise a score"
        expect(is_public, "places.", self, "discoveries", f"a list of public, partner, sensor; {why}")


@dataclass(frozen=True, slots=True)
class BandPrior:
    """Prior of the rates of one group and severity band over all areas, and the mean harm days per incident."""

    prior: GammaPrior
    weight: float


@dataclass(frozen=True, slots=True)
class AreaDraws:
    """Posterior draws [areas, draws] of every axis and of all harm, and counts, as returned by `draw_areas`.

    Rows are in the order of `officer_hours`, by area_id; the ratio is NaN if hours are unknown. The row of an area
    depends only on its own events.
    """

    officer_hours: pd.DataFrame  # index area_id; hours_per_day, is_assumed
    axes: Mapping[str, Floats]
    harm: Floats
    public_count: Ints
    police_count: Ints


def rank_areas(
    area_events: pd.DataFrame,
    area_evidence: pd.DataFrame,
    codebook: pd.DataFrame,
    officer_hours: pd.DataFrame,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """Rank areas by P(in the top K) over posterior draws in which the axis weights are drawn too.

    Parameters
    ----------
    area_events, codebook, officer_hours : pd.DataFrame
        see `draw_areas`.
    area_evidence : pd.DataFrame
        area_id, incident_id, offence_code, age_days; candidates for the evidence shown, without police discoveries, at
        least those with most weight in each area.
    previously_listed : frozenset[str]
        area_ids listed in the previous run, for hysteresis.

    Returns
    -------
    pd.DataFrame
        Rows in rank order (P(in the top K), then score, then area_id): the columns of `area_ranking` without the run's
        columns and area_name. `moves_out_if` is null if the area is not listed.

    Raises
    ------
    ValueError
        See `draw_areas`.
    """
    drawn = draw_areas(area_events, codebook, officer_hours, config=config, seed=seed)
    table = rank_drawn(drawn, config=config, seed=seed, previously_listed=previously_listed)
    table["evidence_ids"] = _heaviest_evidence(area_evidence, codebook, table["area_id"], config)
    return table


def draw_areas(
    area_events: pd.DataFrame,
    codebook: pd.DataFrame,
    officer_hours: pd.DataFrame,
    *,
    config: PlacesConfig,
    seed: int,
    band_priors: Mapping[str, BandPrior] | None = None,
) -> AreaDraws:
    """Draw from the posterior of every area on every axis.

    Parameters
    ----------
    area_events : pd.DataFrame
        area_id, offence_code, discovery, is_minor_used_by_adult (bool), age_days (whole days before as_of), n
        (incidents). All discoveries; those not in `config.discoveries` are only counted.
    codebook : pd.DataFrame
        index offence_code; axis, harm_days, band.
    officer_hours : pd.DataFrame
        area_id, hours_per_day, is_assumed; reported_days and force_days, where staffing is reported by the day; one row
        per area; defines the areas. Zero means unknown hours: the ratio is then null and gets the middle percentile,
        which neither lists an area nor hides it.
    band_priors : Mapping[str, BandPrior] | None
        result of `fit_band_priors` for an earlier as_of or for more areas; the draws of an area then depend only on its
        own events. None fits them to these events.

    Raises
    ------
    ValueError
        An area repeats, an event names an area without a row in `officer_hours`, an offence is not in the codebook, or
        hours are negative.
    """
    hours = _checked_hours(officer_hours)
    events = _checked_events(area_events, hours.index, codebook, config.window_days)
    counted = _counted(events, config)
    if band_priors is None:
        band_priors = _band_priors(counted, hours.index, config)
    axes, harm = _draw_axes(counted, hours["hours_per_day"].to_numpy(), hours.index, config, seed, band_priors)
    of_police = events[events["discovery"] == "police"]
    return AreaDraws(hours, axes, harm, _whole_counts(counted, hours.index), _whole_counts(of_police, hours.index))


def rank_drawn(
    drawn: AreaDraws,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str],
) -> pd.DataFrame:
    """Rank areas from existing draws as `rank_areas` does; `evidence_ids` is null."""
    area_ids = drawn.officer_hours.index
    parts = {axis: axis_percentiles(drawn.axes[axis]) for axis in AXES}
    centre = [config.weights[axis] for axis in AXES]
    weights = spread_weights(draw_weights(seed, centre, config.concentration, config.draws), parts)
    weighed = [weights[:, i] * parts[axis] for i, axis in enumerate(AXES)]
    around = spread_weights(np.array([centre]), parts)[0]
    fixed = _summed([weight * parts[axis] for weight, axis in zip(around, AXES, strict=True)])
    scores, rates = _summed(weighed), _rates(drawn)
    ranked = _ranked(scores, area_ids, config, previously_listed, has_harm=drawn.public_count > 0)
    rank_lo, rank_hi = rank_interval(scores, INTERVAL)
    table = pd.DataFrame(
        {
            "area_id": area_ids,
            "rank": ranked["rank"],
            "rank_lo": rank_lo,
            "rank_hi": rank_hi,
            "p_top_k": ranked["p_top_k"],
            "p_top_k_fixed_weights": _chance(fixed, config.top_k),
            "is_listed": ranked["is_listed"],
            "score": ranked["score"],
            **_harm(drawn),
            **rates,
            **_shares(weighed),
            **_ranks_without(weighed, weights, area_ids, config),
            "is_pareto": is_on_front(np.column_stack(list(rates.values()))),
            "public_count": drawn.public_count,
            "police_count": drawn.police_count,
            "officer_hours": drawn.officer_hours["hours_per_day"].to_numpy(),
            "is_staffing_assumed": drawn.officer_hours["is_assumed"].to_numpy(dtype=bool),
            **_cover(drawn.officer_hours),
            "evidence_ids": None,
        }
    )
    table["moves_out_if"] = moves_out_if(
        table,
        {axis: (drawn.axes[axis], parts[axis]) for axis in AXES},
        weights.mean(axis=0).tolist(),
        top_k=config.top_k,
    )
    return hold_points(table).sort_values("rank", ignore_index=True)


def fit_band_priors(
    area_events: pd.DataFrame, codebook: pd.DataFrame, officer_hours: pd.DataFrame, *, config: PlacesConfig
) -> dict[str, BandPrior]:
    """Return the priors of `draw_areas` by group and band; arguments are those of `draw_areas`."""
    area_ids = _checked_hours(officer_hours).index
    events = _checked_events(area_events, area_ids, codebook, config.window_days)
    return _band_priors(_counted(events, config), area_ids, config)


def counted_by_band(
    area_events: pd.DataFrame, codebook: pd.DataFrame, area_ids: pd.Index, *, config: PlacesConfig
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each key of `fit_band_priors` and the events that count in it, with `area`, their row in `area_ids`."""
    events = _checked_events(area_events, area_ids, codebook, config.window_days)
    for _, stream, of_band in _bands(_counted(events, config)):
        yield stream, of_band


def rank_percentiles(
    parts: Mapping[str, Floats],
    area_ids: pd.Index,
    weights: Floats,
    *,
    config: PlacesConfig,
    previously_listed: frozenset[str],
    has_harm: Bools,
) -> pd.DataFrame:
    """Return area_id, rank, p_top_k, score and is_listed from each axis's `axis_percentiles` and drawn weights.

    `has_harm` says which areas have a counted incident with a weight above zero; no other area is listed.
    """
    weights = spread_weights(weights, parts)
    scores = _summed(weights[:, i] * parts[axis] for i, axis in enumerate(AXES))
    return _ranked(scores, area_ids, config, previously_listed, has_harm=has_harm)


def spread_weights(weights: Floats, parts: Mapping[str, Floats]) -> Floats:
    """Return weights [draws, axes] in which an axis without data has none and the others still sum to one.

    Parts of a Dirichlet that are rescaled to sum to one are Dirichlet around the rescaled centres, with the
    concentration that is left: an axis without data makes nobody surer of the others. Without data on any axis all
    weights are zero.

    Parameters
    ----------
    weights : Floats
        [draws, axes] weights in the order of `AXES`, each row with sum one.
    parts : Mapping[str, Floats]
        `axis_percentiles` of each axis, all zero where it has no data.
    """
    kept = weights * np.array([bool(parts[axis].any()) for axis in AXES])
    total = kept.sum(axis=1, keepdims=True)
    return np.divide(kept, total, out=np.zeros(kept.shape), where=total > 0)


def axes_without_data(
    area_events: pd.DataFrame, codebook: pd.DataFrame, officer_hours: pd.DataFrame, *, config: PlacesConfig
) -> list[str]:
    """Return the axes on which no area has a value; arguments are those of `draw_areas`.

    An axis that counts events has no data if no event counts in it; any other if it is unknown in every area, or no
    event counts at all.
    """
    hours = _checked_hours(officer_hours)
    counted = _counted(_checked_events(area_events, hours.index, codebook, config.window_days), config)
    is_in = groups(counted)
    one_each = np.ones((len(hours), 1))
    drawn = GroupDraws(dict.fromkeys(group_names(), one_each), one_each, hours["hours_per_day"].to_numpy(float))
    return [
        name
        for name, axis in AXES.items()
        if counted.empty or (bool(np.isnan(axis.draw(drawn)).all()) if axis.draw else not is_in[name].any())
    ]


def decayed_days(window_days: int, half_life_days: float) -> float:
    """Return exposure in decayed days: Σ ½^(age / half-life) over the whole days of the window."""
    return float(np.sum(0.5 ** (np.arange(window_days) / half_life_days)))


def _checked_hours(officer_hours: pd.DataFrame) -> pd.DataFrame:
    hours = officer_hours.set_index("area_id").sort_index()
    if hours.index.has_duplicates:
        repeated = hours.index[hours.index.duplicated()][0]
        raise ValueError(f"officer_hours: area {repeated!r} has more than one row; expected one per area")
    if not (hours["hours_per_day"] >= 0).all() or np.isinf(hours["hours_per_day"]).any():
        raise ValueError(f"officer_hours: {sorted(set(hours['hours_per_day']))!r}: expected finite hours ≥ 0")
    return hours


def _checked_events(
    area_events: pd.DataFrame, area_ids: pd.Index, codebook: pd.DataFrame, window_days: int
) -> pd.DataFrame:
    """Return events inside the window with area position and offence weight, in a total order."""
    events = area_events[area_events["age_days"] < window_days]
    for column, known, where in (("area_id", area_ids, "officer_hours"), ("offence_code", codebook.index, "codebook")):
        unknown = events.loc[~events[column].isin(known), column]
        if len(unknown):
            raise ValueError(f"area_events: {column} {unknown.iloc[0]!r} is not in {where}; add it there first")
    # Floating-point sums depend on the order of rows, so sort by content, not by arrival.
    order = ["area_id", "offence_code", "is_minor_used_by_adult", "age_days", "discovery", "n"]
    events = events.sort_values(order, ignore_index=True)
    weights = codebook.loc[events["offence_code"], ["axis", "harm_days", "band"]].reset_index(drop=True)
    return events.join(weights).assign(area=area_ids.get_indexer(pd.Index(events["area_id"])))


def _counted(events: pd.DataFrame, config: PlacesConfig) -> pd.DataFrame:
    return events[events["discovery"].isin(config.discoveries) & (events["harm_days"] > 0)]


def _bands(counted: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield every group and band with its events."""
    for group, is_in in groups(counted).items():
        for band in BANDS:
            yield group, f"{group} {band}", counted[is_in & (counted["band"] == band)]


def _band_priors(counted: pd.DataFrame, area_ids: pd.Index, config: PlacesConfig) -> dict[str, BandPrior]:
    """Return the prior of each band with reports; a band without reports has no mean weight and no prior."""
    return {
        stream: _fit_band_prior(events, area_ids, config) for _, stream, events in _bands(counted) if not events.empty
    }


def _fit_band_prior(events: pd.DataFrame, area_ids: pd.Index, config: PlacesConfig) -> BandPrior:
    decayed, count, exposure = _decayed_counts(events, area_ids, config)
    weight = np.bincount(np.zeros(len(events), int), weights=decayed * events["harm_days"].to_numpy())[0]
    total = np.bincount(np.zeros(len(events), int), weights=decayed)[0]
    return BandPrior(fit_gamma_prior(count, exposure), float(weight / total))


def _decayed_counts(events: pd.DataFrame, area_ids: pd.Index, config: PlacesConfig) -> tuple[Floats, Floats, Floats]:
    """Return decayed incidents, their sum by area, and the exposure of each area."""
    decayed = events["n"].to_numpy() * 0.5 ** (events["age_days"].to_numpy() / config.half_life_days)
    count = np.bincount(events["area"].to_numpy(), weights=decayed, minlength=len(area_ids))
    return (
        decayed,
        count.astype(np.float64),
        np.full(len(area_ids), decayed_days(config.window_days, config.half_life_days)),
    )


def _draw_axes(
    counted: pd.DataFrame,
    hours: Floats,
    area_ids: pd.Index,
    config: PlacesConfig,
    seed: int,
    band_priors: Mapping[str, BandPrior],
) -> tuple[dict[str, Floats], Floats]:
    """Return draws of every axis and of all harm."""
    rates = (
        (stream, _draw_band(of_band, stream, area_ids, config, seed, band_priors[stream].prior))
        for _, stream, of_band in _bands(counted)
        if stream in band_priors
    )
    return combine_bands(rates, hours, config=config, band_priors=band_priors)


def combine_bands(
    rates: Iterable[tuple[str, Floats]],
    hours_per_day: Floats,
    *,
    config: PlacesConfig,
    band_priors: Mapping[str, BandPrior],
) -> tuple[dict[str, Floats], Floats]:
    """Return the draws [areas, draws] of every axis and of all harm.

    Parameters
    ----------
    rates : Iterable[tuple[str, Floats]]
        key in `band_priors` and draws [areas, draws] of incidents per day, in the order of `band_priors`.
    hours_per_day : Floats
        [areas] officer hours; zero means unknown.
    """
    harm = {group: np.zeros((len(hours_per_day), config.draws)) for group in group_names()}
    crimes = np.zeros((len(hours_per_day), config.draws))
    for stream, of_band in rates:
        group = stream.rsplit(" ", 1)[0]
        harm[group] += band_priors[stream].weight * of_band
        if is_counted_once(group):
            crimes += of_band
    drawn = GroupDraws(harm, crimes, hours_per_day)
    axes = {name: axis.draw(drawn) if axis.draw else harm[name] for name, axis in AXES.items()}
    return axes, _summed([of_group for group, of_group in harm.items() if is_counted_once(group)])


def _draw_band(
    events: pd.DataFrame, stream: str, area_ids: pd.Index, config: PlacesConfig, seed: int, prior: GammaPrior
) -> Floats:
    _, count, exposure = _decayed_counts(events, area_ids, config)
    return draw_rates(count, exposure, stream, area_ids, draws=config.draws, seed=seed, prior=prior)


def draw_rates(
    decayed_count: Floats,
    exposure: Floats,
    stream: str,
    area_ids: Iterable[str],
    *,
    draws: int,
    seed: int,
    prior: GammaPrior,
) -> Floats:
    """Return draws [areas, draws] of incidents per day in one group and band, whose key in `BandPrior`s is `stream`."""
    shape, rate = posterior(prior, decayed_count, exposure)
    streams = [f"{area_id} {stream}" for area_id in area_ids]
    return draw_gamma(seed, streams, shape[:, None], rate[:, None], draws)[:, :, 0]


def axis_percentiles(values: Floats) -> Floats:
    """Return percentiles among areas with a value, 0.5 for the others, and zero for all if values do not differ."""
    if values.size and np.nanmax(values, initial=-np.inf) <= np.nanmin(values, initial=np.inf):
        return np.zeros(values.shape)
    known = ~np.isnan(values[:, 0]) if values.size else np.zeros(len(values), bool)
    if known.all():
        return percentiles(values)
    placed = np.full_like(values, 0.5)
    placed[known] = percentiles(values[known])
    return placed


def _summed(parts: Iterable[Floats]) -> Floats:
    first, *others = parts
    total = 0.0 + first
    for part in others:
        total += part
    return total


def _ranked(
    scores: Floats,
    area_ids: pd.Index,
    config: PlacesConfig,
    previously_listed: frozenset[str] = frozenset(),
    *,
    has_harm: Bools | bool = True,
) -> pd.DataFrame:
    """Return area_id, rank, p_top_k, score and is_listed from score draws [areas, draws].

    No area is listed without harm of its own, and none if the list has room for all of them: it would choose nothing.
    """
    p_top_k, score = _chance(scores, config.top_k), scores.mean(axis=1)
    stays = area_ids.isin(previously_listed) & (p_top_k >= config.list_leave)
    may_be_listed = np.asarray(has_harm) & (config.top_k < len(area_ids))
    return pd.DataFrame(
        {
            "area_id": area_ids,
            "rank": total_ranks(p_top_k, score, ids=area_ids),
            "p_top_k": p_top_k,
            "score": score,
            "is_listed": ((p_top_k >= config.list_enter) | stays) & may_be_listed,
        }
    )


def _chance(scores: Floats, top_k: int) -> Floats:
    """Return P(in the top K); zero for an area whose score is zero because no axis has data."""
    return chance_in_top(scores, top_k) * (scores > 0).any(axis=1)


def _harm(drawn: AreaDraws) -> dict[str, Floats]:
    lo, hi = np.quantile(drawn.harm, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)
    return {"harm_per_day": drawn.harm.mean(axis=1), "harm_per_day_lo": lo, "harm_per_day_hi": hi}


def _cover(officer_hours: pd.DataFrame) -> dict[str, pd.Series]:
    """Return on how many of the force's days staffing is reported; null where it is not reported by the day.

    It is partial where the area lacks on days of the force, or the force itself on days on which it was to report.
    """
    names = ["reported_days", "force_days", "expected_days"]
    days = officer_hours.reindex(columns=names).astype("Int64").reset_index(drop=True)
    is_partial = (days["reported_days"] < days["force_days"]) | (days["force_days"] < days["expected_days"])
    return {
        "staffing_days": days["reported_days"],
        "staffing_force_days": days["force_days"],
        "is_staffing_partial": is_partial.fillna(False).astype(bool),
    }


def _rates(drawn: AreaDraws) -> dict[str, Floats]:
    return {axis.rate: drawn.axes[name].mean(axis=1) for name, axis in AXES.items()}


def _shares(weighed: Sequence[Floats]) -> dict[str, Floats]:
    """Return shares of the score, all zero if the score is zero because the areas do not differ."""
    means = np.stack([part.mean(axis=1) for part in weighed], axis=1)
    totals = means.sum(axis=1, keepdims=True)
    shares = np.divide(means, totals, out=np.zeros(means.shape), where=totals > 0)
    return {f"{axis}_share": share for axis, share in zip(AXES, shares.T, strict=True)}


def _ranks_without(
    weighed: Sequence[Floats], weights: Floats, area_ids: pd.Index, config: PlacesConfig
) -> dict[str, Ints]:
    """Return ranks without each axis; the other drawn weights, rescaled to sum to one, are Dirichlet again."""
    ranks = {}
    for left_out, axis in enumerate(AXES):
        others = [part for i, part in enumerate(weighed) if i != left_out]
        scores = _summed(others) / np.maximum(1 - weights[:, left_out], np.finfo(float).tiny)
        ranks[f"rank_without_{axis}"] = _ranked(scores, area_ids, config)["rank"].to_numpy()
    return ranks


def _whole_counts(events: pd.DataFrame, area_ids: pd.Index) -> Ints:
    counts = np.zeros(len(area_ids), np.int64)
    np.add.at(counts, events["area"].to_numpy(), events["n"].to_numpy(dtype=np.int64))
    return counts


def _heaviest_evidence(
    area_evidence: pd.DataFrame, codebook: pd.DataFrame, area_ids: pd.Series, config: PlacesConfig
) -> list[list[str]]:
    recent = area_evidence[area_evidence["age_days"] < config.window_days]
    harm_days = recent["offence_code"].map(codebook["harm_days"]).astype(float)
    weight = harm_days * 0.5 ** (recent["age_days"] / config.half_life_days)
    ordered = recent.assign(weight=weight)[weight > 0].sort_values(
        ["area_id", "weight", "incident_id"], ascending=[True, False, True]
    )
    shown = ordered.groupby("area_id").head(EVIDENCE_SHOWN).groupby("area_id")["incident_id"].agg(list)
    return [list(shown.get(area_id, [])) for area_id in area_ids]
