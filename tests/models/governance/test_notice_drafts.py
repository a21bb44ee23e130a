from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from models.governance.notice_drafts import (
    NoticesConfig,
    check_notice,
    draft_area_notices,
    draft_person_notices,
    fields_from_json,
    fields_json,
    notice_id,
)

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))["notices"]
CONFIG = NoticesConfig(**DEFAULTS)
AS_OF = date(2026, 3, 1)
PERSON = "p_" + "0" * 32

MARKETS = pd.DataFrame(
    [
        ("m1", "a@1", "flagrant", False),
        ("m2", "a@1", "suspected", False),
        ("m3", "b@1", "suspected", True),
    ],
    columns=["market_id", "area_id", "grade", "is_provisional"],
)
MARKET_EVIDENCE = pd.DataFrame(
    [
        ("m1", "i1", "dealing", 3),
        ("m1", "i2", "dealing", 1),
        ("m1", "i3", "dealing", 1),
        ("m1", "i4", "dealing", 9),
        ("m1", "i5", "violence", 4),
        ("m1", "i6", "fear", 4),
        ("m3", "i7", "dealing", 4),
    ],
    columns=["market_id", "incident_id", "kind", "age_days"],
)
NAMES = pd.Series({"a@1": "Mill <b>Lane</b>", "b@1": "Dock"})
CODEBOOK = pd.DataFrame(
    [
        ("robbery", "Robbery", "violence"),
        ("arson", "Arson", "disorder"),
        ("drug_supply", "Drug supply", "none"),
        ("drug_possession", "Drug possession", "none"),
        ("theft", "Theft", "none"),
    ],
    columns=["offence_code", "label", "axis"],
).set_index("offence_code")


def area_notices(**changes: Any) -> pd.DataFrame:
    config = NoticesConfig(**{**DEFAULTS, **changes})
    return draft_area_notices(MARKETS, MARKET_EVIDENCE, NAMES, as_of=AS_OF, window_weeks=12, config=config)


def person_events(*rows: tuple[str, str, str, dict[str, Any]]) -> pd.DataFrame:
    """Return events of one person from (incident_id, role, offence_code, other fields)."""
    fixed = {
        "person_id": PERSON,
        "occurred_at": pd.Timestamp("2026-01-31T23:30", tz="UTC"),
        "drug_activity": None,
        "is_minor_used_by_adult": False,
        "in_flagrant_market": False,
    }
    return pd.DataFrame(
        [{**fixed, "incident_id": i, "role": role, "offence_code": code, **more} for i, role, code, more in rows]
    )


ROBBERY = ("i1", "charged", "robbery", {})
ADULT = pd.DataFrame({"person_id": [PERSON], "birth_date": [date(1990, 1, 1)], "birth_year": [None]})


def person_notices(
    events: pd.DataFrame, persons: pd.DataFrame = ADULT, tier: str = "warn", **changes: Any
) -> pd.DataFrame:
    ids = sorted(set(events["incident_id"]))
    tiers = pd.DataFrame({"person_id": [PERSON], "tier": [tier], "evidence_ids": [ids]})
    config = NoticesConfig(**{**DEFAULTS, **changes})
    return draft_person_notices(tiers, events, persons, CODEBOOK, as_of=AS_OF, time_zone="Europe/Madrid", config=config)


def test_only_flagrant_and_provisional_markets_are_told() -> None:
    drafts = area_notices().set_index("market_id")
    assert drafts.index.tolist() == ["m1", "m3"]
    assert drafts["is_provisional"].to_dict() == {"m1": False, "m3": True}
    first = drafts.loc["m1"]
    assert first["behaviours"] == ["flagrant_dealing", "violence"]
    assert first["facts"] == [
        {"behaviour": "flagrant_dealing", "report_count": 4},
        {"behaviour": "violence", "report_count": 1},
    ]
    assert first["evidence_ids"] == ["i2", "i3", "i1", "i5"]
    assert (first["serve_by"], first["starts_on"], first["ends_on"]) == (
        date(2026, 3, 6),
        date(2026, 3, 13),
        date(2026, 4, 9),
    )
    assert set(drafts["status"]) == {"draft"}
    assert set(drafts["approved_by"]) == {""}


def test_columns_cover_the_published_ones() -> None:
    tables = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))
    rendered = {"title", "body_html", "fields", "reading_age"}
    assert set(tables["published"]["area_notice"]["columns"]) - rendered <= set(area_notices().columns)
    person = person_notices(person_events(ROBBERY))
    assert set(tables["restricted"]["person_notice"]["columns"]) - rendered <= set(person.columns)


def test_the_id_is_of_all_that_is_said() -> None:
    both = area_notices(languages=["en", "es"])
    assert both["notice_id"].is_unique
    assert both.loc[both["language"] == "en", "notice_id"].tolist() == area_notices()["notice_id"].tolist()
    for name in set(GOOD) - {"notice_id"}:
        assert notice_id({**GOOD, name: "other"}) != GOOD["notice_id"], name


@pytest.mark.parametrize("kind", ["area", "person"])
def test_fields_come_back_from_json_as_they_were(kind: str) -> None:
    fields = GOOD if kind == "area" else GOOD_PERSON
    assert fields_from_json(fields_json(fields)) == fields


def test_each_language_has_its_own_texts() -> None:
    drafts = area_notices(languages=["en", "es"], sender={"en": "The chief", "es": "La jefa"}).set_index("language")
    assert drafts["sender"].groupby(level=0).first().to_dict() == {"en": "The chief", "es": "La jefa"}
    with pytest.raises(ValueError, match=r"notices.sender=None: expected a text \(es\)"):
        area_notices(languages=["en", "es"], sender={"en": "The chief"})


def test_no_market_means_no_notice() -> None:
    drafts = draft_area_notices(MARKETS[1:2], MARKET_EVIDENCE, NAMES, as_of=AS_OF, window_weeks=12, config=CONFIG)
    assert drafts.empty
    assert list(drafts.columns) == list(area_notices().columns)


def test_a_person_is_told_recorded_facts_with_role_record_and_local_day() -> None:
    events = person_events(
        ROBBERY,
        ("i1", "suspect", "robbery", {}),
        ("i2", "convicted", "arson", {"is_minor_used_by_adult": True}),
        ("i3", "suspect", "drug_supply", {"drug_activity": "supply", "in_flagrant_market": True}),
    )
    draft = person_notices(events).iloc[0]
    assert draft["facts"][0] == {
        "behaviour": "violence",
        "evidence_id": "i1",
        "label": "Robbery",
        "occurred_on": date(2026, 2, 1),
        "role": "charged",
    }
    assert [fact["behaviour"] for fact in draft["facts"]] == ["violence", "using_minors", "flagrant_dealing"]
    assert draft["behaviours"] == ["flagrant_dealing", "violence", "using_minors"]
    assert draft["evidence_ids"] == ["i1", "i2", "i3"]
    assert (draft["serve_by"], draft["respond_by"]) == (date(2026, 3, 6), date(2026, 3, 20))
    assert "recipient" in draft["recipient"]


@pytest.mark.parametrize(
    "row",
    [
        ("i1", "victim", "robbery", {}),
        ("i1", "witness", "robbery", {}),
        ("i1", "no_further_action", "robbery", {}),
        ("i1", "convicted", "drug_possession", {"drug_activity": "possession"}),
        ("i1", "convicted", "arson", {"drug_activity": "possession"}),
        ("i1", "convicted", "drug_supply", {"drug_activity": "supply"}),
        ("i1", "convicted", "theft", {}),
    ],
)
def test_what_is_no_ground_brings_no_letter(row: tuple[str, str, str, dict[str, Any]]) -> None:
    assert person_notices(person_events(row)).empty


def test_evidence_that_is_not_behind_the_tier_stays_untold() -> None:
    events = person_events(ROBBERY, ("i9", "convicted", "arson", {}))
    tiers = pd.DataFrame({"person_id": [PERSON], "tier": ["target"], "evidence_ids": [["i1"]]})
    drafts = draft_person_notices(tiers, events, ADULT, CODEBOOK, as_of=AS_OF, time_zone="UTC", config=CONFIG)
    assert drafts["evidence_ids"].tolist() == [["i1"]]


@pytest.mark.parametrize(
    ("born", "year", "is_adult"),
    [
        (date(2008, 3, 1), None, True),
        (date(2008, 3, 2), None, False),
        (None, 2007, True),
        (None, 2008, False),
        (None, None, False),
    ],
)
def test_only_known_adults_get_a_letter(born: date | None, year: int | None, is_adult: bool) -> None:
    persons = pd.DataFrame({"person_id": [PERSON], "birth_date": [born], "birth_year": [year]})
    if is_adult:
        assert len(person_notices(person_events(ROBBERY), persons)) == 1
        return
    with pytest.raises(ValueError, match="safeguarding") as caught:
        person_notices(person_events(ROBBERY), persons)
    assert PERSON not in str(caught.value)


def test_a_person_nobody_knows_gets_no_letter() -> None:
    with pytest.raises(ValueError, match="unknown age"):
        person_notices(person_events(ROBBERY), ADULT[:0])


def test_only_the_two_tiers_are_told() -> None:
    with pytest.raises(ValueError, match="neither target nor warn"):
        person_notices(person_events(ROBBERY), tier="unlisted")


def test_empty_tiers_bring_no_letter() -> None:
    tiers = pd.DataFrame({"person_id": pd.Series(dtype=str), "tier": pd.Series(dtype=str), "evidence_ids": []})
    events = person_events(ROBBERY)
    assert draft_person_notices(tiers, events, ADULT, CODEBOOK, as_of=AS_OF, time_zone="UTC", config=CONFIG).empty


GOOD: dict[str, Any] = {str(k): v for k, v in area_notices().to_dict("records")[0].items()}
GOOD_PERSON: dict[str, Any] = {str(k): v for k, v in person_notices(person_events(ROBBERY)).iloc[0].items()}


def test_drafts_break_no_rule() -> None:
    assert check_notice(GOOD) == []
    assert check_notice(GOOD_PERSON) == []


@pytest.mark.parametrize("notice", [GOOD, GOOD_PERSON])
def test_every_required_field_is_missed(notice: dict[str, Any]) -> None:
    for name in notice:
        problems = check_notice({key: value for key, value in notice.items() if key != name})
        assert any(problem.startswith(f"{name}:") for problem in problems), name


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"status": "served"}, "status"),
        ({"approved_by": "PC 1"}, "approved_by"),
        ({"consequence": "eviction"}, "consequence"),
        ({"behaviours": ["being_known"]}, "not one of the behaviours"),
        ({"score": 0.9}, "score: not a field"),
        ({"person_id": PERSON}, "person_id: not a field"),
        ({"legal_basis": "You may lose your tenancy"}, "housing"),
        ({"sender": "The rank 1 desk"}, "ranks"),
        ({"complaint_route": f"Ask {PERSON}"}, "third parties"),
        ({"legal_basis": "Three callers told us"}, "third parties"),
        ({"legal_basis": "Your methadone record"}, "medical"),
        ({"legal_basis": "Possession of drugs"}, "possession"),
        ({"ends_on": date(2026, 1, 1)}, "dates"),
        ({"serve_by": date(2026, 3, 7)}, "lead_days"),
        ({"facts": [{"behaviour": "violence", "report_count": 1, "reporter_ref": "r"}]}, "facts"),
        ({"facts": [{"behaviour": "disorder", "report_count": 1}]}, "facts"),
        ({"kind": "leaflet"}, "kind"),
    ],
)
def test_forbidden_content_is_named(change: dict[str, Any], rule: str) -> None:
    assert any(rule in problem for problem in check_notice({**GOOD, **change}))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"recipient": "John Smith"}, "recipient"),
        ({"facts": [{**GOOD_PERSON["facts"][0], "role": "witness"}]}, "role"),
        ({"facts": [{**GOOD_PERSON["facts"][0], "evidence_id": "other"}]}, "not among evidence_ids"),
        ({"facts": [{**GOOD_PERSON["facts"][0], "label": "Drug possession"}]}, "possession"),
    ],
)
def test_forbidden_content_of_a_letter_is_named(change: dict[str, Any], rule: str) -> None:
    assert any(rule in problem for problem in check_notice({**GOOD_PERSON, **change}))


def test_the_offer_of_help_may_name_treatment_and_housing() -> None:
    words = "Ask any treatment centre or the housing office"
    assert NoticesConfig(**{**DEFAULTS, "help_contact": words}).help_contact == words


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("languages", []),
        ("languages", "en"),
        ("sender", " "),
        ("legal_basis", "Your landlord will hear of it"),
        ("lead_days", 0),
        ("decision_days", 0),
        ("reading_age", 2),
    ],
)
def test_settings_that_may_not_be_sent_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        NoticesConfig(**{**DEFAULTS, key: value})
