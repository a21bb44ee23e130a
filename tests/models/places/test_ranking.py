from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.area_rates.decay import Decay
from models.area_review.live_areas import LiveAreas
from models.area_review.sizes import HARM_PER
from models.changes import place_changes
from models.places.area_scores import in_rank_order, shares_of, spread_weights
from models.places.axes import AXES
from models.places.counterfactuals import PARTS
from models.places.ranking import (
    PlacesConfig,
    axes_without_data,
    draw_areas,
    fit_band_priors,
    rank_areas,
    rank_drawn,
)
from tests.soak import sample

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))["places"]

ADDED_BY_THE_RUN = {"area_name", "rank_before", "rank_change", "horizon_days", "moves_in_if"}
ADDED_BY_THE_RUN |= {"rank_announced", "figure_announced", "announced_on"}
ADDED_BY_THE_RUN |= {"residents", "street_km", "area_km2", *(column for column, _ in HARM_PER.values())}
CODEBOOK = pd.DataFrame(
    [
        ("antisocial_behaviour", "disorder", 1.0, "low"),
        ("burglary", "none", 273.5, "mid"),
        ("child_exploitation", "minors", 365.0, "high"),
        ("contact_stop", "none", 0.0, "low"),
        ("robbery", "violence", 365.0, "high"),
        ("theft", "none", 2.0, "low"),
        ("violence_minor", "violence", 10.0, "low"),
    ],
    columns=["offence_code", "axis", "harm_days", "band"],
).set_index("offence_code")


def config(**changes: object) -> PlacesConfig:
    return PlacesConfig(**{**DEFAULTS, "top_k": 1, "draws": 400, **changes})


def events(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Public events of one day before as_of: (area_id, offence_code, n)."""
    frame = pd.DataFrame(rows, columns=["area_id", "offence_code", "n"])
    return frame.assign(discovery="public", is_minor_used_by_adult=False, age_days=1)


def hours(**per_day: float) -> pd.DataFrame:
    return pd.DataFrame({"area_id": list(per_day), "hours_per_day": list(per_day.values()), "is_assumed": False})


NO_EVIDENCE = pd.DataFrame(
    {"area_id": pd.Series(dtype=str), "incident_id": pd.Series(dtype=str), "offence_code": pd.Series(dtype=str)}
).assign(age_days=pd.Series(dtype=int))


def rank(area_events: pd.DataFrame, officer_hours: pd.DataFrame, **changes: object) -> pd.DataFrame:
    return rank_areas(area_events, NO_EVIDENCE, CODEBOOK, officer_hours, config=config(**changes), seed=7)


def test_the_violent_area_leads_and_every_part_says_why() -> None:
    area_events = events(
        ("a", "robbery", 40), ("a", "antisocial_behaviour", 5), ("b", "antisocial_behaviour", 60), ("c", "theft", 20)
    )
    table = rank(area_events, hours(a=10.0, b=20.0, c=20.0)).set_index("area_id")
    assert table["rank"].to_dict() == {"a": 1, "b": 2, "c": 3}
    assert table.loc["a", "p_top_k"] > 0.8
    assert table["is_listed"].to_dict() == {"a": True, "b": False, "c": False}
    assert table.loc["a", "violence_share"] > table.loc["a", "disorder_share"]
    assert table[[f"{axis}_share" for axis in AXES]].sum(axis=1).to_numpy() == pytest.approx(1)
    assert table.loc["b", "rank_without_violence"] == 1
    assert table["is_pareto"].to_dict() == {"a": True, "b": True, "c": False}
    assert "fell by" in table.loc["a", "moves_out_if"]
    assert table["moves_out_if"].isna().to_dict() == {"a": False, "b": True, "c": True}
    assert table["public_count"].to_dict() == {"a": 45, "b": 60, "c": 20}


def test_columns_are_the_published_ones() -> None:
    published = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))["published"][
        "area_ranking"
    ]
    table = rank(events(("a", "theft", 1)), hours(a=1.0, b=1.0))
    assert list(table.columns) == [name for name in published["columns"] if name not in ADDED_BY_THE_RUN]


def test_rates_follow_decayed_counts_where_there_is_much_evidence() -> None:
    area_events = events(("a", "robbery", 4000), ("b", "robbery", 2000)).assign(age_days=180)
    table = rank(area_events, hours(a=8.0, b=8.0), draws=2000).set_index("area_id")
    days = Decay(365, 180).days
    assert days == pytest.approx(sum(0.5 ** (age / 180) for age in range(365)))
    assert table.loc["a", "violence_per_day"] == pytest.approx(365 * 2000 / days, rel=0.02)
    assert table.loc["b", "harm_per_day"] == pytest.approx(365 * 1000 / days, rel=0.02)
    assert table.loc["a", "crimes_per_officer_hour"] == pytest.approx(2000 / days / 8, rel=0.02)
    assert table.loc["a", "harm_per_day_lo"] < table.loc["a", "harm_per_day"] < table.loc["a", "harm_per_day_hi"]


def test_use_of_a_minor_counts_with_the_weight_of_its_offence_and_crime_only_once() -> None:
    flagged = events(("a", "theft", 3000), ("b", "theft", 3000))
    flagged["is_minor_used_by_adult"] = flagged["area_id"] == "a"
    table = rank(flagged, hours(a=1.0, b=1.0)).set_index("area_id")
    assert table.loc["a", "minors_per_day"] > 100 * table.loc["b", "minors_per_day"]
    assert table.loc["a", "minors_per_day"] == pytest.approx(table.loc["a", "harm_per_day"], rel=0.05)
    assert table.loc["a", "crimes_per_officer_hour"] == pytest.approx(
        table.loc["b", "crimes_per_officer_hour"], rel=0.05
    )


def test_contacts_old_events_and_health_events_raise_nothing() -> None:
    base = events(("a", "theft", 5), ("b", "robbery", 2))
    noise = pd.concat([base, events(("a", "contact_stop", 900)), events(("a", "robbery", 900)).assign(age_days=365)])
    pd.testing.assert_frame_equal(rank(base, hours(a=1.0, b=1.0)), rank(noise, hours(a=1.0, b=1.0)))


@pytest.mark.parametrize("noise", [("contact_stop", "public"), ("robbery", "police")])
def test_what_may_not_count_makes_no_record_longer(noise: tuple[str, str]) -> None:
    code, discovery = noise
    young = pd.concat([events(("a", "robbery", 3)).assign(age_days=age) for age in range(100)])
    older = events(("a", code, 900)).assign(age_days=300, discovery=discovery)
    record = config(window_days=365).on_record(young, CODEBOOK)
    assert 95 <= record.window_days <= 100
    assert config(window_days=365).on_record(pd.concat([young, older]), CODEBOOK) == record


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(list(CODEBOOK.index)),
        st.sampled_from(["public", "partner", "police"]),
        st.booleans(),
        st.integers(0, 400),
        st.integers(1, 9),
    ),
    max_size=25,
)
EVENT_COLUMNS = ["area_id", "offence_code", "discovery", "is_minor_used_by_adult", "age_days", "n"]


def frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=EVENT_COLUMNS).astype({"is_minor_used_by_adult": bool, "age_days": int, "n": int})


@settings(max_examples=10)
@given(rows=ROWS, more=ROWS)
def test_what_the_police_discover_moves_nothing_to_the_bit(
    rows: list[tuple[object, ...]], more: list[tuple[object, ...]]
) -> None:
    discovered = frame(more).assign(discovery="police")
    once = rank(frame(rows), hours(a=5.0, b=0.0, c=9.0), draws=50)
    again = rank(pd.concat([discovered, frame(rows)]), hours(a=5.0, b=0.0, c=9.0), draws=50)
    pd.testing.assert_frame_equal(
        once.drop(columns="police_count"), again.drop(columns="police_count"), check_exact=True
    )
    in_window = discovered[discovered["age_days"] < 365]["n"].sum()
    assert again["police_count"].sum() - once["police_count"].sum() == in_window


@settings(max_examples=5)
@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_changes_no_bit(rows: list[tuple[object, ...]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    officer_hours = hours(a=5.0, b=3.0, c=9.0)
    pd.testing.assert_frame_equal(
        rank(frame(rows), officer_hours, draws=50), rank(frame(shuffled), officer_hours[::-1], draws=50)
    )


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
@pytest.mark.parametrize("top_k", [1, 3, 9])
def test_few_areas_and_no_events_still_rank(names: str, top_k: int) -> None:
    table = rank(events().astype({"n": int}), hours(**dict.fromkeys(names, 0.0)), top_k=top_k)
    assert table["rank"].tolist() == list(range(1, len(names) + 1))
    assert table["area_id"].tolist() == sorted(names)
    assert (table["harm_per_day"] == 0).all()
    assert table["crimes_per_officer_hour"].isna().all()
    assert table["p_top_k"].eq(0).all()  # where nothing was reported, nothing is among the worst
    assert not table["is_listed"].any()


def test_with_fixed_band_priors_the_rate_of_an_area_depends_on_its_own_events_only() -> None:
    before = events(("a", "robbery", 30), ("b", "robbery", 10), ("c", "robbery", 4))
    after = events(("a", "robbery", 30), ("b", "robbery", 60), ("c", "robbery", 4))
    staffing = hours(a=10, b=10, c=10)
    held = fit_band_priors(before, CODEBOOK, staffing, config=config())
    rates = ["harm_per_day", "violence_per_day", "disorder_per_day", "crimes_per_officer_hour"]
    drawn = [
        draw_areas(rows, CODEBOOK, staffing, config=config(), seed=7, band_priors=held) for rows in (before, after)
    ]
    tables = [
        rank_drawn(draws, config=config(), seed=7, previously_listed=frozenset()).set_index("area_id")
        for draws in drawn
    ]
    fitted = rank(before, staffing).set_index("area_id")
    pd.testing.assert_frame_equal(tables[0][rates], fitted.loc[tables[0].index, rates], check_exact=True)
    pd.testing.assert_frame_equal(tables[1].loc[["a", "c"], rates], tables[0].loc[["a", "c"], rates], check_exact=True)
    assert tables[1].loc["b", "harm_per_day"] > tables[0].loc["b", "harm_per_day"]
    assert tables[1]["moves_out_if"].notna().eq(tables[1]["is_listed"]).all()
    # The one whose events changed is drawn alone.
    live = LiveAreas(before, CODEBOOK, staffing, config=config(), seed=7)
    live.change(events(("b", "robbery", 50)))
    again, shown = live.rank(frozenset()), ["area_id", "rank", "p_top_k", "score", "is_listed", "harm_per_day"]
    pd.testing.assert_frame_equal(again[shown], tables[1].reset_index()[shown], check_exact=True)


def test_unknown_hours_take_the_mean_of_the_others() -> None:
    area_events = events(("a", "theft", 9), ("b", "theft", 9), ("c", "theft", 900))
    table = rank(area_events, hours(a=5.0, b=0.0, c=5.0), concentration=float("inf")).set_index("area_id")
    weighed = table["score"] * table["ratio_share"]
    # Theft is on no axis, so the ratio is the only axis with data and has the whole weight.
    assert weighed["b"] == pytest.approx(1 / 3)
    assert weighed["a"] == pytest.approx(2 / 3 * 9 / 909, rel=0.1)
    assert np.isnan(table.loc["b", "crimes_per_officer_hour"])


def test_a_listed_area_stays_between_leaving_and_entering() -> None:
    area_events = events(("a", "robbery", 9), ("b", "robbery", 9))
    officer_hours = hours(a=5.0, b=5.0)
    strict = config(list_enter=1.0, list_leave=0.1)

    def listed(before: frozenset[str]) -> set[str]:
        table = rank_areas(
            area_events, NO_EVIDENCE, CODEBOOK, officer_hours, config=strict, seed=1, previously_listed=before
        )
        return set(table.loc[table["is_listed"], "area_id"])

    assert listed(frozenset()) == set()
    assert listed(frozenset({"b"})) == {"b"}
    assert listed(frozenset({"a", "b", "gone"})) == {"a", "b"}


def test_evidence_is_the_three_heaviest_after_decay_ties_by_id() -> None:
    evidence = pd.DataFrame(
        [
            ("a", "i4", "theft", 0),
            ("a", "i3", "robbery", 360),
            ("a", "i2", "robbery", 10),
            ("a", "i1", "robbery", 10),
            ("a", "i0", "robbery", 365),
            ("b", "i9", "contact_stop", 0),
        ],
        columns=["area_id", "incident_id", "offence_code", "age_days"],
    )
    table = rank_areas(
        events(("a", "theft", 5)), evidence, CODEBOOK, hours(a=1.0, b=1.0), config=config(), seed=1
    ).set_index("area_id")
    assert table["evidence_ids"].to_dict() == {"a": ["i1", "i2", "i3"], "b": []}


def test_the_figure_that_moves_an_area_out_is_about_right() -> None:
    area_events = events(*[(f"a{i:02d}", "robbery", 50 * (i + 1)) for i in range(30)])
    officer_hours = hours(**{f"a{i:02d}": 10.0 for i in range(30)})
    before = rank(area_events, officer_hours, top_k=3, draws=1000)
    top = before.iloc[0]
    words = top["moves_out_if"]
    said = "It would leave the 3 worst if violence fell by about {} "
    (fall,) = (share for share, part in PARTS.items() if words.startswith(said.format(part)))
    fewer = area_events.copy()
    fewer.loc[fewer["area_id"] == top["area_id"], "n"] = int(1500 * (1 - fall) * 0.97)  # "about": to the nearest part
    after = rank(fewer, officer_hours, top_k=3, draws=1000).set_index("area_id")
    assert after.loc[top["area_id"], "rank"] > 3


def test_the_area_with_ten_times_the_violence_and_a_quarter_of_all_harm_comes_first() -> None:
    """By percentiles it was ninth of 21, for what it has of disorder and crimes is the least of all."""
    others = [f"a{i:02d}" for i in range(20)]
    rows = [(name, offence, n) for name in others for offence, n in (("robbery", 20), ("antisocial_behaviour", 400))]
    rows += [(name, "theft", 300 + 10 * i) for i, name in enumerate(others)]
    rows += [("worst", "robbery", 200), ("worst", "antisocial_behaviour", 100), ("worst", "theft", 20)]
    area_events = pd.concat(
        [events(*rows).assign(age_days=age, n=lambda frame: frame["n"] // 10) for age in range(15, 365, 35)]
    )
    table = rank(area_events, hours(**dict.fromkeys([*others, "worst"], 10.0)), top_k=5).set_index("area_id")
    assert 0.2 < table.loc["worst", "harm_per_day"] / table["harm_per_day"].sum() < 0.4
    assert table.loc["worst", "rank"] == 1
    assert table.loc["worst", "p_top_k"] > 0.9


def test_hours_that_were_hardly_reported_list_no_area_by_themselves() -> None:
    names = [f"a{i:02d}" for i in range(20)]
    area_events = events(*[(name, "robbery", 2 + 12 * i) for i, name in enumerate(names)])
    table = rank(area_events, hours(**{name: 0.01 if name == "a00" else 24.0 for name in names}), top_k=5).set_index(
        "area_id"
    )
    assert not table.loc["a00", "is_listed"]


def test_planted_order_is_recovered_within_its_intervals() -> None:
    rng = np.random.default_rng(3)
    true = np.sort(rng.gamma(1.0, 0.5, 60))[::-1]
    names = [f"a{i:02d}" for i in range(60)]
    drawn = events(*[(name, "robbery", n) for name, n in zip(names, rng.poisson(true * 365), strict=True) if n])
    table = rank(drawn.assign(age_days=90), hours(**dict.fromkeys(names, 10.0)), top_k=10).set_index("area_id")
    assert len(set(table.index[:10]) & set(names[:10])) >= 8
    assert np.corrcoef(table.loc[names, "rank"], np.arange(60))[0, 1] > 0.9


def test_other_draws_of_the_same_days_announce_no_change() -> None:
    """Twenty areas close to each other: ranks differ from seed to seed, and none is a real change."""
    names = [f"a{number:02d}" for number in range(20)]
    of_days = events(*[(name, "robbery", 300 + number) for number, name in enumerate(names)]).assign(age_days=40)
    per_day, steps = hours(**dict.fromkeys(names, 10.0)), 0
    one, *others = (
        rank_areas(of_days, NO_EVIDENCE, CODEBOOK, per_day, config=config(top_k=5, list_enter=1.0), seed=seed)
        for seed in (7, 8, 9)
    )
    for other in others:
        steps += int((one.set_index("area_id")["rank"] != other.set_index("area_id")["rank"].loc[one["area_id"]]).sum())
        assert place_changes(one, other, "area").empty
    assert steps > 10


def test_among_chances_that_agree_to_a_hundredth_the_score_decides() -> None:
    ids = pd.Index(["a", "b", "c", "d"])
    chances, score = np.array([0.998, 1.0, 0.004, 0.0]), np.array([9.0, 8.0, 1.0, 2.0])
    assert in_rank_order(chances, score, ids).tolist() == [1, 2, 4, 3]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"weights": {"violence": 1.0}}, "weights"),
        ({"weights": {**DEFAULTS["weights"], "ratio": 0.3}}, "weights"),
        ({"weights": {"violence": 1.0, "disorder": 0, "minors": 0, "ratio": 0}}, "weights"),
        ({"discoveries": ["public", "police"]}, "police"),
        ({"discoveries": []}, "discoveries"),
        ({"discoveries": "public"}, "discoveries"),
        ({"list_leave": 0.7}, "list_leave"),
        ({"half_life_days": 0}, "half_life_days"),
        ({"draws": 0}, "draws"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        config(**changes)


def test_default_settings_are_accepted() -> None:
    assert asdict(PlacesConfig(**DEFAULTS)) == DEFAULTS


@pytest.mark.parametrize(
    ("area_events", "officer_hours", "named"),
    [
        (events(("z", "theft", 1)), hours(a=1.0), "'z' is not in officer_hours"),
        (events(("a", "barratry", 1)), hours(a=1.0), "'barratry' is not in codebook"),
        (events(("a", "theft", 1)), hours(a=-1.0), "expected finite hours"),
        (events(("a", "theft", 1)), pd.concat([hours(a=1.0)] * 2), "more than one row"),
    ],
)
def test_frames_that_do_not_fit_are_named(area_events: pd.DataFrame, officer_hours: pd.DataFrame, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rank(area_events, officer_hours)


COUNTS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(sorted(CODEBOOK.index)), st.sampled_from(["public", "police"])),
    st.integers(1, 40),
    max_size=12,
)


@pytest.mark.sampled
@settings(max_examples=sample(20, whole=60))
@given(
    counts=COUNTS,
    area_count=st.integers(1, 4),
    top_k=st.integers(1, 6),
    was_listed=st.frozensets(st.sampled_from("abcd")),
    per_day=st.lists(st.sampled_from([0.0, 5.0]), min_size=4, max_size=4),
)
def test_no_area_is_listed_without_harm_or_by_a_list_that_has_room_for_all(
    counts: dict[tuple[str, str, str], int],
    area_count: int,
    top_k: int,
    was_listed: frozenset[str],
    per_day: list[float],
) -> None:
    names = "abcd"[:area_count]
    rows = [(area, offence, n, discovery) for (area, offence, discovery), n in counts.items() if area in names]
    frame = pd.DataFrame(rows, columns=["area_id", "offence_code", "n", "discovery"]).astype({"n": int})
    frame = frame.assign(is_minor_used_by_adult=False, age_days=1)
    staffing = hours(**dict(zip(names, per_day, strict=False)))
    table = rank_areas(
        frame,
        NO_EVIDENCE,
        CODEBOOK,
        staffing,
        config=config(top_k=top_k, draws=50),
        seed=7,
        previously_listed=was_listed,
    )
    listed = table[table["is_listed"]]
    own = frame[frame["discovery"].eq("public") & frame["offence_code"].ne("contact_stop")]
    assert set(listed["area_id"]) <= set(own["area_id"])
    assert (listed["harm_per_day"] > 0).all()
    assert listed.empty or top_k < area_count
    assert table.loc[table["harm_per_day"] == 0, ["p_top_k", "p_top_k_fixed_weights", "score"]].eq(0).all(axis=None)
    shares = table[[f"{axis}_share" for axis in AXES]].sum(axis=1)
    assert shares.to_numpy() == pytest.approx(np.where(table["score"] > 0, 1.0, 0.0))
    # The live figures follow the same rule, to the bit.
    live = LiveAreas(frame, CODEBOOK, staffing, config=config(top_k=top_k, draws=50), seed=7).rank(was_listed)
    shown = ["area_id", "rank", "p_top_k", "score", "is_listed", "harm_per_day"]
    pd.testing.assert_frame_equal(live[shown], table[shown], check_exact=True)


def test_the_weight_of_an_axis_without_data_is_spread_over_the_others() -> None:
    staffing = hours(a=10.0, b=20.0, c=30.0)
    area_events = events(("a", "robbery", 9), ("b", "antisocial_behaviour", 30), ("c", "robbery", 4))
    assert axes_without_data(area_events, CODEBOOK, staffing, config=config()) == ["minors"]
    parts = {axis: np.full((3, 2), 0.5) for axis in AXES} | {"minors": np.zeros((3, 2))}
    spread = spread_weights(np.array([[0.4, 0.2, 0.2, 0.2], [0.1, 0.1, 0.7, 0.1]]), parts)
    assert spread == pytest.approx(np.array([[0.5, 0.25, 0, 0.25], [1 / 3, 1 / 3, 0, 1 / 3]]))
    # As if the weight had been given to the others in the settings, where the weights are held fixed.
    given = {"violence": 0.5, "disorder": 0.25, "minors": 0.0, "ratio": 0.25}
    tables = [rank(area_events, staffing, weights=weights) for weights in (DEFAULTS["weights"], given)]
    columns = ["area_id", "p_top_k_fixed_weights", "minors_share"]
    pd.testing.assert_frame_equal(*[table.sort_values("area_id", ignore_index=True)[columns] for table in tables])
    certain = [rank(area_events, staffing, weights=w, concentration=float("inf")) for w in (DEFAULTS["weights"], given)]
    pd.testing.assert_frame_equal(*certain)


@pytest.mark.parametrize(
    ("offences", "per_day", "missing"),
    [
        ([], 5.0, ["violence", "disorder", "minors", "ratio"]),
        (["contact_stop"], 5.0, ["violence", "disorder", "minors", "ratio"]),
        (["theft"], 5.0, ["violence", "disorder", "minors"]),
        (["theft"], 0.0, ["violence", "disorder", "minors", "ratio"]),
        (["robbery", "antisocial_behaviour", "child_exploitation"], 5.0, []),
    ],
)
def test_axes_without_data_are_those_on_which_no_area_differs(
    offences: list[str], per_day: float, missing: list[str]
) -> None:
    area_events = events(*[("a", offence, 3) for offence in offences]).astype({"n": int})
    staffing = hours(a=per_day, b=per_day)
    assert axes_without_data(area_events, CODEBOOK, staffing, config=config()) == missing
    drawn = draw_areas(area_events, CODEBOOK, staffing, config=config(), seed=7)
    assert [axis for axis in AXES if not shares_of(drawn.now, np.ones(len(staffing)))[0][axis].any()] == missing
