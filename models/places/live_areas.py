"""The area ranking of a run, kept up to date as incidents come and go.

The priors stay those of the run. An area's draws in one group and severity band depend only on its own events in that
band, so a change redraws nothing else; then all areas are ranked again from the draws that are kept. The result is, to
the bit, what `draw_areas` and `rank_drawn` return for all events at once with these priors.
"""

import numpy as np
import pandas as pd

from models.area_rates.bands import decayed_counts, draw_band
from models.area_rates.decay import AHEAD
from models.arrays import Floats, Ints
from models.places.area_scores import axis_shares, spread_weights, summed, weigh
from models.places.axes import AXES, GroupDraws, find, group_names, is_counted_once
from models.places.ranking import CountedEvents, PlacesConfig, combine_groups
from models.statistics.rank_draws import draw_weights

RUN = "the run"


class LiveAreas:
    """Draws of every area: 8 bytes times `config.draws`, two for each band and one for each axis and its shares.

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
        hours = officer_hours.set_index("area_id").sort_index()["hours_per_day"]
        self._area_ids, self._hours = hours.index, hours.to_numpy(float)
        self._weights = draw_weights(seed, [config.weights[axis] for axis in AXES], config.concentration, config.draws)
        events = CountedEvents(area_events, self._area_ids, codebook, config)
        self._priors, self._kinds = events.fit_priors(), events.kinds
        self._harmful_incidents = events.whole_counts()[0]
        self._counts = {stream: events.of_window(stream) for stream in self._priors}
        shape = (len(hours), config.draws)
        self._crimes = {stream: np.empty(shape) for stream in self._priors}
        self._harm = {stream: np.empty(shape) for stream in self._priors}
        self._axes: dict[str, Floats] = {axis: np.zeros(shape) for axis in AXES}
        self._harm_per_day = np.empty(len(hours))
        self._shares: dict[str, Floats] = {}
        everywhere = np.arange(len(hours))
        for stream in self._priors:
            self._draw(stream, everywhere)
        self._combine(everywhere)

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
            if axis not in self._shares:
                self._shares[axis] = axis_shares(self._axes[axis], AXES[axis])
        scores = summed(weigh(self._shares, spread_weights(self._weights, self._shares)))
        table = self._config.rank(scores, self._area_ids, previously_listed, self._harmful_incidents > 0)
        return table.assign(harm_per_day=self._harm_per_day).sort_values("rank", ignore_index=True)

    def _count(self, area_events: pd.DataFrame) -> dict[str, Ints]:
        """Count events and return the rows of the areas that they touch in each band."""
        recent = area_events[area_events["age_days"] < self._config.window_days]
        recent = recent.assign(area=find(recent["area_id"], self._area_ids, RUN), kind=self._kinds.of(recent, RUN))
        recent = recent[recent["discovery"].isin(self._config.discoveries) & self._kinds.is_harmful[recent["kind"]]]
        area, kind, age, n = (recent[name].to_numpy(np.int64) for name in ("area", "kind", "age_days", "n"))
        np.add.at(self._harmful_incidents, area, n)
        touched = {}
        for stream, counts in self._counts.items():
            column = self._kinds.streams[stream].column[kind]
            here = column >= 0
            if here.any():
                np.add.at(counts, (area[here], column[here], age[here] + AHEAD), n[here])
                touched[stream] = np.unique(area[here])
        return touched

    def _draw(self, stream: str, areas: Ints) -> None:
        config = self._config
        drawn = draw_band(
            decayed_counts(self._counts[stream][areas], config.decay),
            self._priors[stream],
            stream,
            self._area_ids[areas],
            decay=config.decay,
            horizon_days=config.horizon_days,
            draws=config.draws,
            seed=self._seed,
        )
        self._crimes[stream][areas], self._harm[stream][areas] = drawn.crimes_ahead, drawn.harm_ahead

    def _combine(self, areas: Ints) -> None:
        """Compute the axes of some areas again; the shares of an axis that changes are out of date."""
        shape = (len(areas), self._config.draws)
        total = GroupDraws({group: np.zeros(shape) for group in group_names()}, np.zeros(shape), self._hours[areas])
        for stream in self._priors:
            group = stream.rsplit(" ", 1)[0]
            total.harm[group][...] += self._harm[stream][areas]
            if is_counted_once(group):
                total.crimes[...] += self._crimes[stream][areas]
        ahead = combine_groups(total)
        for axis, draws in ahead.axes.items():
            if not np.array_equal(draws, self._axes[axis][areas], equal_nan=True):
                self._axes[axis][areas] = draws
                self._shares.pop(axis, None)
        self._harm_per_day[areas] = ahead.harm.mean(axis=1)
