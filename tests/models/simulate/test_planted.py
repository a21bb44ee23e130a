"""Planted truth is found in the events: concentration, heavy tails, near repeats, markets, roles, defects."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.simulate import SimulatedTown, simulate

OFFENDING_ROLES = ("suspect", "charged", "convicted")


@pytest.fixture(scope="module")
def offences(involvements: pd.DataFrame) -> pd.DataFrame:
    """Return involvements with an offending role in an offence."""
    held = involvements["role"].isin(OFFENDING_ROLES) & ~involvements["offence_code"].isin(["contact_stop", "overdose"])
    return involvements[held]


def people(town: SimulatedTown, condition: str) -> set[str]:
    return set(town.truth["people"].query(condition)["person_id"])


def gini(values: np.ndarray) -> float:
    ordered, n = np.sort(values), len(values)
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * ordered.sum()))


def test_a_town_has_the_size_it_should(town: SimulatedTown, incidents: pd.DataFrame) -> None:
    assert 15_000 < len(town.records["incidents"]) < 25_000
    points = incidents.dropna(subset=["lon"]).groupby(["lon", "lat"]).size()
    assert len(points) < 0.3 * len(incidents)
    busiest = points.sort_values(ascending=False)
    assert busiest.head(len(points) // 10).sum() > 0.25 * points.sum()


def test_areas_tile_the_town_without_overlap(town: SimulatedTown) -> None:
    shapely = pytest.importorskip("shapely")
    rings = [feature["geometry"]["coordinates"][0] for feature in town.areas["features"]]
    shapes = [shapely.Polygon(ring) for ring in rings]
    assert all(shape.is_valid and shape.exterior.is_ccw for shape in shapes)
    assert sum(shape.area for shape in shapes) == pytest.approx(shapely.union_all(shapes).area, rel=1e-9)
    assert shapely.union_all(shapes).geom_type == "Polygon"


def test_market_points_lead_public_dealing_reports(town: SimulatedTown, incidents: pd.DataFrame) -> None:
    dealing = incidents[incidents["report_subject"].eq("dealing") & incidents["discovery"].eq("public")]
    by_point = dealing.groupby(["lon", "lat"]).size().sort_values(ascending=False)
    planted = set(town.truth["market_points"][["lon", "lat"]].itertuples(index=False, name=None))
    assert set(by_point.index[:3]) <= planted
    at_markets = by_point[[point in planted for point in by_point.index]].sum()
    assert at_markets > 0.8 * by_point.sum()


def test_every_market_has_many_callers_every_week(town: SimulatedTown, incidents: pd.DataFrame) -> None:
    points = town.truth["market_points"]
    dealing = incidents[incidents["report_subject"].eq("dealing")].merge(points, on=["lon", "lat"])
    last = dealing[dealing["occurred_at"] >= dealing["occurred_at"].max() - pd.Timedelta(weeks=12)]
    week = (last["occurred_at"].max() - last["occurred_at"]).dt.days // 7
    found = (
        last.assign(week=week)
        .groupby("market_id")
        .agg(weeks=("week", "nunique"), callers=("report_reporter_ref", "nunique"))
    )
    assert len(found) == 3
    assert (found["weeks"] >= 10).all() and (found["callers"] >= 15).all()


def test_decoys_look_like_markets_in_one_way_only(town: SimulatedTown, incidents: pd.DataFrame) -> None:
    decoys = town.truth["decoys"].set_index("kind")
    here = {kind: incidents.merge(decoys.loc[[kind], ["lon", "lat"]], on=["lon", "lat"]) for kind in decoys.index}
    is_drug_find = here["police_drugs"]["offence_code"].isin(["drug_supply", "drug_possession"])
    assert is_drug_find.sum() > 30
    assert not here["police_drugs"]["report_subject"].eq("dealing").any()
    assert here["bar_street"]["offence_code"].isin(["public_order", "antisocial_behaviour"]).sum() > 100
    assert here["bar_street"]["report_subject"].eq("dealing").sum() <= 2
    assert here["house"].loc[here["house"]["report_subject"].eq("dealing"), "report_reporter_ref"].nunique() < 10


def test_few_people_do_most_of_the_violence(town: SimulatedTown, offences: pd.DataFrame) -> None:
    grave = offences[offences["offence_code"].isin(["violence_with_injury", "wounding_with_intent", "robbery", "rape"])]
    counts = grave["person_id"].value_counts().reindex(town.truth["people"]["person_id"], fill_value=0)
    assert gini(counts.to_numpy()) > 0.85
    targets = people(town, "is_target")
    assert len(targets) == 20
    assert len(set(counts.sort_values(ascending=False, kind="stable").index[:25]) & targets) >= 14


def test_true_rates_are_those_of_the_events(town: SimulatedTown, offences: pd.DataFrame) -> None:
    """Users are never away for long, so their incidents in a year are Poisson around the sum of their rates."""
    truth = town.truth["people"].query("kind == 'user'")
    seen = offences["person_id"].isin(truth["person_id"]).sum()
    expected = truth["possession_per_year"].sum()
    assert abs(seen - expected) < 4 * np.sqrt(expected)


def test_users_have_possession_only(town: SimulatedTown, offences: pd.DataFrame) -> None:
    users = people(town, "is_possession_only and not is_withdrawn_supply")
    codes = set(offences.loc[offences["person_id"].isin(users), "offence_code"])
    assert codes == {"drug_possession", "drug_paraphernalia"}


def test_a_withdrawn_supply_charge_was_there_and_is_gone(town: SimulatedTown, offences: pd.DataFrame) -> None:
    once = people(town, "is_withdrawn_supply")
    supplied = [
        json.loads(value)["data"]
        for _, value in town.records["incidents"]
        if b'"drug_supply"' in value and b'.x","source"' not in value and any(p.encode() in value for p in once)
    ]
    charged = {d["incident_id"] for d in supplied if any(i["role"] == "charged" for i in d["involvements"])}
    cancelled = {d["incident_id"] for d in supplied if d["status"] == "cancelled"}
    assert len(cancelled) >= 5
    assert cancelled == charged
    assert set(offences.loc[offences["person_id"].isin(once), "offence_code"]) <= {
        "drug_possession",
        "drug_paraphernalia",
    }


def test_bystanders_do_nothing_and_used_minors_are_victims(town: SimulatedTown, involvements: pd.DataFrame) -> None:
    by_role = involvements.groupby("person_id")["role"].agg(set)
    bystanders = by_role[by_role.index.isin(people(town, "is_bystander"))]
    assert len(bystanders) > 500
    roles = set().union(*bystanders)
    assert not roles & {"charged", "convicted"}
    used = involvements[involvements["person_id"].isin(people(town, "kind == 'used_minor'"))]
    assert set(used["role"]) == {"victim"}
    assert all(flags["used_by_adult"] and flags["victim"] for flags in used["minors"])


def test_whoever_uses_minors_is_of_age(town: SimulatedTown) -> None:
    assert not town.truth["people"].query("uses_minors")["is_minor"].any()


def test_stops_and_dropped_arrests_have_nothing_to_do_with_harm(
    town: SimulatedTown, involvements: pd.DataFrame
) -> None:
    often = people(town, "kind == 'contacted'")
    stopped = involvements[involvements["offence_code"].eq("contact_stop")]
    assert stopped["person_id"].isin(often).mean() > 0.4
    mine = involvements[involvements["person_id"].isin(often)]
    assert set(mine.loc[~mine["offence_code"].eq("contact_stop"), "role"]) == {"no_further_action"}


def test_nobody_offends_in_custody_or_after_death(town: SimulatedTown, offences: pd.DataFrame) -> None:
    data = [
        json.loads(value)["data"]
        for _, value in town.records["custody"]
        if value.startswith(b'{"spec') and value.endswith(b"}}")
    ]
    ended = pd.DataFrame([d for d in data if isinstance(d, dict) and d.get("to", "0") > d.get("from", "9")])
    stays = ended[["person_id", "from", "to"]].drop_duplicates()
    stays = stays.assign(start=pd.to_datetime(stays["from"]), end=pd.to_datetime(stays["to"]))
    assert len(stays) > 50
    # Companions may be named wrongly by others; charged and convicted suspects were present.
    own = offences[offences["role"].isin(["charged", "convicted"])].merge(stays, on="person_id")
    assert not ((own["occurred_at"] > own["start"]) & (own["occurred_at"] < own["end"])).any()


def test_burglaries_repeat_near_by_within_a_fortnight(incidents: pd.DataFrame) -> None:
    """Knox ratio: close pairs in space and time over their mean when the times are shuffled."""
    rows = incidents[incidents["offence_code"].eq("burglary_residential") & incidents["lon"].notna()]
    x_m, y_m = rows["lon"].to_numpy() * 65_578, rows["lat"].to_numpy() * 111_317
    day = (rows["occurred_at"] - rows["occurred_at"].min()).dt.total_seconds().to_numpy() / 86400
    first, second = np.triu_indices(len(rows), 1)
    is_near = np.hypot(x_m[first] - x_m[second], y_m[first] - y_m[second]) < 200
    first, second = first[is_near], second[is_near]

    def close(days: np.ndarray) -> int:
        return int((np.abs(days[first] - days[second]) <= 14).sum())

    rng = np.random.default_rng(0)
    shuffled = [close(rng.permutation(day)) for _ in range(49)]
    assert close(day) > 1.5 * np.mean(shuffled)
    assert close(day) > max(shuffled)


def test_one_area_has_too_few_officers(town: SimulatedTown, incidents: pd.DataFrame) -> None:
    shapely = pytest.importorskip("shapely")
    values = [
        json.loads(v)["data"] for _, v in town.records["staffing"] if v.startswith(b'{"spec') and v.endswith(b"}}")
    ]
    shifts = pd.DataFrame([d for d in values if isinstance(d, dict) and d.get("available_hours", -1) >= 0])
    hours = shifts.groupby("area_id")["available_hours"].sum()
    located = incidents.dropna(subset=["lon"])
    counts = {}
    for feature in town.areas["features"]:
        shape = shapely.Polygon(feature["geometry"]["coordinates"][0])
        counts[feature["properties"]["area_id"]] = shapely.contains_xy(shape, located["lon"], located["lat"]).sum()
    ratio = (pd.Series(counts) / hours).sort_values(ascending=False)
    planted = town.truth["areas"].query("is_understaffed")["area_id"].item()
    assert ratio.index[0] == planted
    assert ratio.iloc[0] > 1.5 * ratio.iloc[1]


def test_defects_come_at_their_rates(town: SimulatedTown) -> None:
    defects = town.truth["defects"].query("topic == 'incidents'").set_index("label")["n"]
    n = len(town.records["incidents"])
    shares = {"duplicate": 0.01, "late": 0.018, "amended": 0.034, "cancelled": 0.011, "conflict": 0.0006}
    for label, share in shares.items():
        assert abs(defects[label] - share * n) < 5 * np.sqrt(share * n), label
    assert defects["out_of_order"] > 50
    duplicates = n - len({value for _, value in town.records["incidents"]})
    assert duplicates == defects["duplicate"]


def test_a_town_without_markets_has_no_market_truth() -> None:
    bare = simulate(seed=11, days=30, end=date(2026, 1, 1), with_markets=False)
    assert bare.truth["markets"]["setting"].tolist() == ["house"]
    assert bare.truth["market_points"].empty
    assert bare.truth["people"]["market_id"].isna().all()


def test_points_of_interest_are_of_four_kinds(town: SimulatedTown) -> None:
    kinds = {feature["properties"]["kind"] for feature in town.points_of_interest["features"]}
    assert kinds == {"school", "transport", "park", "treatment"}
