"""Areas ranked by harm on the axes of `models.places.axes`: violence, disorder, use of minors, crimes per officer-hour.

An axis that counts events is a rate of harm: per severity band the incidents of `models.area_rates`, each with its
weight in days of guideline prison (Sherman, Neyroud and Neyroud 2016, Policing 10:171). Areas are ranked by what the
days of the plan may bring: draws of the counts to come, weighed and ranked by `models.places.area_scores`. The
underlying rate now stands beside it. Police discoveries are counted but do not affect the ranking, because they follow
patrols (Ensign et al. 2018, PMLR 81).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.area_rates.bands import BandPrior, decayed_counts, draw_band, fit_band
from models.area_rates.decay import AHEAD, Decay
from models.area_rates.past_origins import ORIGINS, days_known, days_on_record, origins_known
from models.arrays import Bools, Floats, Ints
from models.checks import expect
from models.places.area_scores import (
    AxisDraws,
    AxisTotals,
    chance,
    per_size,
    rank_scores,
    ranks_without,
    shares_of,
    shares_of_score,
    spread_weights,
    summed,
    weigh,
)
from models.places.axes import AXES, BANDS, GroupDraws, Kinds, find, group_names
from models.places.counterfactuals import moves_out_if
from models.statistics.intervals import LOWER, UPPER, hold_points
from models.statistics.level import level_factor
from models.statistics.pareto import is_on_front
from models.statistics.rank_draws import draw_weights, rank_interval, total_ranks

INTERVAL = 0.8
Per = Literal["total", "residents", "street_km", "area_km2"]
PER = get_args(Per)
EVIDENCE_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PlacesConfig:
    """Settings of the area ranking: window, decay, days ahead, list, hysteresis, draws, what to rank per, weights."""

    cell_size_m: float
    window_days: int
    half_life_days: float
    horizon_days: int
    top_k: int
    list_enter: float
    list_leave: float
    draws: int
    per: Per
    concentration: float
    weights: Mapping[str, float]
    discoveries: Sequence[str]

    def __post_init__(self) -> None:
        for name in ("cell_size_m", "window_days", "half_life_days", "horizon_days", "top_k", "draws", "concentration"):
            expect(getattr(self, name) > 0, "places.", self, name, "a number above zero")
        expect(self.per in PER, "places.", self, "per", f"one of {', '.join(PER)}")
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

    @property
    def decay(self) -> Decay:
        """Decay of incidents within the window."""
        return Decay(self.window_days, self.half_life_days)

    @property
    def learning_days(self) -> int:
        """Days of events that the ranking can use: the window, and earlier origins to learn from."""
        return self.window_days + ORIGINS * self.horizon_days

    def on_record(self, area_events: pd.DataFrame, codebook: pd.DataFrame) -> "PlacesConfig":
        """Return these settings with a window no longer than the record: `days_on_record` of the events that count."""
        return replace(self, window_days=days_on_record(*self._counted(area_events, codebook), self.window_days))

    def earlier_origins(self, area_events: pd.DataFrame, codebook: pd.DataFrame) -> int:
        """Return how many earlier origins teach the spread of the days ahead: `origins_known` of what counts."""
        age_days, n = self._counted(area_events, codebook)
        per_day = np.bincount(age_days[age_days >= 0], n[age_days >= 0]).astype(np.float64)
        return origins_known(per_day, self.decay, self.horizon_days)

    def _counted(self, area_events: pd.DataFrame, codebook: pd.DataFrame) -> tuple[Ints, Ints]:
        """Return age_days and n of the events that count."""
        harmful = codebook.index[codebook["harm_days"] > 0]
        counts = area_events[
            area_events["discovery"].isin(self.discoveries) & area_events["offence_code"].isin(harmful)
        ]
        return counts["age_days"].to_numpy(np.int64), counts["n"].to_numpy(np.int64)

    def rank(
        self, scores: Floats, score: Floats, area_ids: pd.Index, previously_listed: frozenset[str], has_harm: Bools
    ) -> pd.DataFrame:
        """Return the result of `rank_scores` with these settings."""
        return rank_scores(
            scores,
            score,
            area_ids,
            top_k=self.top_k,
            list_enter=self.list_enter,
            list_leave=self.list_leave,
            previously_listed=previously_listed,
            has_harm=has_harm,
        )


@dataclass(frozen=True, slots=True)
class AreaDraws:
    """What `draw_areas` returns: draws of the rates now and of the days ahead, and counts.

    Rows are in the order of `officer_hours`, by area_id. The row of an area depends only on its own events.
    """

    officer_hours: pd.DataFrame  # index area_id; hours_per_day, is_assumed, size
    now: AxisDraws
    ahead: AxisDraws
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
    """Rank areas by P(in the top K) over draws of the next `horizon_days` days, the axis weights drawn too.

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
        Rows in rank order (P(in the top K) to a hundredth, then score, then area_id): the columns of `area_ranking`
        without the run's columns and area_name. `moves_out_if` is null if the area is not listed.

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
    """Draw the rates of every area on every axis, and what the next `horizon_days` days may bring.

    Parameters
    ----------
    area_events : pd.DataFrame
        area_id, offence_code, discovery, is_minor_used_by_adult (bool), age_days (whole days before as_of), n
        (incidents). All discoveries; those not in `config.discoveries` are only counted. Rates are those of the window;
        events before it teach how far the days after earlier origins fell from what was expected.
    codebook : pd.DataFrame
        index offence_code; axis, harm_days, band.
    officer_hours : pd.DataFrame
        area_id, hours_per_day, is_assumed; reported_days and force_days, where staffing is reported by the day; one row
        per area; defines the areas. Zero means unknown hours: the ratio is then null and counts as the mean of the
        others, which neither lists an area nor hides it. With a column size (residents, kilometres …) areas are ranked
        by harm per unit of size: the prior is of such rates, and the exposure of an area is days × size, so that a
        small area is drawn to the mean rate per unit. All draws are of the whole area. An area without a size above
        zero ranks last.
    band_priors : Mapping[str, BandPrior] | None
        result of `fit_band_priors` for an earlier as_of or for more areas; the draws of an area then depend only on its
        own events. None fits them to these events.

    Raises
    ------
    ValueError
        An area repeats, an event names an area without a row in `officer_hours`, an offence is not in the codebook, or
        hours are negative, or no area has a size.
    """
    hours = _checked_hours(officer_hours)
    events = CountedEvents(area_events, hours.index, codebook, config)
    decay, size = config.decay, hours["size"].to_numpy()
    if band_priors is None:
        band_priors = events.fit_priors(size)
    now, ahead = (AxisTotals(hours["hours_per_day"].to_numpy(float), config.draws) for _ in ("now", "ahead"))
    for stream, prior in band_priors.items():
        decayed = decayed_counts(events.of_window(stream), decay)
        drawn = draw_band(
            decayed,
            prior,
            stream,
            hours.index.tolist(),
            decay=decay,
            horizon_days=config.horizon_days,
            draws=config.draws,
            seed=seed,
            size=size,
        )
        now.add(stream, drawn.now)
        ahead.add(stream, drawn.ahead)
    return AreaDraws(hours, now.axes(), ahead.axes(), *events.whole_counts())


def fit_band_priors(
    area_events: pd.DataFrame, codebook: pd.DataFrame, officer_hours: pd.DataFrame, *, config: PlacesConfig
) -> dict[str, BandPrior]:
    """Return the priors of `draw_areas` by group and band; arguments are those of `draw_areas`."""
    hours = _checked_hours(officer_hours)
    return CountedEvents(area_events, hours.index, codebook, config).fit_priors(hours["size"].to_numpy())


class CountedEvents:
    """The events of `draw_areas`, checked and numbered, without those that count nowhere."""

    def __init__(
        self, area_events: pd.DataFrame, area_ids: pd.Index, codebook: pd.DataFrame, config: PlacesConfig
    ) -> None:
        self.kinds, self._config, self._areas = Kinds(codebook), config, len(area_ids)
        in_window = area_events["age_days"].to_numpy() < config.window_days
        # The codebook need not know an offence of the past.
        is_known = in_window | area_events["offence_code"].isin(codebook.index).to_numpy()
        events = area_events[is_known]
        self._area = find(events["area_id"], area_ids, "is not in officer_hours; add it there first")
        self._kind = self.kinds.of(events)
        self._age, self._n = (events[name].to_numpy(np.int64) for name in ("age_days", "n"))
        self._is_police = events["discovery"].eq("police").to_numpy(bool)
        counts = events["discovery"].isin(config.discoveries).to_numpy(bool)
        self._is_counted = counts & self.kinds.is_harmful[self._kind]
        self._in_window = self._age < config.window_days
        self._columns: dict[int, tuple[Ints, Ints, Ints, Ints]] = {}  # of what counts, by the days it is of

    def fit_priors(self, size: Floats) -> dict[str, BandPrior]:
        """Return the prior of each band with events, by `relative_sizes`; a band without events has none."""
        config, which = self._config, self._is_counted & (self._age >= 0)
        per_day = np.bincount(self._age[which], self._n[which]).astype(np.float64)
        origins = origins_known(per_day, config.decay, config.horizon_days)
        days = config.window_days + origins * config.horizon_days
        level = self._expected_levels()
        return {
            stream: fit_band(
                self._count(stream, days),
                self.kinds.streams[stream].weights,
                config.decay,
                horizon_days=config.horizon_days,
                origins=origins,
                size=size,
                expected_level=level[int(stream.endswith(f" {BANDS[0]}"))],
            )
            for stream in self.streams_with_events()
        }

    def _expected_levels(self) -> list[float]:
        """Return `level_factor` of the force's incidents of lower bands, and of those of the highest.

        It judges all days on record: a force that grows has, by `origins_known`, too few.
        """
        decay, horizon_days, days = self._config.decay, self._config.horizon_days, self._config.learning_days
        which = self._is_counted & (self._age >= 0) & (self._age < days)
        daily = np.zeros((2, days))
        np.add.at(daily, (self.kinds.is_highest[self._kind[which]].astype(np.int64), self._age[which]), self._n[which])
        stated = horizon_days * (daily[:, : decay.window_days] @ decay.factors()[AHEAD:]) / decay.days
        return level_factor(daily[:, : days_known(daily.sum(axis=0))], horizon_days, stated).tolist()

    def streams_with_events(self) -> list[str]:
        """Return the groups and bands in which an event of the window counts."""
        kinds = np.unique(self._kind[self._is_counted & self._in_window])
        return [stream for stream, of in self.kinds.streams.items() if (of.column[kinds] >= 0).any()]

    def of_window(self, stream: str) -> Floats:
        """Return whole incidents [areas, w, days] of the window by age from -1 day on."""
        return self._count(stream, self._config.window_days)

    def whole_counts(self) -> tuple[Ints, Ints]:
        """Return by area the incidents of the window that count, and those discovered by police."""
        counted, police = np.zeros((2, self._areas), np.int64)
        for counts, which in ((counted, self._is_counted), (police, self._is_police)):
            which = which & self._in_window
            np.add.at(counts, self._area[which], self._n[which])
        return counted, police

    def _count(self, stream: str, days: int) -> Floats:
        if days not in self._columns:
            which = self._is_counted & (self._age < days)
            self._columns[days] = self._area[which], self._kind[which], self._age[which], self._n[which]
        return self.kinds.count(stream, *self._columns[days], (self._areas, days + AHEAD))


def rank_drawn(
    drawn: AreaDraws,
    *,
    config: PlacesConfig,
    seed: int,
    previously_listed: frozenset[str],
) -> pd.DataFrame:
    """Rank areas from existing draws as `rank_areas` does; `evidence_ids` is null."""
    area_ids, ahead, now = drawn.officer_hours.index, drawn.ahead, drawn.now
    size = drawn.officer_hours["size"].to_numpy()
    centre = [config.weights[axis] for axis in AXES]
    weights = draw_weights(seed, centre, config.concentration, config.draws)
    parts, means = shares_of(ahead, size)
    spread = spread_weights(weights, parts)
    weighed, weighed_means = weigh(parts, spread), weigh(means, spread.mean(axis=0, keepdims=True))
    scores, fixed = summed(weighed), summed(weigh(parts, spread_weights(np.array([centre]), parts)))
    parts_now, _ = shares_of(now, size)
    scores_now = summed(weigh(parts_now, spread_weights(weights, parts_now)))
    has_harm = (drawn.public_count > 0) & ~np.isnan(size)
    ranked = config.rank(scores, summed(weighed_means)[:, 0], area_ids, previously_listed, has_harm)
    rates = {axis.rate: now.mean_axes[name][:, 0] for name, axis in AXES.items()}
    harm = ahead.mean_harm[:, 0]
    table = pd.DataFrame(
        {
            "area_id": area_ids,
            "rank": ranked["rank"],
            **_interval("rank", rank_interval(scores, INTERVAL)),
            "p_top_k": ranked["p_top_k"],
            "p_top_k_fixed_weights": chance(fixed, config.top_k),
            "is_listed": ranked["is_listed"],
            "score": ranked["score"],
            "harm_per_day": harm,
            **_interval("harm_per_day", _quantiles(ahead.harm)),
            "harm_rank": total_ranks(harm, ids=area_ids),
            **_interval("harm_rank", rank_interval(ahead.harm, INTERVAL)),
            "p_top_k_now": chance(scores_now, config.top_k),
            **_interval("rank_now", rank_interval(scores_now, INTERVAL)),
            **_interval("harm_rate", _quantiles(now.harm)),
            **rates,
            **shares_of_score(weighed_means),
            **ranks_without(weighed, spread, area_ids, config.top_k),
            "is_pareto": is_on_front(np.hstack([per_size(name, now.mean_axes[name], size) for name in AXES])),
            "public_count": drawn.public_count,
            "police_count": drawn.police_count,
            "officer_hours": drawn.officer_hours["hours_per_day"].to_numpy(),
            "is_staffing_assumed": drawn.officer_hours["is_assumed"].to_numpy(dtype=bool),
            **_cover(drawn.officer_hours),
            "evidence_ids": None,
        }
    )
    shares = {axis: of_axis[:, 0] for axis, of_axis in means.items()}
    table["moves_out_if"] = moves_out_if(
        table, shares, spread.mean(axis=0).tolist(), top_k=config.top_k, list_enter=config.list_enter
    )
    return hold_points(table).sort_values("rank", ignore_index=True)


def rank_ahead(drawn: AreaDraws, *, config: PlacesConfig, seed: int, previously_listed: frozenset[str]) -> pd.DataFrame:
    """Return area_id, rank, p_top_k, score and is_listed of `rank_drawn`, in the order of area_id."""
    size = drawn.officer_hours["size"].to_numpy()
    weights = draw_weights(seed, [config.weights[axis] for axis in AXES], config.concentration, config.draws)
    parts, means = shares_of(drawn.ahead, size)
    spread = spread_weights(weights, parts)
    score = summed(weigh(means, spread.mean(axis=0, keepdims=True)))[:, 0]
    has_harm = (drawn.public_count > 0) & ~np.isnan(size)
    return config.rank(summed(weigh(parts, spread)), score, drawn.officer_hours.index, previously_listed, has_harm)


def axes_without_data(
    area_events: pd.DataFrame, codebook: pd.DataFrame, officer_hours: pd.DataFrame, *, config: PlacesConfig
) -> list[str]:
    """Return the axes on which no area has a value; arguments are those of `draw_areas`.

    An axis that counts events has no data if no event counts in it; any other if it is unknown in every area, or no
    event counts at all.
    """
    hours = _checked_hours(officer_hours)
    events = CountedEvents(area_events, hours.index, codebook, config)
    with_data = {stream.rsplit(" ", 1)[0] for stream in events.streams_with_events()}
    one_each = np.ones((len(hours), 1))
    drawn = GroupDraws(dict.fromkeys(group_names(), one_each), one_each, hours["hours_per_day"].to_numpy(float))
    return [
        name
        for name, axis in AXES.items()
        if not with_data or (bool(np.isnan(axis.draw(drawn)).all()) if axis.draw else name not in with_data)
    ]


def _checked_hours(officer_hours: pd.DataFrame) -> pd.DataFrame:
    hours = officer_hours.set_index("area_id").sort_index()
    if hours.index.has_duplicates:
        repeated = hours.index[hours.index.duplicated()][0]
        raise ValueError(f"officer_hours: area {repeated!r} has more than one row; expected one per area")
    if not (hours["hours_per_day"] >= 0).all() or np.isinf(hours["hours_per_day"]).any():
        raise ValueError(f"officer_hours: {sorted(set(hours['hours_per_day']))!r}: expected finite hours ≥ 0")
    return hours.assign(size=relative_sizes(hours))


def relative_sizes(officer_hours: pd.DataFrame) -> "pd.Series[float]":
    """Return the size of each area over their mean, missing where it is not above zero; one without a column `size`."""
    size = officer_hours["size"].astype(float) if "size" in officer_hours else pd.Series(1.0, officer_hours.index)
    known = size.where(size > 0)
    if known.isna().all():
        raise ValueError("officer_hours: no area has a size above zero; rank by totals (places.per: total)")
    return known / known.mean()


def _quantiles(draws: Floats) -> Floats:
    return np.quantile(draws, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)


def _interval(name: str, ends: Sequence[npt.NDArray[Any]] | npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return {f"{name}{LOWER}": ends[0], f"{name}{UPPER}": ends[1]}


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
