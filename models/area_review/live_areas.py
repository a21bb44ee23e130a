"""The area ranking of a run, kept up to date as incidents come and go.

The priors stay those of the run. An area's draws in one group and severity band depend only on its own events in that
band, so a change redraws nothing else; then all areas are ranked again from the draws that are kept. The result is, to
the bit, what `draw_areas` and `rank_drawn` return for all events at once with these priors.
"""

from dataclasses import fields

import numpy as np
import pandas as pd

from models.area_rates.bands import Drawn, decayed_counts, draw_band
from models.area_rates.decay import AHEAD
from models.arrays import Floats, Ints
from models.places.area_scores import AxisDraws, AxisTotals, shares_of, spread_weights, summed, weigh
from models.places.axes import AXES, find
from models.places.ranking import CountedEvents, PlacesConfig, relative_sizes
from models.statistics.rank_draws import draw_weights

UNKNOWN = "is not known to the run"


class LiveAreas:
    """Draws of every area: 8 bytes times `config.draws`, two for each band and one for each axis and all harm.

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
        hours = officer_hours.set_index("area_id").sort_index()
        self._area_ids, self._hours = hours.index, hours["hours_per_day"].to_numpy(float)
        self._size = np.asarray(relative_sizes(hours), np.float64)
        self._weights = draw_weights(seed, [config.weights[axis] for axis in AXES], config.concentration, config.draws)
        events = CountedEvents(area_events, self._area_ids, codebook, config)
        self._priors, self._kinds = events.fit_priors(self._size), events.kinds
        self._harmful_incidents = events.whole_counts()[0]
        self._counts = {stream: events.of_window(stream) for stream in self._priors}
        everywhere = np.arange(len(hours))
        self._ahead = {stream: self._draw(stream, everywhere) for stream in self._priors}
        self._axes = self._combine(everywhere)

    def change(self, area_events: pd.DataFrame) -> None:
        """Add events; those with a negative `n` are removed. The columns are those of `draw_areas`."""
        touched = self._count(area_events)
        for stream, areas in touched.items():
            _replace(self._ahead[stream], areas, self._draw(stream, areas))
        if touched:
            areas = np.unique(np.concatenate(list(touched.values())))
            combined = self._combine(areas)
            for values, new in zip(_arrays(self._axes), _arrays(combined), strict=True):
                values[areas] = new

    def rank(self, previously_listed: frozenset[str]) -> pd.DataFrame:
        """Return area_id, rank, p_top_k, score, is_listed and harm_per_day in rank order, as `rank_drawn` does."""
        parts, means = shares_of(self._axes, self._size)
        weights = spread_weights(self._weights, parts)
        score = summed(weigh(means, weights.mean(axis=0, keepdims=True)))[:, 0]
        scores, has_harm = summed(weigh(parts, weights)), (self._harmful_incidents > 0) & ~np.isnan(self._size)
        table = self._config.rank(scores, score, self._area_ids, previously_listed, has_harm)
        return table.assign(harm_per_day=self._axes.mean_harm[:, 0]).sort_values("rank", ignore_index=True)

    def _count(self, area_events: pd.DataFrame) -> dict[str, Ints]:
        """Count events and return the rows of the areas that they touch in each band."""
        recent = area_events[area_events["age_days"] < self._config.window_days]
        recent = recent.assign(
            area=find(recent["area_id"], self._area_ids, UNKNOWN), kind=self._kinds.of(recent, UNKNOWN)
        )
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

    def _draw(self, stream: str, areas: Ints) -> Drawn:
        """Draw the days ahead of some areas in one band."""
        config = self._config
        return draw_band(
            decayed_counts(self._counts[stream][areas], config.decay),
            self._priors[stream],
            stream,
            self._area_ids[areas].tolist(),
            decay=config.decay,
            horizon_days=config.horizon_days,
            draws=config.draws,
            seed=self._seed,
            size=self._size[areas],
        ).ahead

    def _combine(self, areas: Ints) -> AxisDraws:
        """Return the axes of some areas."""
        total = AxisTotals(self._hours[areas], self._config.draws)
        for stream, drawn in self._ahead.items():
            total.add(stream, Drawn(*(getattr(drawn, field.name)[areas] for field in fields(drawn))))
        return total.axes()


def _replace(drawn: Drawn, areas: Ints, new: Drawn) -> None:
    for field in fields(drawn):
        getattr(drawn, field.name)[areas] = getattr(new, field.name)


def _arrays(drawn: AxisDraws) -> list[Floats]:
    return [*drawn.axes.values(), drawn.harm, *drawn.mean_axes.values(), drawn.mean_harm]
