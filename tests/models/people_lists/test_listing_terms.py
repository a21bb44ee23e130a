"""Terms of listings on literal cases."""

import pandas as pd
import pytest

from models.people_lists.listing_terms import next_terms, no_terms, over, terms_in_one, terms_of_every_id

DAY = pd.Timestamp("2026-01-01", tz="UTC")


def at(days: int) -> pd.Timestamp:
    return DAY + pd.Timedelta(days=days)


def latest(**days: int) -> pd.Series:
    return pd.Series({person: at(n) for person, n in days.items()}, dtype="datetime64[us, UTC]")


def test_a_term_begins_with_the_listing_and_lasts_through_it() -> None:
    first = next_terms(no_terms(), latest(a=-20, b=-3), pd.Index(["a"]), as_of=DAY, term_days=90)
    assert first.to_numpy().tolist() == [["a", DAY, at(-20), at(90), True]]
    second = next_terms(first, latest(a=-20, b=-3), pd.Index(["b"]), as_of=at(5), term_days=90)
    assert second["person_id"].tolist() == ["a", "b"]
    assert second["expires_at"].tolist() == [at(90), at(95)]
    assert second["is_listed"].tolist() == [False, True]


def test_leaving_and_entering_again_does_not_lengthen_a_term() -> None:
    first = next_terms(no_terms(), latest(a=-20), pd.Index(["a"]), as_of=DAY, term_days=90)
    away = next_terms(first, latest(a=-20), pd.Index([]), as_of=at(30), term_days=90)
    back = next_terms(away, latest(a=-20), pd.Index(["a"]), as_of=at(60), term_days=90)
    assert back["expires_at"].tolist() == [at(90)]
    assert over(back, latest(a=-20), at(89)).empty
    assert over(back, latest(a=-20), at(90)).tolist() == ["a"]


def test_a_later_incident_begins_another_term_and_an_earlier_one_does_not() -> None:
    first = next_terms(no_terms(), latest(a=-20), pd.Index(["a"]), as_of=DAY, term_days=90)
    assert over(first, latest(a=80), at(90)).empty
    renewed = next_terms(first, latest(a=80), pd.Index(["a"]), as_of=at(81), term_days=90)
    assert renewed["expires_at"].tolist() == [at(171)]
    corrected = next_terms(renewed, latest(a=-20), pd.Index(["a"]), as_of=at(82), term_days=90)
    assert corrected["counted_until"].tolist() == [at(80)]


def test_of_two_ids_the_term_of_the_latest_incident_holds_and_stays_with_both_when_they_are_parted() -> None:
    first = next_terms(no_terms(), latest(b=-30, c=-30), pd.Index(["b", "c"]), as_of=DAY, term_days=90)
    later = next_terms(first, latest(b=-30, c=5), pd.Index(["b", "c"]), as_of=at(6), term_days=90)
    one_ids = {"b": "b", "c": "b"}
    joined = terms_in_one(later, one_ids)
    assert joined[["person_id", "counted_until", "expires_at"]].to_numpy().tolist() == [["b", at(5), at(96)]]
    assert terms_in_one(later.iloc[::-1], one_ids).equals(joined), "whatever the order"
    published = terms_of_every_id(next_terms(joined, latest(b=5), pd.Index(["b"]), as_of=at(7), term_days=90), one_ids)
    assert published["person_id"].tolist() == ["b", "c"]
    assert over(published, latest(b=-30, c=5), at(96)).tolist() == ["b", "c"], "a parting begins no term"
    assert terms_in_one(published, one_ids).equals(joined)
    assert terms_of_every_id(joined, {}).equals(joined)


def test_without_counted_evidence_there_is_no_term() -> None:
    first = next_terms(no_terms(), latest(a=-20), pd.Index(["a"]), as_of=DAY, term_days=90)
    assert next_terms(first, latest(), pd.Index([]), as_of=at(1), term_days=90).empty


def test_an_incident_told_anew_with_another_hour_begins_no_term() -> None:
    first = next_terms(no_terms(), latest(a=-20), pd.Index(["a"]), as_of=DAY, term_days=90)
    told_anew = latest(a=-20) + pd.Timedelta(hours=23)
    assert next_terms(first, told_anew, pd.Index(["a"]), as_of=at(10), term_days=90).equals(first)
    assert over(first, told_anew, at(90)).tolist() == ["a"]
    assert over(first, latest(a=-19), at(90)).empty


@pytest.mark.parametrize(
    ("zone", "begins", "ends"),
    [
        ("Europe/London", "2026-03-01", "2026-05-29 23:00Z"),  # summer time has begun
        ("America/Santiago", "2026-06-08", "2026-09-06 04:00Z"),  # that day has no midnight
        ("America/Havana", "2026-08-03", "2026-11-01 04:00Z"),  # that day has two
    ],
)
def test_a_term_counts_days_of_the_calendar_over_a_change_of_clocks(zone: str, begins: str, ends: str) -> None:
    as_of = pd.Timestamp(begins, tz=zone)
    first = next_terms(no_terms(), latest(a=-20), pd.Index(["a"]), as_of=as_of, term_days=90)
    assert first["expires_at"].tolist() == [pd.Timestamp(ends)]
    assert over(first, latest(a=-20), pd.Timestamp(ends).tz_convert(zone)).tolist() == ["a"]
