"""The enforcement ledger: planted costs come out exactly, sums add up, and what was not recorded is never zero."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.promises import delivered_hours
from models.outcomes.ledger import arrest_policy, enforcement_ledger, hours_at_work
from models.outcomes.periods import in_periods
from tests.models.outcomes.rows import (
    ALL_KNOWN,
    AREAS,
    AS_OF,
    ZONE,
    actions,
    at,
    charges,
    followed,
    no_displacement,
    no_watch,
    operations,
    periods,
    stays,
    treatment,
)

COUNTED = ["arrests", "possession_arrests", "complaints", "injuries", "injured_officers", "deaths", "seizures"]


def ledger(done: pd.DataFrame, **given_frames: Any) -> pd.DataFrame:
    """The ledger of some actions, by scope_id, span and from_on."""
    staffing = pd.DataFrame({"area_id": pd.Series(dtype=object), "on": pd.Series(dtype="datetime64[ns]"), "hours": []})
    frames: dict[str, Any] = {
        "periods": periods(), "arrests": followed(done), "staffing": staffing, "first_records": ALL_KNOWN,
        "displacement": no_displacement(), "watch": no_watch(), **given_frames,
    }  # fmt: skip
    table = enforcement_ledger(actions=done, as_of=AS_OF, time_zone=ZONE, **frames)
    return table.set_index([table["scope_id"], table["span"], table["from_on"].dt.strftime("%Y-%m")])


def arrests_of(people: int, day: str = "2026-02-10", area: str | None = "A@1") -> list[dict[str, Any]]:
    return [
        {"kind": "arrest", "area_id": area, "person_id": f"p{n}", "at": day, "offence_code": "robbery"}
        for n in range(people)
    ]


def test_planted_costs_come_out_exactly() -> None:
    done = actions(
        *arrests_of(12),
        {
            "kind": "arrest",
            "area_id": "B@1",
            "person_id": "q",
            "at": "2026-03-31 23:30",
            "offence_code": "drug_possession",
        },
        {"kind": "arrest", "area_id": None, "at": "2026-03-05", "count": 4},
        {"kind": "complaint", "area_id": "A@1", "at": "2026-02-11", "count": 3},
        {"kind": "injury", "area_id": "A@1", "at": "2026-02-11", "party": "officer"},
        {"kind": "injury", "area_id": "A@1", "at": "2026-02-12", "party": "public", "count": 2},
        {"kind": "injury", "area_id": "A@1", "at": "2026-02-12"},
        {"kind": "death", "area_id": "B@1", "at": "2026-04-01 00:00", "party": "public"},
        {"kind": "seizure", "area_id": "B@1", "at": "2025-05-01", "count": 2},
        {"kind": "visit", "area_id": "A@1", "at": "2026-02-01", "hours": 2.5},
    )
    arrests = followed(
        done,
        custody=stays(*((f"p{n}", "2026-02-10 06:00", "2026-02-12 06:00", "custody") for n in range(12))),
        charges=charges(*((f"p{n}", f"I{n}", "2026-02-01") for n in range(11))),
        treatment=treatment(
            *((f"p{n}", "2026-01-01", True) for n in range(10)), *((f"p{n}", "2026-03-01", False) for n in range(10))
        ),
    )
    table = ledger(done, arrests=arrests)
    february = table.loc["A@1", "month", "2026-02"]
    assert february[["arrests", "named_arrests", "custody_days", "prison_days", "court_cases"]].tolist() == [
        12,
        12,
        24,
        0,
        11,
    ]
    assert february[["in_treatment", "treatment_lost", "complaints"]].tolist() == [10, 10, 3]
    assert february[["injuries", "injured_officers", "injured_public", "operation_hours"]].tolist() == [4, 1, 2, 2.5]
    # The local day decides: a quarter to midnight is March, midnight is April.
    assert table.loc[("B@1", "month", "2026-03"), ["arrests", "possession_arrests"]].tolist() == [1, 1]
    assert table.loc[("B@1", "month", "2026-04"), "dead_public"] == 1
    assert table.loc[("no area", "month", "2026-03"), "arrests"] == 4
    year = table.loc["force", "year", "2025-05"]
    assert year[["arrests", "named_arrests", "possession_arrests", "seizures", "deaths"]].tolist() == [17, 13, 1, 2, 1]
    # March's four arrests outside every area do not say what for: the figure is missing there, with the reason.
    assert (
        "possession_arrests: no arrest states what it was for"
        in table.loc["no area", "month", "2026-03"]["not_recorded"]
    )


def test_what_was_not_recorded_is_missing_with_the_reason_and_never_zero() -> None:
    nothing = ledger(actions())
    for name in [*COUNTED, "custody_days", "treatment_lost", "operation_hours", "staffed_hours"]:
        assert nothing[name].isna().all(), name
    said = nothing.loc["A@1", "month", "2026-02"]["not_recorded"]
    assert "arrests, named_arrests: no arrest was ever recorded" in said
    assert "complaints: no complaint was ever recorded" in said
    # A force that sends arrests since March: February is unknown everywhere, and zero where none was made later.
    late = ledger(actions(*arrests_of(1, "2026-03-03")))
    assert late.loc[("B@1", "month", "2026-03"), "arrests"] == 0
    assert pd.isna(late.loc[("B@1", "month", "2026-02"), "arrests"])
    assert any("before 2026-03-03" in why for why in late.loc["B@1", "month", "2026-02"]["not_recorded"])
    unknown = ledger(actions(*arrests_of(1)), first_records=dict.fromkeys(ALL_KNOWN))
    assert any("no stay in custody" in why for why in unknown.loc["A@1", "month", "2026-02"]["not_recorded"])
    nowhere = ledger(actions({"kind": "complaint", "area_id": None, "at": "2026-02-02"}))["complaints"]
    assert nowhere["force", "month", "2026-02"] == nowhere["no area", "month", "2026-02"] == 1
    assert pd.isna(nowhere["A@1", "month", "2026-02"])  # no complaint names an area: none there is not zero
    never_left = {**ALL_KNOWN, "leaving": None}
    kept = ledger(actions(*arrests_of(1)), first_records=never_left).loc["A@1", "month", "2026-02"]
    assert kept["in_treatment"] == 0
    assert pd.isna(kept["treatment_lost"])
    unnamed = ledger(actions({"kind": "arrest", "area_id": "A@1", "at": "2026-02-02"}))
    assert any("names whom" in why for why in unnamed.loc["A@1", "month", "2026-02"]["not_recorded"])


def test_hours_and_parties_that_nobody_stated_are_missing_and_not_zero() -> None:
    done = actions(
        {"kind": "crackdown_start", "area_id": "A@1", "at": "2026-02-10"},
        {"kind": "visit", "area_id": "B@1", "at": "2026-02-10"},
        {"kind": "visit", "area_id": "B@1", "at": "2026-03-10", "hours": 2.0},
        {"kind": "visit", "area_id": "B@1", "at": "2026-03-11"},
        {"kind": "injury", "area_id": "A@1", "at": "2026-02-11", "count": 5},
        {"kind": "death", "area_id": "A@1", "at": "2026-02-11", "party": "public"},
    )
    table = ledger(done)
    for area, month in (("A@1", "2026-02"), ("A@1", "2026-03"), ("B@1", "2026-02")):
        row = table.loc[area, "month", month]  # the operation goes on in March
        assert pd.isna(row["operation_hours"])
        assert "operation_hours: no visit or operation states its hours" in row["not_recorded"]
    assert table.loc[("B@1", "month", "2026-03"), "operation_hours"] == 2
    row = table.loc["A@1", "month", "2026-02"]
    assert row[["injuries", "deaths", "dead_officers", "dead_public"]].tolist() == [5, 1, 0, 1]
    assert row[["injured_officers", "injured_public"]].isna().all()
    assert "injured_officers, injured_public: no injury states whose" in row["not_recorded"]


def test_each_period_says_from_which_day_on_it_is_on_record() -> None:
    done = actions(*arrests_of(1, "2026-03-03"), {"kind": "complaint", "area_id": None, "at": "2026-02-20"})
    begin = ledger(done)["recorded_from"]
    assert begin["force", "year", "2025-05"] == begin["B@1", "month", "2026-02"] == pd.Timestamp("2026-02-20")
    assert begin["A@1", "month", "2026-03"] == pd.Timestamp("2026-03-01")
    assert pd.isna(begin["A@1", "month", "2026-01"]) and ledger(actions())["recorded_from"].isna().all()


@pytest.mark.parametrize(("people", "is_shown"), [(0, True), (1, False), (9, False), (10, True)])
def test_figures_drawn_from_people_are_withheld_below_ten(people: int, is_shown: bool) -> None:
    done = actions(*arrests_of(12))
    custody = stays(*((f"p{n}", "2026-02-10", "2026-02-11", "custody") for n in range(people)))
    table = ledger(done, arrests=followed(done, custody=custody))
    assert table.loc[("A@1", "month", "2026-02"), "custody_days"] == (
        people if is_shown else pytest.approx(np.nan, nan_ok=True)
    )
    assert (table.loc["A@1", "month", "2026-02"]["arrests"]) == 12  # an act of the force is told


@pytest.mark.parametrize(("lost", "is_shown"), [(0, True), (1, False), (11, False), (12, True)])
def test_treatment_lost_is_withheld_where_few_lost_it_or_few_kept_it(lost: int, is_shown: bool) -> None:
    done = actions(*arrests_of(12))
    known = [(f"p{n}", "2026-01-01", True) for n in range(12)] + [(f"p{n}", "2026-03-01", False) for n in range(lost)]
    month = ledger(done, arrests=followed(done, treatment=treatment(*known))).loc["A@1", "month", "2026-02"]
    assert month["in_treatment"] == 12
    assert month["treatment_lost"] == lost if is_shown else pd.isna(month["treatment_lost"])


def test_no_withheld_figure_can_be_had_by_subtraction() -> None:
    """Four people in one area leave the other area, and any operation that would give the rest, unknown, too."""
    done = actions(*arrests_of(14, area="A@1"), *arrests_of(4, area="B@1"))
    done["person_id"] = [f"p{n}" for n in range(len(done))]
    custody = stays(*((f"p{n}", "2026-02-10", "2026-02-11", "custody") for n in range(18)))
    table = ledger(done, arrests=followed(done, custody=custody))["custody_days"]
    assert table["force", "month", "2026-02"] == table["force", "year", "2025-05"] == 18
    assert table[[(area, *span) for area in AREAS for span in (("month", "2026-02"), ("year", "2025-05"))]].isna().all()
    running = operations(("market_1_1", "A@1", "2026-02-10", "2026-02-20"))
    later = actions(*arrests_of(11), *arrests_of(3, "2026-02-25"))
    later["person_id"] = [f"p{n}" for n in range(len(later))]
    custody = stays(*((f"p{n}", str(day.date()), None, "custody") for n, day in enumerate(later["on"])))
    table = ledger(later, periods=periods(running), arrests=followed(later, custody=custody))["custody_days"]
    assert table["A@1", "month", "2026-02"] > 0
    assert pd.isna(table["market_1_1", "operation", "2026-02"])


acts = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["arrest", "complaint", "injury", "death", "seizure", "visit", "crackdown_start"]),
            "area_id": st.sampled_from([*AREAS, None]),
            "person_id": st.sampled_from(["p", "q", "r", None]),
            "at": st.datetimes(pd.Timestamp("2025-05-01"), pd.Timestamp("2026-04-15 22:00")).map(str),
            "hours": st.sampled_from([1.0, 6.0]),
            "party": st.sampled_from(["officer", "public", None]),
            "count": st.integers(1, 3),
            "offence_code": st.sampled_from(["drug_possession", "robbery", "contact_stop"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=4)
@given(acts, st.randoms(use_true_random=False))
def test_areas_sum_to_the_force_months_to_the_year_and_order_and_contacts_change_nothing(
    rows: list[dict[str, Any]], random: Any
) -> None:
    done = actions(*rows)
    table = ledger(done)
    figures = table[[*COUNTED, "operation_hours"]].astype(float).fillna(0.0)
    for span, key in (("month", "from_on"), ("year", "from_on")):
        of_span = figures[table["span"] == span].assign(begin=table.loc[table["span"] == span, key].to_numpy())
        places = of_span.drop(index="force", level=0).groupby("begin").sum()
        pd.testing.assert_frame_equal(places, of_span.loc["force"].set_index("begin"), check_names=False)
    months = figures[table["span"] == "month"].groupby("scope_id").sum()
    years = figures[table["span"] == "year"].droplevel([1, 2])
    pd.testing.assert_frame_equal(months, years.sort_index(), check_names=False)
    shuffled = random.sample(range(len(rows)), len(rows))
    again = ledger(actions(*({"action_id": f"N{n}", **rows[n]} for n in shuffled)))
    pd.testing.assert_frame_equal(again, table)
    contacts = [{"kind": kind, "area_id": "A@1", "at": "2026-01-05"} for kind in ("outreach", "notice_served")]
    beside, own = (each.drop(columns="recorded_from") for each in (ledger(actions(*rows, *contacts)), table))
    pd.testing.assert_frame_equal(beside, own)  # the record begins with whatever act is on it


@settings(max_examples=8)
@given(acts)
def test_hours_at_work_are_those_delivered_that_promises_count(rows: list[dict[str, Any]]) -> None:
    ends = [{"kind": "crackdown_end", "area_id": "A@1", "at": "2026-01-15 09:00"}]
    done = actions(*rows, *ends)
    of = periods(operations(("market_1_1", "A@1", "2025-12-24", None)))
    found = hours_at_work(done, in_periods(done, of), of, as_of=AS_OF, time_zone=ZONE)
    for number, period in enumerate(of.to_dict("records")):
        if pd.isna(period["area_id"]):
            continue
        begin, until = (pd.Timestamp(period["from_on"]), pd.Timestamp(period["to_on"]) + pd.Timedelta(days=1))
        own = done[done["area_id"] == period["area_id"]]
        expected = delivered_hours(own, at(str(begin)), at(str(until)))
        assert found.iloc[number] == pytest.approx(expected)


def test_an_operation_shows_harm_averted_and_overdoses_beside_its_costs_or_says_why_not() -> None:
    of = periods(
        operations(("market_1_1", "A@1", "2026-02-01", "2026-03-01"), ("market_9_9", "B@1", "2026-03-01", None))
    )
    displacement = pd.DataFrame(
        [
            ("market_1_1", "all", at("2026-02-01"), 28, "fell", -30.0, -50.0, -10.0),
            ("market_1_1", "zone", at("2026-02-01"), 28, "ring", 99.0, 99.0, 99.0),
            ("market_9_9", "all", at("2026-03-01"), 5, "fewer than 7 days have passed since it began", *[np.nan] * 3),
        ],
        columns=no_displacement().columns,
    )
    watch = pd.DataFrame(
        [
            ("market_1_1", "operation", 100.0, 7, 1, 0.5, 0.0, 2.0, None),
            ("market_1_1", "operation", 500.0, 21, 6, 2.5, 1.0, 4.0, None),
        ],
        columns=no_watch().columns,
    )
    table = ledger(actions(*arrests_of(2)), periods=of, displacement=displacement, watch=watch)
    first, second = table.loc["market_1_1"].iloc[0], table.loc["market_9_9"].iloc[0]
    assert first[["harm_averted", "harm_averted_lo", "harm_averted_hi"]].tolist() == [30, 10, 50]
    assert first[["overdoses_observed", "overdoses_expected", "arrests"]].tolist() == [6, 2.5, 2]
    assert second[["harm_averted", "overdoses_observed"]].isna().all()
    assert any("fewer than 7 days" in why for why in second["not_recorded"])
    assert any("its watch is over" in why for why in second["not_recorded"])
    assert table.loc[table["scope"] != "operation", "harm_averted"].isna().all()


def test_the_share_against_the_policy_has_its_denominator_shift_and_reasons() -> None:
    codes = ["drug_possession"] * 6 + ["robbery"] * 3 + ["contact_stop"] + [None] * 2
    rows = [
        {"kind": "arrest", "area_id": "A@1", "at": f"2026-02-{n + 1:02d}", "offence_code": code, "person_id": f"p{n}"}
        for n, code in enumerate(codes)
    ]
    arrests = followed(actions(*rows))
    shift = pd.Series(["early"] * 4 + ["night"] * 8, dtype=object)
    table = arrest_policy(periods(), arrests, pd.Series([True] * 10 + [False] * 2), shift)
    table = table.set_index(["scope_id", "shift"])
    whole = table.loc["A@1", "all"]
    assert whole[["arrests", "stated_arrests", "possession_arrests", "no_offence_arrests"]].tolist() == [12, 10, 6, 1]
    assert whole["share_against_policy"] == pytest.approx(0.7)
    assert whole["share_against_policy_lo"] == pytest.approx(0.497, abs=0.001)  # Wilson, 80%, by hand
    assert whole["share_against_policy_hi"] == pytest.approx(0.846, abs=0.001)
    assert whole["possession_only_arrests"] == 10
    assert table.loc["A@1", "early"][["arrests", "share_against_policy"]].tolist() == [4, 1.0]
    assert pd.isna(table.loc["A@1", "early"]["possession_only_arrests"])  # with the whole day it would give the rest
    assert table.loc["B@1", "all"]["arrests"] == 0
    assert pd.isna(table.loc["B@1", "all"]["share_against_policy"])
    never = arrest_policy(periods(), followed(actions()), pd.Series(dtype=bool), pd.Series(dtype=object))
    assert never["arrests"].isna().all()
    assert all("no arrest was ever recorded" in why[0] for why in never["not_recorded"])
