"""The scoreboard: planted promises, offers and answers come out exactly, with denominators and intervals."""

from typing import Any

import pandas as pd
import pytest

from models.outcomes.scoreboard import NOT_SHOWN, follow_diversions, scoreboard
from models.outcomes.unit_costs import UnitCost, price
from tests.models.outcomes.rows import AS_OF, ZONE, actions, at, followed, no_displacement, operations, periods

NO_ANSWERS = pd.DataFrame({"area_id": [], "violated_at": pd.to_datetime([], utc=True), "hours": []})
NO_PROMISES = pd.DataFrame({"area_id": [], "announced_at": pd.to_datetime([], utc=True), "due_on": [], "status": []})


def board(**given_frames: Any) -> pd.DataFrame:
    """The scoreboard by scope_id, span and from_on."""
    incidents = pd.DataFrame(
        [("A@1", "2026-02-01", 3, 40.5, 2), ("B@1", "2026-02-28", 1, 9.5, 1), (None, "2026-02-03", 1, 1.0, 0)],
        columns=["area_id", "on", "incidents", "harm", "public_calls"],
    )
    frames: dict[str, Any] = {
        "periods": periods(), "incidents": incidents.assign(on=pd.to_datetime(incidents["on"])),
        "promises": NO_PROMISES, "answers": NO_ANSWERS, "diversions": actions(), "arrests": followed(actions()),
        "displacement": no_displacement(), **given_frames,
    }  # fmt: skip
    table = scoreboard(as_of=AS_OF, time_zone=ZONE, **frames)
    return table.set_index([table["scope_id"], table["span"], table["from_on"].dt.strftime("%Y-%m")])


def offer(person: str | None, day: str, kind: str = "offered") -> dict[str, Any]:
    return {"kind": f"referral_{kind}", "person_id": person, "area_id": "A@1", "at": day}


def test_harm_and_calls_of_a_month_are_those_reported_in_it() -> None:
    table = board()
    columns = ["incidents", "harm", "public_calls", "days"]
    assert table.loc["force", "month", "2026-02"][columns].tolist() == [5, 51.0, 3, 28]
    assert table.loc["A@1", "month", "2026-02"][columns].tolist() == [3, 40.5, 2, 28]
    assert table.loc["A@1", "month", "2026-04"][columns].tolist() == [0, 0.0, 0, 15]
    assert pd.isna(table.loc["A@1", "month", "2026-01"]["harm"])  # before the first record
    year = table.loc["force", "year", "2025-05"]  # on record since 1 February, to 15 April
    assert (year["recorded_from"], year["days"]) == (pd.Timestamp("2026-02-01"), 74)
    assert table.loc["A@1", "month", "2026-01"]["days"] == 0
    assert table["promises_due"].isna().all()
    assert "promises_due, promises_kept: no announcement was ever recorded" in table.iloc[0]["not_recorded"]


def test_promises_and_consequences_have_denominators_and_intervals() -> None:
    rows = [("A@1", "2026-02-10", "kept")] * 3 + [("A@1", "2026-02-20", "broken"), ("B@1", "2026-02-21", "open")]
    promises = pd.DataFrame(rows, columns=["area_id", "due_on", "status"]).assign(announced_at=at("2026-02-01"))
    promises = promises.assign(due_on=pd.to_datetime(promises["due_on"]).dt.date)
    moments = pd.to_datetime([at("2026-02-11"), at("2026-02-12"), at("2026-02-13"), at("2026-03-01")], utc=True)
    answers = pd.DataFrame({"area_id": "A@1", "violated_at": moments, "hours": [10.0, 30.0, None, 100.0]})
    table = board(promises=promises, answers=answers)
    february = table.loc["A@1", "month", "2026-02"]
    assert february[["promises_due", "promises_kept", "promises_kept_share"]].tolist() == [4, 3, 0.75]
    assert february["promises_kept_share_lo"] < 0.75 < february["promises_kept_share_hi"]
    assert february[["violations", "violations_answered", "median_consequence_h"]].tolist() == [3, 2, 30.0]
    assert table.loc["force", "year", "2025-05"]["median_consequence_h"] == 65.0
    rare = board(promises=promises, answers=answers.assign(hours=[1.0, None, None, 100.0]))
    february = rare.loc["A@1", "month", "2026-02"]  # one of three was answered, in an hour
    assert pd.isna(february["median_consequence_h"])
    assert "median_consequence_h: half of the violations or more are unanswered" in february["not_recorded"]
    none_due = table.loc["B@1", "month", "2026-02"]
    assert none_due["promises_due"] == 0
    assert pd.isna(none_due["promises_kept_share"])


def test_an_offer_is_followed_to_the_next_one_of_the_same_person() -> None:
    steps = actions(
        offer("p", "2025-12-01"), offer("p", "2025-12-05", "accepted"), offer("p", "2025-12-06", "started"),
        offer("p", "2026-02-01"),  # another offer, declined, while the first still holds
        offer("p", "2026-03-10", "retained"),
        offer("q", "2025-12-02"), offer("q", "2025-12-09", "started"),  # whoever began has accepted
        offer("r", "2025-12-03", "accepted"),  # never offered: counts nowhere
        offer(None, "2025-12-04"),
    )  # fmt: skip
    found = follow_diversions(steps).set_index(["person_id", "at"])
    first = found.loc["p", at("2025-12-01")]
    assert first[["accepted_at", "started_at", "retained_at"]].tolist() == [
        at("2025-12-05"), at("2025-12-06"), at("2026-03-10"),
    ]  # fmt: skip
    assert found.loc["p", at("2026-02-01")][["accepted_at", "started_at", "retained_at"]].isna().all()
    assert found.loc["q", at("2025-12-02")]["accepted_at"] == at("2025-12-09")
    assert len(found) == 4


def test_offers_of_help_are_counted_only_when_a_step_was_due_and_withheld_below_ten_people() -> None:
    rows = [
        step for n in range(20) for step in (offer(f"p{n}", "2025-12-01"), offer(f"p{n}", "2025-12-02", "accepted"))
    ]
    rows += [offer(f"p{n}", "2025-12-03", "started") for n in range(10)]
    rows += [offer(f"p{n}", "2025-12-20", "started") for n in range(10, 20)]
    rows += [offer(f"p{n}", "2026-03-05", "retained") for n in range(10)]
    late = [offer(f"q{n}", "2026-04-15") for n in range(10)] + [
        offer(f"q{n}", "2026-04-15 01:00", "accepted") for n in range(10)
    ]
    table = board(diversions=actions(*rows, *late))
    december = table.loc["A@1", "month", "2025-12"]
    names = ["diversions_offered", "diversions_accepted", "diversions_start_due", "started_in_72h"]
    assert december[names].tolist() == [20, 20, 20, 10]
    assert december[["retention_due", "retained_12_weeks", "started_share"]].tolist() == [20, 10, 0.5]
    april = table.loc["A@1", "month", "2026-04"]
    assert april[["diversions_accepted", "diversions_start_due", "retention_due"]].tolist() == [10, 0, 0]
    assert pd.isna(april["started_share"])
    few = board(diversions=actions(*(row for row in rows if len(row["person_id"]) < 3 and row["person_id"] != "p9")))
    assert few.loc["A@1", "month", "2025-12"][names].isna().all()
    assert any("fewer than 10 people" in why for why in few.loc["A@1", "month", "2025-12"]["not_recorded"])
    begun = board(
        diversions=actions(*(row for row in rows if (row["person_id"], row["kind"]) != ("p19", "referral_started")))
    )
    part = begun.loc["A@1", "month", "2025-12"]  # nineteen began, twenty were offered help
    assert part[names].tolist() == [20, 20, 20, 10]
    assert part[["retention_due", "retained_12_weeks", "retained_share"]].isna().all()
    never_kept = board(diversions=actions(*(row for row in rows if "retained" not in row["kind"])))
    assert pd.isna(never_kept.loc["A@1", "month", "2025-12"]["retained_12_weeks"])  # not zero of seven
    assert never_kept.loc["A@1", "month", "2025-12"]["started_in_72h"] == 10


@pytest.mark.parametrize(("accepted", "is_shown"), [(1, False), (11, False), (12, True), (0, True)])
def test_a_step_that_all_but_a_few_took_is_withheld_like_one_that_few_took(accepted: int, is_shown: bool) -> None:
    rows = [offer(f"p{n}", "2025-12-01") for n in range(12)]
    rows += [offer(f"p{n}", "2025-12-02", "accepted") for n in range(accepted)]
    month = board(diversions=actions(*rows)).loc["A@1", "month", "2025-12"]
    assert month["diversions_offered"] == 12
    assert month[["diversions_accepted", "accepted_share"]].notna().tolist() == [is_shown] * 2


def test_sums_of_health_partners_count_and_few_of_them_are_withheld() -> None:
    sums = [
        {"kind": "referral_started", "area_id": "A@1", "at": "2026-02-03", "count": 8},
        {"kind": "referral_started", "area_id": "A@1", "at": "2026-02-17", "count": 5},
        {"kind": "referral_started", "area_id": "B@1", "at": "2026-03-17", "count": 9},
    ]
    table = board(diversions=actions(*sums))["treatment_started"]
    assert table["force", "year", "2025-05"] == 22
    assert table[[("B@1", "month", "2026-03"), ("force", "month", "2026-03")]].isna().all()
    assert table[[("A@1", "month", "2026-02"), ("force", "month", "2026-02")]].isna().all()  # 22 less 13 is nine


@pytest.mark.parametrize(("averted", "is_shown"), [((40.0, 20.0, 80.0), True), ((40.0, -5.0, 80.0), False)])
def test_arrests_per_harm_averted_only_where_harm_was_shown_to_be_averted(averted: Any, is_shown: bool) -> None:
    middle, low, high = averted
    displacement = pd.DataFrame(
        [("market_1_1", "all", at("2026-02-01"), 28, "measured", -middle, -high, -low)],
        columns=no_displacement().columns,
    )
    rows = [{"kind": "arrest", "area_id": "A@1", "at": day} for day in ("2026-02-01", "2026-02-28", "2026-03-01")]
    of = periods(operations(("market_1_1", "A@1", "2026-02-01", None)))
    table = board(periods=of, displacement=displacement, arrests=followed(actions(*rows)))
    own = table.loc["market_1_1"].iloc[0]
    assert own[["harm_averted", "harm_averted_lo", "arrests"]].tolist() == [middle, low, 3]
    if is_shown:  # two arrests in the 28 days that are measured
        ratio = own[["arrests_per_harm_averted", "arrests_per_harm_averted_lo", "arrests_per_harm_averted_hi"]]
        assert ratio.tolist() == [2 / 40, 2 / 80, 2 / 20]
    else:
        assert pd.isna(own["arrests_per_harm_averted"])
        assert any(NOT_SHOWN in why for why in own["not_recorded"])
    assert table.loc[table["scope"] != "operation", "arrests_per_harm_averted"].isna().all()


def test_money_is_quantity_times_unit_cost_and_nothing_without_unit_costs() -> None:
    ledger = periods().assign(custody_days=2.0, prison_days=None, court_cases=1)
    tables = {"enforcement_ledger": ledger, "scoreboard": periods().assign(treatment_started=3)}
    assert price(tables, {}).empty
    unit = UnitCost(cost=400, currency="GBP", year=2025, source="Ministry of Justice")
    found = price(tables, {"custody_day": unit, "prison_day": unit})
    assert set(found["item"]) == {"custody_day"}  # days in prison are not known
    assert (found["cost"] == 800).all()
    assert found[["year", "currency", "source"]].drop_duplicates().to_numpy().tolist() == [[2025, "GBP", unit.source]]
    assert not {"cost", "currency"} & {*ledger, *tables["scoreboard"]}
