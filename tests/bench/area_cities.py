"""Incidents of Philadelphia and Houston by area and day, and the area ranking as it was before scores were shares."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import yaml

from models.arrays import Floats
from models.evaluation.areas_backtest import AreaHistory, Ranked
from models.places.axes import AXES, codebook_axes, group_names, groups, is_counted_once
from models.places.ranking import PlacesConfig
from models.statistics.empirical_bayes import fit_gamma_prior, posterior
from models.statistics.intervals import hold_points
from models.statistics.rank_draws import chance_in_top, draw_gamma, draw_weights, percentiles, rank_draws, total_ranks
from pipeline.events.codebook import read_codebook
from tests.bench.city_reports import DATA, HOUSTON_CODES, ROOT

SEED = 20261123
EPOCH = pd.Timestamp("1970-01-01")
BOUNDARIES = {
    "Philadelphia, districts": ("philadelphia_police_districts.geojson", "dist_num"),
    "Philadelphia, tracts": ("philadelphia_census_tracts_pop.geojson", "GEOID"),
}
HOUSTON = "Houston, beats"


def day(text: str) -> int:
    return (pd.Timestamp(text) - EPOCH).days


ORIGINS = {
    **{name: [day(f"2019-{month:02d}-01") for month in range(1, 13)] for name in BOUNDARIES},
    HOUSTON: [day("2010-03-01") + 15 * n for n in range(10)],
}


def area_history(city: str) -> AreaHistory:
    """Everything that is known of the city, with the default settings and equal officer hours."""
    told = _houston() if city == HOUSTON else _philadelphia(*BOUNDARIES[city])
    told = told.assign(day=(told["occurred_at"].dt.normalize() - EPOCH).dt.days, area_id=told["area_id"].astype(str))
    events = told.groupby(["area_id", "offence_code", "discovery", "day"], as_index=False).size()
    events = events.rename(columns={"size": "n"}).assign(is_minor_used_by_adult=False)
    defaults = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))["places"]
    codebook = read_codebook(ROOT / "configs/codebooks/harm.csv", pd.Timestamp("2020-01-01").date(), codebook_axes())
    hours = pd.DataFrame({"area_id": sorted(events["area_id"].unique()), "hours_per_day": 396.0, "is_assumed": True})
    return AreaHistory(events, codebook, hours, PlacesConfig(**defaults))


def _philadelphia(file: str, id_column: str) -> pd.DataFrame:
    told = pd.read_parquet(DATA / "philadelphia_2017_2019.parquet").drop_duplicates("event_id")
    words = pd.read_csv(ROOT / "configs/mappings/philadelphia_offences.csv").set_index("offence")
    told = told.assign(**{name: told["offence"].map(words[name]) for name in ("offence_code", "discovery")})
    told = told.dropna(subset=["lon", "lat", "offence_code"])
    areas = gpd.read_file(DATA / file).to_crs(4326)[[id_column, "geometry"]]
    points = told[["lon", "lat"]].drop_duplicates()
    at = gpd.GeoDataFrame(points, geometry=gpd.points_from_xy(points["lon"], points["lat"]), crs=4326)
    placed = gpd.sjoin(at, areas, predicate="within").drop_duplicates(["lon", "lat"])
    return told.merge(placed[["lon", "lat", id_column]], on=["lon", "lat"]).rename(columns={id_column: "area_id"})


def _houston() -> pd.DataFrame:
    told = pd.read_parquet(DATA / "houston_2010_jan_aug.parquet").drop_duplicates("event_id")
    told = told.assign(offence_code=told["offence"].map(HOUSTON_CODES), discovery="public")
    return told.rename(columns={"beat": "area_id"}).dropna(subset=["offence_code", "area_id"])


def ranked_by_percentiles(history: AreaHistory, past: pd.DataFrame) -> Ranked:
    """The rule before: rates of decayed counts that stand still, each band of one weight, turned into percentiles."""
    config, ids = history.config, history.area_ids
    events = past[(past["age_days"] < config.window_days) & past["discovery"].isin(config.discoveries)]
    events = events.join(history.codebook[["axis", "harm_days", "band"]], on="offence_code")
    events = events[events["harm_days"] > 0].assign(area=lambda rows: ids.get_indexer(pd.Index(rows["area_id"])))
    decayed = events["n"] * 0.5 ** (events["age_days"] / config.half_life_days)
    exposure = np.full(len(ids), (0.5 ** (np.arange(config.window_days) / config.half_life_days)).sum())
    harm = {name: np.zeros((len(ids), config.draws)) for name in group_names()}
    crimes = np.zeros((len(ids), config.draws))
    for group, is_in in groups(events).items():
        for band in ("high", "mid", "low"):
            rows = is_in & (events["band"] == band)
            if not rows.any():
                continue
            count = np.bincount(events["area"][rows], decayed[rows], len(ids))
            shape, rate = posterior(fit_gamma_prior(count, exposure), count, exposure)
            keys = [f"{area_id} {group} {band}" for area_id in ids]
            drawn = draw_gamma(SEED, keys, shape[:, None], rate[:, None], config.draws)[:, :, 0]
            harm[group] += drawn * np.average(events["harm_days"][rows], weights=decayed[rows])
            crimes += drawn * is_counted_once(group)
    hours = history.officer_hours.set_index("area_id").loc[ids, "hours_per_day"].to_numpy()[:, None]
    axes = {name: crimes / hours if axis.draw else harm[name] for name, axis in AXES.items()}
    parts = {name: percentiles(values) * bool(np.ptp(values)) for name, values in axes.items()}
    weights = draw_weights(SEED, [config.weights[axis] for axis in AXES], config.concentration, config.draws)
    scores = _weighed(parts, weights)
    all_harm = sum(values for group, values in harm.items() if is_counted_once(group))
    p_top_k = chance_in_top(scores, config.top_k)
    lo, hi = np.quantile(rank_draws(scores), [0.1, 0.9], axis=1, method="inverted_cdf")
    harm_lo, harm_hi = np.quantile(all_harm, [0.1, 0.9], axis=1)
    table = pd.DataFrame(
        {
            "area_id": ids,
            "rank": total_ranks(p_top_k, scores.mean(axis=1), ids=ids),
            "rank_lo": lo,
            "rank_hi": hi,
            "harm_rank_lo": lo,  # it published one rank, for harm as for all else
            "harm_rank_hi": hi,
            "p_top_k": p_top_k,
            "harm_per_day": all_harm.mean(axis=1),
            "harm_per_day_lo": harm_lo,
            "harm_per_day_hi": harm_hi,
        }
    )

    def score(came: Mapping[str, Floats]) -> Floats:
        placed = {name: percentiles(values[:, None]) * bool(np.ptp(values)) for name, values in came.items()}
        return _weighed(placed, weights[:101])

    return Ranked(hold_points(table), score)


def _weighed(parts: Mapping[str, Floats], weights: Floats) -> Floats:
    known = weights * [bool(parts[axis].any()) for axis in AXES]
    return sum(known[:, n] / known.sum(axis=1) * parts[axis] for n, axis in enumerate(AXES))
