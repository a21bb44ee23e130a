"""The area ranking of a run, kept up to date as incidents come and go.

The priors stay those of the run. An area's draws in one group and severity band depend only on its own events in that
band, so a change redraws nothing else; then all areas are ranked again from the draws that are kept. The result is, to
the bit, what `draw_areas` and `rank_drawn` return for all events at once with these priors.
"""

import numpy as np
import pandas as pd

from models.arrays import Bools, Floats, Ints
from models.places.axes import AXES
from models.places.ranking import (
    PlacesConfig,
    axis_percentiles,
    combine_bands,
    counted_by_band,
    decayed_days,
    draw_rates,
    fit_band_priors,
    rank_percentiles,
)
from models.statistics.rank_draws import draw_weights


class LiveAreas:
    """Draws of every area: 8 bytes times `config.draws` for each band, each axis and the percentile on each axis.

    Parameters
    ----------
    area_events, codebook, officer_hours, config, seed
        those of `models.places.ranking.draw_areas`.
    """

    def __init__(
        self,
        area_events: pd.DataFrame,
        codebook: pd.DataFrame,
        officer_hours: pd.DataFrame,
        *,
        config: PlacesConfig,
        seed: int,
    ) -> None:
        self._config, self._seed = config, seed
        self._priors = fit_band_priors(area_events, codebook, officer_hours, config=config)
        hours = officer_hours.set_index("area_id").sort_index()["hours_per_day"]
        self._area_ids, self._hours = hours.index, hours.to_numpy()
        self._weights = draw_weights(seed, [config.weights[axis] for axis in AXES], config.concentration, config.draws)
        self._order = _EventOrder(codebook, config)
        shape = (len(hours), config.draws)
        kinds = self._order.kinds(codebook, config)
        self._kinds = {stream: kinds[stream] for stream in self._priors}
        self._is_harmful = np.logical_or.reduce(list(kinds.values()))  # by kind
        self._harmful_incidents = np.zeros(len(hours), np.int64)
        self._counts = {stream: _Counts() for stream in self._priors}
        self._rates = {stream: np.empty(shape) for stream in self._priors}
        self._axes: dict[str, Floats] = {axis: np.zeros(shape) for axis in AXES}
        self._harm_per_day = np.empty(len(hours))
        self._percentiles: dict[str, Floats] = {}
        self._count(area_events)
        for stream in self._priors:
            self._draw(stream, np.arange(len(hours)))
        self._combine(np.arange(len(hours)))

    def change(self, area_events: pd.DataFrame) -> None:
        """Add events; those with a negative `n` are removed. The columns are those of `draw_areas`."""
        touched = self._count(area_events)
        for stream, areas in touched.items():
            self._draw(stream, areas)
        if touched:
            self._combine(np.unique(np.concatenate(list(touched.values()))))

    def rank(self, previously_listed: frozenset[str]) -> pd.DataFrame:
        """Return area_id, rank, p_top_k, score, is_listed and harm_per_day in rank order, as `rank_drawn` does."""
        for axis in AXES:
            if axis not in self._percentiles:
                self._percentiles[axis] = axis_percentiles(self._axes[axis])
        table = rank_percentiles(
            self._percentiles,
            self._area_ids,
            self._weights,
            config=self._config,
            previously_listed=previously_listed,
            has_harm=self._harmful_incidents > 0,
        )
        return table.assign(harm_per_day=self._harm_per_day).sort_values("rank", ignore_index=True)

    def _count(self, area_events: pd.DataFrame) -> dict[str, Ints]:
        """Count events and return the rows of the areas that they touch in each band."""
        recent = area_events[area_events["age_days"] < self._config.window_days]
        keys, n = self._order.keys(recent, self._area_ids), recent["n"].to_numpy(np.int64)
        keys, n = keys[keys >= 0], n[keys >= 0]
        area, kind = self._order.area_and_kind(keys)
        is_harmful = self._is_harmful[kind]
        np.add.at(self._harmful_incidents, area[is_harmful], n[is_harmful])
        touched = {}
        for stream, is_in in self._kinds.items():
            here = is_in[kind]
            if here.any():
                self._counts[stream].add(keys[here], n[here])
                touched[stream] = np.unique(area[here])
        return touched

    def _draw(self, stream: str, areas: Ints) -> None:
        config = self._config
        exposure = np.full(len(areas), decayed_days(config.window_days, config.half_life_days))
        self._rates[stream][areas] = draw_rates(
            self._order.decayed_counts(self._counts[stream], areas),
            exposure,
            stream,
            self._area_ids[areas],
            draws=config.draws,
            seed=self._seed,
            prior=self._priors[stream].prior,
        )

    def _combine(self, areas: Ints) -> None:
        """Compute the axes of some areas again; the percentiles of an axis that changes are out of date."""
        rates = ((stream, of_band[areas]) for stream, of_band in self._rates.items())
        axes, harm = combine_bands(rates, self._hours[areas], config=self._config, band_priors=self._priors)
        for axis, draws in axes.items():
            if not np.array_equal(draws, self._axes[axis][areas], equal_nan=True):
                self._axes[axis][areas] = draws
                self._percentiles.pop(axis, None)
        self._harm_per_day[areas] = harm.mean(axis=1)


class _Counts:
    """Incidents by key, in the order of keys; a key whose incidents are all gone stays with none."""

    def __init__(self) -> None:
        self.keys: Ints = np.empty(0, np.int64)
        self.incidents: Ints = np.empty(0, np.int64)

    def add(self, keys: Ints, incidents: Ints) -> None:
        keys, at = np.unique(keys, return_inverse=True)
        incidents = np.bincount(at, weights=incidents, minlength=len(keys)).astype(np.int64)
        place = self.keys.searchsorted(keys)
        is_new = np.append(self.keys, -1)[place] != keys
        self.incidents[place[~is_new]] += incidents[~is_new]
        self.keys = np.insert(self.keys, place[is_new], keys[is_new])
        self.incidents = np.insert(self.incidents, place[is_new], incidents[is_new])


class _EventOrder:
    """The total order in which decayed incidents are added up, because floating-point sums depend on it.

    A key numbers area, offence, use of minors, age and discovery, in this order. The kind is offence and use of minors.
    """

    def __init__(self, codebook: pd.DataFrame, config: PlacesConfig) -> None:
        self._offences = pd.Index(sorted(codebook.index))
        self._discoveries = pd.Index(sorted(config.discoveries))
        # From -1: the local hour that a change of clocks repeats before as_of is of the day to come.
        self._decay = 0.5 ** (np.arange(-1, config.window_days) / config.half_life_days)
        self._per_kind = len(self._decay) * len(self._discoveries)
        self._per_area = len(self._offences) * 2 * self._per_kind

    def keys(self, events: pd.DataFrame, area_ids: pd.Index) -> Ints:
        """Return the keys of events inside the window, -1 for those of a discovery that does not count.

        Raises ValueError for an area or an offence that is not known.
        """
        area = _known(events["area_id"], area_ids)
        kind = _known(events["offence_code"], self._offences) * 2 + events["is_minor_used_by_adult"].to_numpy(np.int64)
        day = events["age_days"].to_numpy(np.int64) + 1
        discovery = self._discoveries.get_indexer(pd.Index(events["discovery"]))
        keys = area * self._per_area + kind * self._per_kind + day * len(self._discoveries) + discovery
        return np.where(discovery >= 0, keys, -1)

    def area_and_kind(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return the rows of areas, and the kinds."""
        return keys // self._per_area, keys % self._per_area // self._per_kind

    def kinds(self, codebook: pd.DataFrame, config: PlacesConfig) -> dict[str, Bools]:
        """Return for each band whether events of each kind count in it."""
        one_each = pd.DataFrame({"offence_code": self._offences.repeat(2), "area_id": "", "age_days": 0, "n": 1})
        one_each["is_minor_used_by_adult"] = np.tile([False, True], len(self._offences))
        one_each["discovery"] = self._discoveries[0]
        found = {}
        for stream, events in counted_by_band(one_each, codebook, pd.Index([""]), config=config):
            found[stream] = np.zeros(len(one_each), bool)
            found[stream][self.area_and_kind(self.keys(events, pd.Index([""])))[1]] = True
        return found

    def decayed_counts(self, counts: _Counts, areas: Ints) -> Floats:
        """Return the decayed incidents of each of the areas."""
        begin, end = (counts.keys.searchsorted(edge * self._per_area) for edge in (areas, areas + 1))
        rows = np.concatenate([np.arange(first, last) for first, last in zip(begin, end, strict=True)])
        days = counts.keys[rows] % self._per_kind // len(self._discoveries)
        area = np.repeat(np.arange(len(areas)), end - begin)
        return np.bincount(area, counts.incidents[rows] * self._decay[days], len(areas)).astype(np.float64)


def _known(values: pd.Series, known: pd.Index) -> Ints:
    at = known.get_indexer(pd.Index(values))
    if (at < 0).any():
        raise ValueError(f"area_events: {values.name} {values[at < 0].iloc[0]!r} is not known to the run")
    return np.asarray(at, np.int64)
