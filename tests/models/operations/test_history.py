"""Operations folded from recorded actions."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.crackdowns import Calendar, owed_because
from models.operations.history import COLUMNS, is_same_market, operations_of, owed_evaluations

REGISTERED = "market_id=market_1_2; outcome=calls; comparison=the others; stop_on=2026-04-01"


def actions(*rows: tuple) -> pd.DataFrame:
    """(kind, day of 2026-01, hours, detail) in area A."""
    return pd.DataFrame(
        [
            {"action_id": f"n{i}", "kind": kind, "area_id": "A", "notice_id": None, "hours": hours, "detail": detail,
             "actor": "M. Ito", "at": pd.Timestamp(f"2026-01-{day:02d}T09:00Z")}
            for i, (kind, day, hours, detail) in enumerate(rows)
        ],
        columns=["action_id", "kind", "actor", "area_id", "notice_id", "hours", "detail", "at"],
    )  # fmt: skip


def test_a_whole_operation() -> None:
    told = operations_of(
        actions(
            ("registration", 1, None, REGISTERED),
            ("partners_told", 1, None, None),
            ("announcement", 5, 50.0, "on the doors"),
            ("crackdown_start", 12, 50.0, None),
            ("arrest", 13, None, None),
            ("crackdown_start", 20, 5.0, "phase=maintain"),
            ("crackdown_end", 30, None, None),
        )
    )
    row = told.iloc[0]
    assert len(told) == 1
    assert (row["market_id"], row["outcome"], row["comparison"]) == ("market_1_2", "calls", "the others")
    assert row["stop_on"].isoformat() == "2026-04-01"
    moments = ("registered_at", "partners_told_at", "announced_at", "started_at", "maintained_at", "ended_at")
    assert [row[name].day for name in moments] == [1, 1, 5, 12, 20, 30]
    assert (row["promised_hours"], row["surge_hours"], row["maintenance_hours"]) == (50, 50, 5)
    assert row["arrest_count"] == 1


FOUND = "found=reports fell by a third; report=a.pdf; report_sha256=00"


def test_after_its_evaluation_the_next_begins_and_what_was_registered_stays() -> None:
    told = operations_of(
        actions(
            ("registration", 1, None, REGISTERED),
            ("crackdown_start", 1, 9.0, None),
            ("crackdown_end", 2, None, None),
            ("evaluation", 3, None, FOUND),
            ("visit", 3, 0.2, None),
            ("announcement", 4, 9.0, None),
            ("registration", 6, None, REGISTERED.replace("1_2", "8_9")),
        )
    )
    assert told["market_id"].tolist()[:1] == ["market_1_2"]
    assert told["announced_at"].notna().tolist() == [False, True]
    # A registration after the announcement may have been fitted to the result; the row shows its day.
    assert told.loc[1, "registered_at"] > told.loc[1, "announced_at"]


@pytest.mark.parametrize("again", [REGISTERED, "market_id=market_2_1", "market_id=market_5_5", None])
@pytest.mark.parametrize("before", [(), (("crackdown_end", 3, None, None),)])
def test_a_registration_before_the_evaluation_begins_nothing(again: str | None, before: tuple) -> None:
    told = operations_of(actions(("registration", 1, None, REGISTERED), *before, ("registration", 4, None, again)))
    assert told["market_id"].tolist() == ["market_1_2"]
    assert (told["registered_at"][0].day, told["renewed_at"][0].day) == (1, 4)
    started = ("crackdown_start", 2, 9.0, None)
    evaluated = actions(
        ("registration", 1, None, REGISTERED),
        started,
        *before,
        ("evaluation", 4, None, FOUND),
        ("registration", 5, None, again),
    )
    second = operations_of(evaluated)
    assert second["registered_at"].map(lambda at: at.day).tolist() == [1, 5]
    assert second["evaluated_at"].notna().tolist() == [True, False]
    assert second["ended_at"].notna().tolist() == [True, False]


def test_a_market_that_drifted_into_the_next_area_is_the_same_place() -> None:
    first = actions(("registration", 1, None, REGISTERED))
    second = actions(("registration", 2, None, "market_id=market_2_4")).assign(area_id="B", action_id="m0")
    assert operations_of(pd.concat([first, second]))["area_id"].tolist() == ["A"]
    away = second.assign(detail="market_id=market_2_6")
    assert operations_of(pd.concat([first, away]))["area_id"].tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("actor", "detail"),
    [
        ("unstated", FOUND), (" ", FOUND), (None, FOUND), ("harmspot", FOUND), ("M. Ito", "found=fine; report=a.pdf"),
        ("M. Ito", "found=reports fell by a third"), ("M. Ito", "reports fell by a third"), ("M. Ito", None),
    ],
)  # fmt: skip
def test_an_evaluation_needs_a_name_a_finding_and_a_report(actor: str | None, detail: str | None) -> None:
    rows = (
        ("registration", 1, None, REGISTERED),
        ("crackdown_start", 1, 9.0, None),
        ("evaluation", 2, None, detail),
        ("registration", 3, None, REGISTERED),
    )
    told = operations_of(actions(*rows).assign(actor=actor))
    assert len(told) == 1 and told["evaluated_at"].isna().all()


def test_each_evaluation_is_of_one_operation() -> None:
    rows = (
        ("registration", 1, None, REGISTERED),
        ("crackdown_start", 1, 9.0, None),
        ("evaluation", 2, None, FOUND),
        ("registration", 3, None, REGISTERED),
    )
    assert operations_of(actions(("evaluation", 1, None, FOUND), *rows))["evaluated_at"].notna().tolist() == [
        True,
        False,
    ]


def test_an_operation_that_was_announced_unregistered_is_evaluated_too() -> None:
    told = operations_of(
        actions(("announcement", 1, 9.0, None), ("crackdown_end", 2, None, None), ("registration", 3, None, REGISTERED))
    )
    assert len(told) == 1 and told["registered_at"].isna().all()


def recorded(frame: pd.DataFrame, *days: int) -> pd.DataFrame:
    """The actions as recorded on days of 2026-01."""
    return frame.assign(recorded_at=pd.to_datetime([f"2026-01-{day:02d}T10:00Z" for day in days]), revised_at=pd.NaT)


@pytest.mark.parametrize("day", [1, 5, 8])
def test_what_was_registered_first_holds_whatever_day_a_later_one_names(day: int) -> None:
    rows = (("registration", 5, None, REGISTERED), ("registration", day, None, REGISTERED.replace("calls", "finds")))
    for ids in (["n0", "n1"], ["n1", "n0"]):
        told = operations_of(recorded(actions(*rows), 5, 9).assign(action_id=ids))
        assert told["outcome"].tolist() == ["calls"]
        assert (told["registered_at"][0].day, told["renewed_at"][0].day) == (5, max(day, 5))


def test_a_later_version_of_a_registration_is_said_as_a_renewal() -> None:
    revised = recorded(actions(("registration", 5, None, REGISTERED)), 5).assign(
        revised_at=pd.Timestamp("2026-01-20T10:00Z")
    )
    told = operations_of(revised)
    assert (told["outcome"][0], told["renewed_at"][0].day) == ("calls", 20)


def test_a_stop_date_is_at_most_366_days_after_the_registration() -> None:
    told = operations_of(actions(("registration", 1, None, REGISTERED.replace("2026-04-01", "2031-01-01"))))
    assert told["stop_on"].tolist() == [date(2026, 1, 1) + timedelta(days=366)]


@pytest.mark.parametrize("own_first", [True, False])
def test_an_evaluation_is_of_the_operation_in_its_area_then_of_the_nearest(own_first: bool) -> None:
    def registered(area_id: str, market_id: str, day: int, number: int) -> pd.DataFrame:
        rows = (("registration", day, None, f"market_id={market_id}"), ("crackdown_start", day, 9.0, None))
        return actions(*rows).assign(area_id=area_id, action_id=[f"{number}a", f"{number}b"])

    own, other = registered("A", "market_14_10", 2 - own_first, 1), registered("B", "market_20_10", 1 + own_first, 2)
    evaluated = actions(("evaluation", 4, None, "market_id=market_17_10; " + FOUND))
    told = operations_of(pd.concat([own, other, evaluated]))
    assert told.set_index("area_id")["evaluated_at"].notna().to_dict() == {"A": True, "B": False}
    near, far = registered("B", "market_18_10", 2, 1), registered("C", "market_14_10", 1, 2)
    told = operations_of(pd.concat([far, near, evaluated]))
    assert told.set_index("area_id")["evaluated_at"].notna().to_dict() == {"B": True, "C": False}


@pytest.mark.parametrize(
    ("steps", "is_free"),
    [
        ((), False),
        ((("crackdown_end", 2, None, None),), False),
        ((("crackdown_start", 2, 9.0, None),), True),
    ],
)
def test_nothing_is_evaluated_before_it_starts_or_its_stop_date_comes(steps: tuple, is_free: bool) -> None:
    late = REGISTERED.replace("2026-04-01", "2026-01-04")
    again = ("registration", 6, None, REGISTERED)
    early = operations_of(actions(("registration", 1, None, REGISTERED), *steps, ("evaluation", 4, None, FOUND), again))
    assert len(early) == 1 + is_free
    due = operations_of(actions(("registration", 1, None, late), *steps, ("evaluation", 4, None, FOUND), again))
    assert len(due) == 2


def test_nothing_done_is_no_operation() -> None:
    empty = operations_of(actions())
    assert list(empty.columns) == list(COLUMNS) and empty.empty
    assert operations_of(actions(("visit", 1, 0.2, None))).empty


@pytest.mark.parametrize("ids", [["n0", "n1", "n2", "n3", "n4"], ["n4", "n3", "n2", "n1", "n0"]])
def test_at_one_moment_an_operation_ends_before_the_next_is_registered(ids: list[str]) -> None:
    done = actions(("registration", 1, None, REGISTERED), ("registration", 8, None, REGISTERED.replace("1_2", "8_9")),
                   ("crackdown_end", 8, None, None), ("evaluation", 8, None, FOUND),
                   ("crackdown_start", 2, 9.0, None))  # fmt: skip
    told = operations_of(done.assign(action_id=ids))
    assert told["market_id"].tolist() == ["market_1_2", "market_8_9"]
    assert told["ended_at"].notna().tolist() == [True, False]


KINDS = ("registration", "announcement", "crackdown_start", "crackdown_end", "evaluation", "visit")
PLACES = (("A", "market_1_2"), ("A", "market_2_2"), ("A", "market_8_9"), ("B", "market_2_3"), ("B", "market_9_9"))


@st.composite
def sequences(draw: st.DrawFn) -> list[tuple[str, int, tuple[str, str]]]:
    """(kind, day, place) in order of time; the stop date of a registration is ten days on."""
    days = sorted(draw(st.lists(st.integers(1, 60), min_size=1, max_size=12)))
    return [(draw(st.sampled_from(KINDS)), day, draw(st.sampled_from(PLACES))) for day in days]


def log(*done: tuple[str, int, tuple[str, str]]) -> pd.DataFrame:
    rows = []
    for number, (kind, day, (area_id, market_id)) in enumerate(done):
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=day)
        detail = f"market_id={market_id}; stop_on={(at + pd.Timedelta(days=10)).date()}; {FOUND}"
        rows.append((f"n{number:02d}", kind, "M. Ito", area_id, None, 9.0, detail, at))
    columns = ["action_id", "kind", "actor", "area_id", "notice_id", "hours", "detail", "at"]
    return pd.DataFrame(rows, columns=columns)


def is_refused(kind: str, operations: pd.DataFrame, place: tuple[str, str], today: date) -> bool:
    """What the commands ask before they record: `register`, and `record` of an announcement or a start."""
    if kind == "registration":
        return bool(owed_evaluations(operations, *place))
    if kind not in ("announcement", "crackdown_start"):
        return False
    calendar = Calendar(today, "UTC", lead_days=7, operation_days=28)
    own = operations[operations["area_id"].eq(place[0]) & operations["ended_at"].isna()]
    is_unregistered = kind == "announcement" and own["registered_at"].isna().all()
    return is_unregistered or owed_because(operations, *place, calendar) is not None


@settings(max_examples=100)
@given(sequences())
def test_no_sequence_announces_a_second_operation_before_the_first_is_evaluated(sequence: list) -> None:
    accepted: list = []
    for kind, day, place in sequence:
        today = date(2026, 1, 1) + timedelta(days=day)
        if not is_refused(kind, operations_of(log(*accepted)), place, today):
            accepted.append((kind, day, place))
    operations = operations_of(log(*accepted))
    announced = operations[operations["announced_at"].notna()].sort_values("announced_at")
    assert announced["registered_at"].notna().all()
    for _, one in announced.iterrows():
        later = announced[announced["announced_at"] > one["announced_at"]]
        for _, other in later.iterrows():
            is_there = one["area_id"] == other["area_id"] or is_same_market(one["market_id"], other["market_id"])
            assert not is_there or one["evaluated_at"] <= other["registered_at"]


@settings(max_examples=100)
@given(sequences())
def test_whatever_arrives_no_registration_counts_before_the_evaluation(sequence: list) -> None:
    """By topic or file everything arrives, in any order; registered operations at a place never overlap."""
    operations = operations_of(log(*sequence))
    registered = operations[operations["registered_at"].notna()].sort_values("registered_at")
    for _, one in registered.iterrows():
        for _, other in registered[registered["registered_at"] > one["registered_at"]].iterrows():
            is_there = one["area_id"] == other["area_id"] or is_same_market(one["market_id"], other["market_id"])
            assert not is_there or one["evaluated_at"] <= other["registered_at"]
