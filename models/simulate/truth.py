"""Planted truth as tables that no scoring code may read: places, people with their true rates, defects."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from models.simulate.behaviour.staffing import rostered_per_day
from models.simulate.output.events import Emitted
from models.simulate.state import ZONE, TownState
from models.simulate.world.days import midnight_s
from models.simulate.world.people import KIND, KINDS, RATE, RATES, USERS, People
from models.simulate.world.sites import Site
from models.simulate.world.town import Town


def truth_of(state: TownState, records: Sequence[Emitted]) -> dict[str, pd.DataFrame]:
    """Return the truth on the morning of the state's day.

    Parameters
    ----------
    state : TownState
        The town.
    records : Sequence of Emitted
        The records in which defects are counted.

    Returns
    -------
    dict of str to DataFrame
        `markets`: market_id, setting, is_flagrant, lon, lat, area_id, dealing_share.
        `market_points`: market_id, lon, lat of every street point of a street market.
        `decoys`: kind, lon, lat, area_id.
        `areas`: area_id, rostered_hours_per_day, is_understaffed.
        `people`: person_id, kind, birth_date, is_minor, is_age_unknown, is_target, uses_minors, is_possession_only,
        is_bystander (victims and witnesses who do not offend), is_withdrawn_supply, is_deceased,
        is_treatment_consented, market_id, home_area_id, and `<rate>_per_year` of each true rate at liberty.
        `defects`: topic, label, n, the number of records (malformed ones as `malformed:<kind>`).
    """
    return {
        "markets": _markets(state),
        "market_points": _market_points(state),
        "decoys": _decoys(state),
        "areas": _areas(state),
        "people": _people(state),
        "defects": _defects(records),
    }


def _markets(state: TownState) -> pd.DataFrame:
    sites = (*state.sites.markets, state.sites.house)
    return pd.DataFrame(
        {
            "market_id": [*_market_ids(state), "H1"],
            "setting": [site.kind for site in sites],
            "is_flagrant": [site.kind == "open_air" for site in sites],
            **_middles(sites, state.town),
            "dealing_share": [*state.markets.dealing_share.tolist(), 1.0],
        }
    )


def _market_ids(state: TownState) -> list[str]:
    return [f"M{number + 1}" for number in range(len(state.sites.markets))]


def _middles(sites: Sequence[Site], town: Town) -> dict[str, Any]:
    """Return lon, lat and area_id of the middle of each site."""
    points = [int(site.points[0]) for site in sites]
    return {"lon": town.lon[points], "lat": town.lat[points], "area_id": [town.area_ids[site.area] for site in sites]}


def _market_points(state: TownState) -> pd.DataFrame:
    sites = zip(_market_ids(state), state.sites.markets, strict=True)
    rows = [(market_id, point) for market_id, site in sites for point in site.points]
    points = np.array([point for _, point in rows], dtype=np.int64)
    ids = pd.Series([market_id for market_id, _ in rows], dtype=str)
    return pd.DataFrame({"market_id": ids, "lon": state.town.lon[points], "lat": state.town.lat[points]})


def _decoys(state: TownState) -> pd.DataFrame:
    decoys = state.sites.decoys
    return pd.DataFrame({"kind": [site.kind for site in decoys], **_middles(decoys, state.town)})


def _areas(state: TownState) -> pd.DataFrame:
    area_ids = list(state.town.area_ids)
    return pd.DataFrame(
        {
            "area_id": area_ids,
            "rostered_hours_per_day": rostered_per_day(state.town, state.sites, state.people),
            "is_understaffed": np.arange(len(area_ids)) == state.sites.understaffed_area,
        }
    )


def _people(state: TownState) -> pd.DataFrame:
    people = state.people
    now_s = midnight_s(state.start + timedelta(days=state.day), ZONE)
    market_ids = np.array([*_market_ids(state), None], dtype=object)
    columns = {
        "person_id": people.ids,
        "kind": np.array(KINDS)[people.kind],
        "birth_date": people.birth.astype("M8[s]"),
        "is_minor": people.adult_s > now_s,
        "is_age_unknown": ~people.knows_year,
        "is_target": people.kind == KIND["target"],
        "uses_minors": people.rates[:, RATE["minors_high"]] > 0,
        "is_possession_only": _is_of(people, USERS),
        "is_bystander": _is_of(people, ("victim", "witness")),
        "is_withdrawn_supply": people.kind == KIND["withdrawn"],
        "is_deceased": (people.death_day >= 0) & (people.death_day < state.day),
        "is_treatment_consented": people.consent == 1,
        "market_id": market_ids[people.market],
        "home_area_id": np.array(state.town.area_ids)[people.home_area],
    }
    rates = {f"{rate}_per_year": people.rates[:, number] for number, rate in enumerate(RATES)}
    return pd.DataFrame({**columns, **rates}).sort_values("person_id", ignore_index=True)


def _is_of(people: People, kinds: tuple[str, ...]) -> np.ndarray:
    return np.isin(people.kind, [KIND[kind] for kind in kinds])


def _defects(records: Sequence[Emitted]) -> pd.DataFrame:
    counts = sorted(Counter((record.topic, record.label) for record in records).items())
    rows = [(topic, label, n) for (topic, label), n in counts if label != "ordinary"]
    return pd.DataFrame(rows, columns=["topic", "label", "n"])
