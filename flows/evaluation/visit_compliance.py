"""Visit compliance: compare planned hot-spot visits with recorded ones."""

from datetime import datetime

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.inputs.assembly import area_names_of, query, read_map
from pipeline.publication.publish import read_published, usable_runs


def visit_delivery(home: Home, as_of: datetime) -> pd.DataFrame:
    """Return planned and delivered visits by area and local day, of all kept runs whose day has begun by `as_of`.

    Columns: day, area_id, planned_visits, planned_minutes, delivered_visits, delivered_minutes, delivered_share.
    """
    kept = usable_runs(home.path).drop_duplicates("as_of", keep="last")
    plans = [read_published(home.path, "visit_plan", run_id) for run_id in kept["run_id"]]
    zone = home.settings.force.zone
    planned = (
        pd.concat(plans, ignore_index=True) if plans else pd.DataFrame(columns=["area_id", "minutes", "starts_at"])
    )
    planned = planned[planned["starts_at"] < pd.Timestamp(as_of)]
    by_day = planned.assign(day=planned["starts_at"].dt.tz_convert(zone).dt.date).groupby(["day", "area_id"])
    table = by_day.agg(planned_visits=("minutes", "size"), planned_minutes=("minutes", "sum"))
    table = table.join(_delivered(home, as_of)).fillna({"delivered_visits": 0, "delivered_minutes": 0.0})
    table = table.astype({"delivered_visits": "int64", "delivered_minutes": "float64"})
    return table.assign(delivered_share=table["delivered_minutes"] / table["planned_minutes"]).reset_index()


def _delivered(home: Home, as_of: datetime) -> pd.DataFrame:
    settings = home.settings
    with open_home_snapshot(home, as_of, since=as_of) as snapshot:
        area_names_of(snapshot.connection, read_map(settings).areas)
        actions = query(snapshot.connection, "place_action")
    visits = actions[actions["kind"] == "visit"]
    minutes = (60 * visits["hours"].fillna(0.0)).astype(float)
    by_day = visits.assign(day=visits["at"].dt.tz_convert(settings.force.zone).dt.date, minutes=minutes)
    return by_day.groupby(["day", "area_id"]).agg(
        delivered_visits=("minutes", "size"), delivered_minutes=("minutes", "sum")
    )
