"""Every rule about people as a property over generated towns."""

from collections.abc import Collection
from dataclasses import fields, replace
from functools import lru_cache, partial
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.people_lists.assess import PeopleLists, PreviousPeople, assess_people
from models.people_scores.config import PeopleConfig
from models.people_scores.evidence import NO_OFFENCE
from models.people_scores.scoring import places

AS_OF = pd.Timestamp("2026-01-01", tz="UTC")
TIME = "datetime64[us, UTC]"
TABLES_FILE = Path(__file__).parents[3] / "pipeline" / "publication" / "tables.yml"
CODEBOOK_FILE = Path(__file__).parents[3] / "configs" / "codebooks" / "harm.csv"
CONFIG = PeopleConfig(
    window_days=1825,
    half_life_days=365,
    top_k=5,
    top_share=0.25,
    draws=120,
    concentration=20,
    weights={"violence": 0.5, "disorder": 0.2, "minors": 0.3},
    target_probability=0.8,
    warn_probability=0.2,
    leave_margin=0.1,
    minimum_exposure_days=30,
    term_days=90,
    call_in_size=3,
    attendance_probability=0.6,
)
ENFORCEMENT = ("warrant_queue", "person_tier", "dealer_ranking")
TOWNS = st.integers(0, 3)  # few seeds, so that towns assessed once serve many tests
few = settings(max_examples=2, derandomize=True, phases=[Phase.generate])  # towns do not shrink


def read_codebook() -> pd.DataFrame:
    book = pd.read_csv(CODEBOOK_FILE).set_index("offence_code").sort_index()
    band = np.select([book["harm_days"] >= 365, book["harm_days"] >= 30], ["high", "mid"], "low")
    return book.astype({"harm_days": float}).assign(band=band)


CODEBOOK = read_codebook()
HARMFUL = ["robbery", "wounding_with_intent", "violence_without_injury", "public_order", "arson"]
CODES = [
    *HARMFUL,
    "child_criminal_exploitation",
    "drug_supply",
    "drug_possession",
    "contact_stop",
    "overdose",
    "shoplifting",
]
ROLES = ["suspect", "charged", "convicted", "no_further_action", "victim", "witness"]


def events_of(person_ids: np.ndarray, rng: np.random.Generator, prefix: str = "i", **fixed: object) -> pd.DataFrame:
    n = len(person_ids)
    age_days = rng.integers(0, 1500, n)
    drawn = {
        "person_id": person_ids,
        "incident_id": [f"{prefix}{i}" for i in range(n)],
        "role": rng.choice(ROLES, n, p=[0.2, 0.25, 0.25, 0.1, 0.15, 0.05]),
        "offence_code": rng.choice(CODES, n, p=[0.15, 0.1, 0.1, 0.1, 0.05, 0.05, 0.15, 0.15, 0.05, 0.05, 0.05]),
        "occurred_at": pd.Series(AS_OF - pd.to_timedelta(age_days * 24 + 3, unit="h")).astype(TIME),
        "age_days": age_days,
        "discovery": rng.choice(["public", "police", "partner", "sensor"], n, p=[0.6, 0.2, 0.1, 0.1]),
        "drug_activity": pd.Series([None] * n, dtype=object),
        "market_setting": pd.Series([None] * n, dtype=object),
        "is_minor_victim": False,
        "is_minor_used_by_adult": rng.random(n) < 0.05,
        "in_flagrant_market": rng.random(n) < 0.3,
    }
    return pd.DataFrame(drawn | fixed)


def quiet_adults(n: int) -> pd.DataFrame:
    """Return adults without evidence, who determine the average."""
    return pd.DataFrame(
        {
            "person_id": [f"p_f{i:031x}" for i in range(n)],
            "birth_date": pd.Timestamp("1985-05-05").date(),
            "birth_year": pd.Series(pd.NA, index=range(n), dtype="Int32"),
            "deceased_at": pd.Series(pd.NaT, index=range(n), dtype=TIME),
            "is_treatment_consented": False,
            "is_treatment_engaged": False,
        }
    )


class Town:
    """A generated town; `assess` gives its lists, with any frame replaced."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rng, n = rng, 40
        self.ids = np.array([f"p_{i:032x}" for i in rng.permutation(n)])
        self.heavy = self.ids[:6]  # adults with much evidence, whatever else is drawn
        self.persons = pd.concat([self._persons(n), quiet_adults(80)], ignore_index=True)
        counts = np.concatenate([np.full(6, 12), rng.poisson(2, n - 6)])
        self.events = events_of(np.repeat(self.ids, counts), rng)
        is_heavy = self.events["person_id"].isin(self.heavy)
        spoken = events_of(
            self.events.loc[is_heavy, "person_id"].to_numpy(), rng, "h", role="charged", discovery="public"
        )
        self.events = pd.concat([self.events, spoken], ignore_index=True)
        self.custody = self._custody()
        self.warrants = self._warrants()
        self.actions = pd.DataFrame(
            {
                "kind": ["referral_offered", "referral_offered", "referral_started"],
                "subject_person_id": self.ids[[7, 7, 7]],
                "at": pd.to_datetime(["2025-03-01", "2025-05-01", "2025-05-03"], utc=True).astype(TIME),
            }
        )

    def _persons(self, n: int) -> pd.DataFrame:
        rng = self.rng
        years = rng.integers(1970, 2014, n)
        years[:6] = 1980
        month = pd.Series(rng.integers(1, 13, n)).astype(str)
        born = pd.Series(pd.to_datetime(pd.Series(years).astype(str) + "-" + month + "-17").dt.date)
        kind = rng.choice(["date", "year", "none"], n, p=[0.7, 0.2, 0.1])
        kind[:6] = "date"
        died = pd.Series(pd.NaT, index=range(n), dtype=TIME).mask(rng.random(n) < 0.08, AS_OF - pd.Timedelta(days=3))
        died[:6] = pd.NaT
        return pd.DataFrame(
            {
                "person_id": self.ids,
                "birth_date": born.where(kind == "date", pd.NaT),
                "birth_year": pd.Series(years, dtype="Int32").where(kind == "year"),
                "deceased_at": died,
                "is_treatment_consented": rng.random(n) < 0.3,
                "is_treatment_engaged": rng.random(n) < 0.3,
            }
        )

    def _custody(self) -> pd.DataFrame:
        who = self.rng.choice(self.ids[6:], 12)
        since = pd.Series(AS_OF - pd.to_timedelta(self.rng.integers(30, 900, 12), unit="D")).astype(TIME)
        until = (since + pd.to_timedelta(self.rng.integers(1, 300, 12), unit="D")).where(self.rng.random(12) < 0.8)
        return pd.DataFrame({"person_id": who, "custody_from": since, "custody_to": until, "kind": "custody"})

    def _warrants(self) -> pd.DataFrame:
        n, rng = 15, self.rng
        return pd.DataFrame(
            {
                "warrant_id": [f"w{i}" for i in range(n)],
                "person_id": rng.choice(self.ids, n),
                "kind": rng.choice(["bench", "arrest"], n),
                "issued_at": pd.Series(AS_OF - pd.to_timedelta(rng.integers(1, 900, n), unit="D")).astype(TIME),
                "status": rng.choice(["outstanding", "executed", "recalled"], n, p=[0.7, 0.2, 0.1]),
                "underlying_offence_code": rng.choice(["robbery", "arson", "shoplifting", "drug_possession"], n),
            }
        )

    def assess(
        self,
        previous: PeopleLists | None = None,
        config: PeopleConfig = CONFIG,
        as_of: pd.Timestamp = AS_OF,
        parted: Collection[str] = (),
        **frames: pd.DataFrame,
    ) -> PeopleLists:
        names = ("events", "persons", "custody", "warrants", "actions")
        given_frames = [frames.get(name, getattr(self, name)) for name in names]
        before = previous and PreviousPeople(previous.person_tier, previous.tier_term, previous.seller_term, parted)
        return assess_people(*given_frames, CODEBOOK, as_of=as_of, config=config, seed=5, previous=before)

    def no_warrant(self, person_ids: np.ndarray) -> pd.DataFrame:
        return self.warrants[~self.warrants["person_id"].isin(person_ids)]


@lru_cache(maxsize=16)
def town(seed: int) -> tuple[Town, PeopleLists]:
    made = Town(seed)
    return made, made.assess()


def assert_same(one: PeopleLists, other: PeopleLists, *names: str) -> None:
    for name in names or [field.name for field in fields(PeopleLists)]:
        mine, others = getattr(one, name), getattr(other, name)
        if isinstance(mine, pd.DataFrame):
            pd.testing.assert_frame_equal(mine, others, check_exact=True, obj=name)
        else:
            assert mine == others or (np.isnan(mine) and np.isnan(others)), name


def people_on(lists: PeopleLists, *names: str) -> set[str]:
    return {person for name in names for person in getattr(lists, name)["person_id"]}


def more(here: Town, count: int, prefix: str, **fixed: object) -> pd.DataFrame:
    added = events_of(
        np.random.default_rng(count).choice(here.ids, count), np.random.default_rng(count), prefix, **fixed
    )
    return pd.concat([here.events, added], ignore_index=True)


def test_the_generated_town_fills_every_list() -> None:
    """The other tests state what a list must not hold; this one checks that the lists are not empty."""
    lists = [town(seed)[1] for seed in range(3)]
    for name in (*ENFORCEMENT, "referral", "safeguarding"):
        assert sum(len(getattr(each, name)) for each in lists) > 3, name
    assert {"target", "warn"} <= {tier for each in lists for tier in each.person_tier["tier"]}


def test_a_tier_earned_with_an_id_that_is_another_persons_now_makes_nobody_stay() -> None:
    strict = replace(CONFIG, target_probability=0.95, warn_probability=0.9, leave_margin=0.85)
    stayed = 0
    for seed in range(2):
        here, first = town(seed)
        listed = first.person_tier["person_id"]
        nobody = replace(first, person_tier=first.person_tier.iloc[:0])
        kept, alone, parted = (
            people_on(here.assess(before, strict, parted=ids), "person_tier")
            for before, ids in ((first, ()), (nobody, ()), (first, listed))
        )
        assert parted == alone
        stayed += len(kept - alone)
    assert stayed, "the margin keeps those who earned their tier"


@few
@given(seed=TOWNS)
def test_minors_people_of_unknown_age_and_the_dead_are_on_no_list(seed: int) -> None:
    here, lists = town(seed)
    born = pd.to_datetime(here.persons["birth_date"])
    last_year = here.persons["birth_year"].astype("Float64")
    is_adult = born.le(pd.Timestamp("2008-01-01")) | last_year.le(2007).fillna(False)
    barred = set(here.persons.loc[~is_adult | here.persons["deceased_at"].notna(), "person_id"])
    assert not barred & people_on(lists, *ENFORCEMENT, "referral")
    assert lists.decisions.loc[sorted(barred), "score"].isna().all()


@few
@given(seed=TOWNS)
def test_children_and_people_of_unknown_age_go_to_safeguarding(seed: int) -> None:
    here, _ = town(seed)
    child, year_only, unknown, absent = here.heavy[:4]
    persons = here.persons.set_index("person_id")
    persons.loc[child, "birth_date"] = pd.Timestamp("2008-01-02").date()
    persons.loc[[year_only, unknown], "birth_date"] = pd.NaT
    persons.loc[year_only, "birth_year"] = 2008
    persons = persons.drop(index=absent).reset_index()
    lists = here.assess(persons=persons)
    reasons = lists.safeguarding.set_index("person_id")["reason"]
    expected = ["under_18", "under_18", "age_unknown", "age_unknown"]
    assert reasons.reindex([child, year_only, unknown, absent]).tolist() == expected
    assert not {child, year_only, unknown, absent} & people_on(lists, *ENFORCEMENT, "referral")
    assert lists.safeguarding["evidence_ids"].str.len().gt(0).all()


@pytest.mark.parametrize("role", ["victim", "witness", "no_further_action"])
@few
@given(seed=TOWNS)
def test_role_split_victims_and_witnesses_alone_are_unscorable(seed: int, role: str) -> None:
    here, _ = town(seed)
    is_theirs = here.events["person_id"].isin(here.heavy)
    events = here.events.assign(role=here.events["role"].mask(is_theirs, role))
    lists = here.assess(events=events, warrants=here.no_warrant(here.heavy))
    assert not set(here.heavy) & people_on(lists, *ENFORCEMENT, "referral", "safeguarding")
    assert (lists.decisions.loc[here.heavy, "gate"] == "unscorable").all()


@few
@given(seed=TOWNS)
def test_a_victim_who_also_offends_is_ranked_on_the_offending_alone(seed: int) -> None:
    here, lists = town(seed)
    adults = here.heavy
    suffered = events_of(
        np.repeat(adults, 5), np.random.default_rng(1), "v", role="victim", is_minor_used_by_adult=False
    )
    assert_same(lists, here.assess(events=pd.concat([here.events, suffered], ignore_index=True)))


@settings(few, max_examples=5)
@given(seed=TOWNS, count=st.integers(1, 300), data=st.randoms(use_true_random=False))
def test_contact_is_zero(seed: int, count: int, data: Random) -> None:
    """Stops, contacts and arrests without further action change no table, to the bit."""
    here, lists = town(seed)
    anybody = [*here.persons["person_id"], "p_nobody_knows"]
    rng = np.random.default_rng(count)
    stops = events_of(np.array(data.choices(anybody, k=count)), rng, "stop", offence_code="contact_stop")
    dropped = events_of(np.array(data.choices(anybody, k=count)), rng, "nfa", role="no_further_action")
    for added in (stops, dropped):
        assert_same(lists, here.assess(events=pd.concat([here.events, added], ignore_index=True)))


@few
@given(seed=TOWNS, count=st.integers(1, 300))
def test_overdoses_are_zero(seed: int, count: int) -> None:
    here, lists = town(seed)
    events = more(here, count, "od", offence_code="overdose", role="suspect", is_minor_used_by_adult=False)
    assert_same(lists, here.assess(events=events))


@few
@given(seed=TOWNS, count=st.integers(1, 300), role=st.sampled_from(["suspect", "charged", "convicted"]))
def test_what_the_police_found_themselves_raises_no_score(seed: int, count: int, role: str) -> None:
    here, lists = town(seed)
    found = more(here, count, "police", discovery="police", role=role, offence_code="robbery")
    again = here.assess(events=found)
    assert_same(lists, again, *ENFORCEMENT)
    before = lists.decisions[["p_top_k", "score", "harm_per_day"]]
    pd.testing.assert_frame_equal(before, again.decisions[before.columns].reindex(before.index), check_exact=True)


@few
@given(seed=TOWNS)
def test_possession_only_is_never_enforced_and_always_informed(seed: int) -> None:
    here, _ = town(seed)
    is_theirs = here.events["person_id"].isin(here.heavy)
    codes = here.events["offence_code"].mask(is_theirs, "drug_possession")
    events = here.events.assign(
        offence_code=codes, is_minor_used_by_adult=here.events["is_minor_used_by_adult"] & ~is_theirs
    )
    warrants = here.warrants.assign(
        underlying_offence_code=here.warrants["underlying_offence_code"].mask(
            here.warrants["person_id"].isin(here.heavy), "drug_possession"
        )
    )
    lists = here.assess(events=events, warrants=warrants)
    assert not set(here.heavy) & people_on(lists, "person_tier", "dealer_ranking")
    routes = lists.warrant_queue.set_index("person_id")["route"]
    assert (routes[routes.index.isin(here.heavy)] == "summons").all()
    referred = lists.referral.set_index("person_id")["route"].reindex(here.heavy)
    assert (referred == "treatment_information").all()


@few
@given(seed=TOWNS, code=st.sampled_from(CODEBOOK.index[CODEBOOK["category"].isin(NO_OFFENCE)].tolist()))
def test_a_warrant_over_no_offence_sends_nobody_and_holds_nothing_against_anybody(seed: int, code: str) -> None:
    """Lists are those without any warrant, to the bit; the warrants are counted."""
    here, _ = town(seed)
    lists = here.assess(warrants=here.warrants.assign(underlying_offence_code=code))
    assert lists.warrant_queue.empty
    without = here.assess(warrants=here.warrants.assign(status="recalled"))
    known = lists.decisions[lists.decisions.index.isin(without.decisions.index)]
    assert_same(without, replace(lists, warrant_queue=without.warrant_queue, counts=without.counts, decisions=known))
    outstanding = here.warrants[here.warrants["status"].eq("outstanding")]
    counts = lists.counts.set_index("outcome")["people"]
    assert counts["warrant_return"] == outstanding["person_id"].nunique()


@few
@given(seed=TOWNS)
def test_a_warrant_over_another_matter_ends_possession_only(seed: int) -> None:
    here, _ = town(seed)
    one = here.heavy[0]
    events = here.events[~here.events["person_id"].eq(one)]
    offences_held = events_of(
        np.array([one]), here.rng, "x", offence_code="drug_possession", role="charged", is_minor_used_by_adult=False
    )
    warrant = here.warrants.iloc[:1].assign(
        warrant_id="wx", person_id=one, status="outstanding", kind="bench", underlying_offence_code="robbery"
    )
    warrants = pd.concat([here.no_warrant(np.array([one])), warrant], ignore_index=True)
    lists = here.assess(events=pd.concat([events, offences_held], ignore_index=True), warrants=warrants)
    assert one not in people_on(lists, "person_tier", "dealer_ranking")
    assert lists.decisions.loc[one, "gate"] == "passed"
    assert lists.warrant_queue.set_index("person_id").loc[one, "route"] == "execute"


@few
@given(seed=TOWNS)
def test_nobody_is_listed_without_harm(seed: int) -> None:
    here, lists = town(seed)
    events = here.events.join(CODEBOOK[["axis", "category"]], on="offence_code")
    is_harm = events["axis"].ne("none") | events["is_minor_used_by_adult"]
    is_evidence = events["role"].isin(["suspect", "charged", "convicted"]) & events["discovery"].ne("police")
    harmful = set(events.loc[is_harm & is_evidence, "person_id"])
    assert people_on(lists, "person_tier", "dealer_ranking") <= harmful
    assert set(lists.decisions.index[lists.decisions["score"].notna()]) <= harmful


@pytest.mark.parametrize(("top_share", "top_k", "listed"), [(0.05, 0, 0), (0.25, 3, 0), (1, 12, 4)])
def test_nobody_is_among_the_worst_for_want_of_others(top_share: float, top_k: int, listed: int) -> None:
    """A quiet year: of 2,000 adults twelve are suspected of two minor offences each, and the capacity is twenty.

    Without the limit top_share four of them would be warned, each certain to be among the worst twenty of twelve.
    """
    here = Town(1)
    persons = quiet_adults(2000)
    lesser = {"role": "suspect", "discovery": "public", "offence_code": "public_order", "is_minor_used_by_adult": False}
    events = events_of(np.repeat(persons["person_id"].to_numpy()[:12], 2), here.rng, **lesser)
    age_days = np.tile([40, 300], 12)
    events = events.assign(age_days=age_days, occurred_at=AS_OF - pd.to_timedelta(age_days * 24 + 3, unit="h"))
    config = replace(CONFIG, top_k=20, top_share=top_share, warn_probability=0.5)
    none = {name: getattr(here, name).iloc[:0] for name in ("custody", "warrants", "actions")}
    lists = here.assess(config=config, events=events, persons=persons, **none)
    assert lists.decisions["p_top_k"].notna().sum() == 12
    assert (lists.top_k, len(lists.person_tier)) == (top_k, listed)


@given(scored=st.integers(0, 10_000), top_k=st.integers(1, 100), share=st.integers(1, 100))
def test_places_are_never_more_than_the_share_of_those_scored(scored: int, top_k: int, share: int) -> None:
    found = places(replace(CONFIG, top_k=top_k, top_share=share / 100), scored)
    assert found <= top_k
    assert 100 * found <= share * scored
    assert found == top_k or 100 * (found + 1) > share * scored


@few
@given(seed=TOWNS)
def test_zero_harm_delists_at_the_next_run(seed: int) -> None:
    here, lists = town(seed)
    listed = lists.person_tier["person_id"]
    dropped = here.events["role"].mask(here.events["person_id"].isin(listed), "no_further_action")
    again = here.assess(events=here.events.assign(role=dropped), previous=lists)
    assert not set(listed) & people_on(again, "person_tier", "dealer_ranking")
    left = again.person_change.set_index("person_id").loc[listed]
    assert (left["change"] == "left").all()
    assert left["why"].str.contains("No further action was taken over").all()


@few
@given(seed=TOWNS, count=st.integers(1, 200))
def test_volume_of_supply_has_weight_zero(seed: int, count: int) -> None:
    here, lists = town(seed)
    sold = partial(
        more,
        here,
        count,
        "s",
        role="convicted",
        offence_code="drug_supply",
        is_minor_used_by_adult=False,
        discovery="public",
    )
    again = here.assess(events=sold())
    assert_same(lists, again, "person_tier")
    # The sales shown as evidence change, and so do the ranks, since there are more sellers.
    sellers = lists.dealer_ranking.set_index("person_id").drop(columns=["rank", "rule_evidence_ids"])
    assert set(sellers.index) <= set(again.dealer_ranking["person_id"])
    after = again.dealer_ranking.set_index("person_id").loc[sellers.index, sellers.columns]
    pd.testing.assert_frame_equal(sellers, after, check_exact=True)


@few
@given(seed=TOWNS)
def test_a_supply_charge_later_withdrawn_takes_the_person_off(seed: int) -> None:
    here, lists = town(seed)
    sellers = lists.dealer_ranking["person_id"]
    is_supply = here.events["offence_code"].eq("drug_supply")
    again = here.assess(events=here.events.assign(role=here.events["role"].mask(is_supply, "no_further_action")))
    assert again.dealer_ranking.empty
    pd.testing.assert_series_equal(here.assess().dealer_ranking["person_id"], sellers)


@few
@given(seed=TOWNS)
def test_dealers_sell_outside_flagrant_markets_and_stand_by_score(seed: int) -> None:
    here, lists = town(seed)
    is_outside = here.events["offence_code"].eq("drug_supply") & ~here.events["in_flagrant_market"]
    assert people_on(lists, "dealer_ranking") <= set(here.events.loc[is_outside, "person_id"])
    assert lists.dealer_ranking["score"].is_monotonic_decreasing
    assert lists.dealer_ranking["rank"].tolist() == list(range(1, len(lists.dealer_ranking) + 1))


@few
@given(seed=TOWNS, consented=st.booleans())
def test_treatment_data_can_only_lower_priority(seed: int, consented: bool) -> None:
    here, _ = town(seed)
    plain = here.assess(persons=here.persons.assign(is_treatment_consented=consented, is_treatment_engaged=False))
    known = here.assess(persons=here.persons.assign(is_treatment_consented=True, is_treatment_engaged=True))
    assert_same(plain, known, "safeguarding")
    queue = known.warrant_queue.assign(treatment_route="engaged")
    pd.testing.assert_frame_equal(known.warrant_queue, queue.astype(known.warrant_queue.dtypes))
    told = ["treatment_route"]
    pd.testing.assert_frame_equal(plain.warrant_queue.drop(columns=told), queue.drop(columns=told), check_exact=True)
    kept = known.person_tier.set_index("person_id")
    before = plain.person_tier.set_index("person_id")
    assert set(kept.index) <= set(before.index)
    pd.testing.assert_frame_equal(kept, before.loc[kept.index], check_exact=True)
    sellers = known.dealer_ranking["person_id"]
    assert sellers.tolist() == [p for p in plain.dealer_ranking["person_id"] if p in set(sellers)]
    assert kept["high_event_count"].gt(0).all()


def test_someone_in_treatment_without_a_grave_incident_is_withheld_and_diverted() -> None:
    """The flag must have an effect somewhere, or the test of monotonicity is vacuous."""
    here = Town(3)
    codes = here.events["offence_code"].mask(here.events["person_id"].isin(here.heavy), "arson")
    sold = events_of(here.heavy, here.rng, "s", offence_code="drug_supply", role="charged", in_flagrant_market=False)
    events = pd.concat([here.events.assign(offence_code=codes), sold], ignore_index=True)
    events = events.assign(is_minor_used_by_adult=False)
    in_treatment = here.persons.assign(is_treatment_consented=True, is_treatment_engaged=True)
    before = here.assess(events=events, persons=here.persons.assign(is_treatment_consented=False))
    after = here.assess(events=events, persons=in_treatment)
    assert set(here.heavy) & people_on(before, "person_tier")
    assert set(here.heavy) <= people_on(before, "dealer_ranking")
    assert not set(here.heavy) & people_on(after, "person_tier", "dealer_ranking")
    assert (after.referral.set_index("person_id").loc[here.heavy, "route"] == "diversion").all()


def linked(events: pd.DataFrame, seed: int, count: int) -> pd.DataFrame:
    """Return the same involvements with pairs of people sharing an incident, otherwise unchanged."""
    rng = np.random.default_rng(seed)
    ids = events["incident_id"].to_numpy(dtype=object).copy()
    free = rng.permutation(len(events))[: 2 * count].reshape(-1, 2)
    for number, (one, other) in enumerate(free):
        if events["person_id"].iloc[one] != events["person_id"].iloc[other]:
            ids[[one, other]] = f"a{rng.integers(10**9)}_{number}"
    return events.assign(incident_id=ids)


@few
@given(seed=TOWNS, count=st.integers(1, 60))
def test_links_between_people_raise_no_score_and_move_no_list(seed: int, count: int) -> None:
    here, lists = town(seed)
    again = here.assess(events=linked(here.events, seed, count))
    shown = ["evidence_ids", "rule_evidence_ids", "moves_out_if"]  # incidents have other ids
    pd.testing.assert_frame_equal(lists.decisions, again.decisions, check_exact=True)
    for name in (*ENFORCEMENT, "referral", "safeguarding", "tier_term", "seller_term"):
        mine, others = (getattr(each, name).drop(columns=shown, errors="ignore") for each in (lists, again))
        pd.testing.assert_frame_equal(mine, others, check_exact=True)


@few
@given(seed=TOWNS)
def test_a_call_in_invites_and_counts_nobody_but_eligible_adults(seed: int) -> None:
    here, _ = town(seed)
    lists = here.assess(events=linked(here.events, seed, 60))
    warned = lists.person_tier.loc[lists.person_tier["tier"].eq("warn"), "person_id"]
    assert set(lists.call_in["person_id"]) <= set(warned)
    assert len(lists.call_in) == min(CONFIG.call_in_size, len(warned))
    assert lists.call_in["plan_gap"].abs().max() < 1e-6 or lists.call_in.empty


@few
@given(seed=TOWNS)
def test_warrants_stand_bench_first_then_by_band_then_by_age(seed: int) -> None:
    here, lists = town(seed)
    queue = lists.warrant_queue
    live = here.warrants.set_index("warrant_id").loc[queue["warrant_id"]]
    assert (live["status"] == "outstanding").all()
    key = [
        (row.route != "execute", row.kind != "bench", ["high", "mid", "low"].index(row.underlying_band), -row.age_days)
        for row in queue.itertuples()
    ]
    assert key == sorted(key)
    is_use = queue["underlying_offence_code"].eq("drug_possession")
    assert (queue["route"].eq("summons") == is_use).all()
    adults = lists.decisions["gate"].isin(["passed", "treatment_information"])
    outstanding = here.warrants[here.warrants["status"].eq("outstanding")]
    assert set(queue["person_id"]) == set(outstanding["person_id"]) & set(adults.index[adults])


@few
@given(seed=TOWNS)
def test_targets_have_two_grave_incidents_a_day_apart(seed: int) -> None:
    here, lists = town(seed)
    targets = lists.person_tier[lists.person_tier["tier"].eq("target")]
    assert targets["high_event_count"].ge(2).all()
    minutes = pd.to_timedelta(np.arange(len(here.events)) % 120, unit="min")  # at different times, yet one spree
    for hours in (5, 23):  # within a day, and on both sides of midnight
        spree = here.events.assign(occurred_at=AS_OF - pd.Timedelta(hours=hours) - minutes, age_days=0)
        assert not here.assess(events=spree).person_tier["tier"].eq("target").any()


@few
@given(seed=TOWNS)
def test_the_order_of_rows_decides_nothing(seed: int) -> None:
    here, lists = town(seed)
    names = ("events", "persons", "custody", "warrants", "actions")
    shuffled = {name: getattr(here, name).sample(frac=1, random_state=seed % 1000) for name in names}
    assert_same(lists, here.assess(**shuffled))


@few
@given(seed=TOWNS)
def test_inputs_are_left_as_they_were(seed: int) -> None:
    here, _ = town(seed)
    names = ("events", "persons", "custody", "warrants", "actions")
    before = {name: getattr(here, name).copy(deep=True) for name in names}
    here.assess()
    for name, frame in before.items():
        pd.testing.assert_frame_equal(frame, getattr(here, name))


def later(here: Town, days: int) -> dict[str, object]:
    """Return the same town so many days later, without new events."""
    return {
        "as_of": AS_OF + pd.Timedelta(days=days),
        "events": here.events.assign(age_days=here.events["age_days"] + days),
    }


def test_a_listing_ends_with_its_term_and_begins_again_with_a_new_incident_alone() -> None:
    here, first = town(1)
    listed = set(first.person_tier["person_id"])
    assert listed
    assert first.person_tier["expires_at"].eq(AS_OF + pd.Timedelta(days=90)).all()
    within = here.assess(previous=first, **later(here, 89))
    assert set(within.person_tier["person_id"]) & listed
    after = here.assess(previous=within, **later(here, 90))
    assert not set(after.person_tier["person_id"]) & listed
    left = after.person_change.set_index("person_id")
    still = sorted(set(within.person_tier["person_id"]) & listed)
    assert left.loc[still, "why"].str.startswith("The term of the listing is over").all()
    weeks_on = here.assess(previous=after, **later(here, 120))
    assert not set(weeks_on.person_tier["person_id"]) & listed
    again = sorted(set(still) & set(here.heavy))[0]
    frames = later(here, 130)
    new = events_of(np.array([again]), here.rng, "n", role="charged", offence_code="robbery", discovery="public")
    new = new.assign(occurred_at=AS_OF + pd.Timedelta(days=121), age_days=9)
    events = pd.concat([frames["events"], new], ignore_index=True)
    back = here.assess(previous=weeks_on, as_of=frames["as_of"], events=events)
    assert set(back.person_tier["person_id"]) & listed == {again}
    term = back.tier_term.set_index("person_id").loc[again]
    assert term["expires_at"] == frames["as_of"] + pd.Timedelta(days=90)


def test_an_entry_among_sellers_ends_with_its_term_and_in_custody_and_begins_again_with_a_new_sale_alone() -> None:
    here, first = town(1)
    sellers = set(first.dealer_ranking["person_id"])
    assert sellers
    one = sorted(sellers)[0]
    since, until = pd.Series([AS_OF - pd.Timedelta(days=1)]).astype(TIME), pd.Series(pd.NaT, index=[0], dtype=TIME)
    inside = pd.DataFrame({"person_id": [one], "custody_from": since, "custody_to": until, "kind": "custody"})
    assert set(here.assess(custody=pd.concat([here.custody, inside])).dealer_ranking["person_id"]) == sellers - {one}
    within = here.assess(previous=first, **later(here, 89))
    assert set(within.dealer_ranking["person_id"]) & sellers
    after = here.assess(previous=within, **later(here, 90))
    assert not set(after.dealer_ranking["person_id"]) & sellers
    frames = later(here, 130)
    sale = events_of(
        np.array([one]), here.rng, "n", role="charged", offence_code="drug_supply", in_flagrant_market=False
    )
    sale = sale.assign(occurred_at=AS_OF + pd.Timedelta(days=121), age_days=9)
    events = pd.concat([frames["events"], sale], ignore_index=True)
    back = here.assess(previous=after, as_of=frames["as_of"], events=events)
    assert set(back.dealer_ranking["person_id"]) & sellers == {one}


@few
@given(seed=TOWNS, steps=st.lists(st.integers(1, 60), min_size=4, max_size=6))
def test_nobody_stays_listed_beyond_a_term_whatever_the_days_of_runs(seed: int, steps: list[int]) -> None:
    here, lists = town(seed)
    since = dict.fromkeys(lists.person_tier["person_id"], 0)
    day = 0
    for step in steps:
        day += step
        lists = here.assess(previous=lists, **later(here, day))
        now = set(lists.person_tier["person_id"])
        since |= dict.fromkeys(now - set(since), day)
        assert all(day - since[person] < CONFIG.term_days for person in now)


def test_who_is_in_custody_is_neither_targeted_nor_warned_and_the_change_says_so() -> None:
    here, lists = town(1)
    listed = lists.person_tier["person_id"].tolist()
    since = pd.Series([AS_OF - pd.Timedelta(days=2)] * len(listed)).astype(TIME)
    until = pd.Series(pd.NaT, index=since.index, dtype=TIME)
    inside = pd.DataFrame({"person_id": listed, "custody_from": since, "custody_to": until, "kind": "custody"})
    custody = pd.concat([here.custody, inside], ignore_index=True)
    again = here.assess(custody=custody, previous=lists)
    assert not set(listed) & people_on(again, "person_tier")
    assert again.person_change.set_index("person_id").loc[listed, "why"].str.startswith("In custody").all()


@pytest.mark.parametrize(
    ("frame", "change", "words"),
    [
        ("persons", {"deceased_at": AS_OF - pd.Timedelta(days=1)}, "The person has died."),
        ("persons", {"birth_date": pd.Timestamp("2010-01-01").date()}, "The person is under 18"),
        ("persons", {"birth_date": pd.NaT, "birth_year": pd.NA}, "No birth date is known"),
        ("events", {"role": "victim"}, "was corrected and counts no more"),
        ("events", {"role": "no_further_action"}, "No further action was taken over"),
        ("events", {"person_id": "p_somebody_else"}, "was withdrawn, corrected or has become too old"),
        ("events", {"offence_code": "drug_possession"}, "Everything held against the person is possession"),
    ],
)
def test_a_change_says_why_somebody_left(frame: str, change: dict[str, object], words: str) -> None:
    here, lists = town(2)
    one = lists.person_tier["person_id"].iloc[0]
    table = getattr(here, frame).assign(is_minor_used_by_adult=False) if frame == "events" else here.persons
    is_theirs = table["person_id"].eq(one)
    changed = table.assign(**{name: table[name].mask(is_theirs, value) for name, value in change.items()})
    again = here.assess(previous=lists, **{frame: changed}, warrants=here.no_warrant(np.array([one])))
    row = again.person_change.set_index("person_id").loc[one]
    assert row["change"] == "left"
    assert words in row["why"]
    assert "p_" not in row["why"]


def test_a_courier_of_seventeen_was_used_and_did_not_use() -> None:
    here = Town(4)
    one = here.heavy[0]
    persons = here.persons.assign(
        birth_date=here.persons["birth_date"].mask(here.persons["person_id"].eq(one), pd.Timestamp("2006-01-01").date())
    )
    mine = events_of(np.array([one] * 3), here.rng, "c", offence_code="drug_supply", role="charged", discovery="public")
    mine = mine.assign(is_minor_used_by_adult=True)
    when = pd.Series(pd.to_datetime(["2023-12-30", "2023-12-31", "2023-12-31"], utc=True)).astype(TIME)
    others = here.events[~here.events["person_id"].eq(one)]

    def assess(at: pd.Series) -> pd.Series:
        dated = mine.assign(occurred_at=at, age_days=(AS_OF - at).dt.days - 1)
        return here.assess(events=pd.concat([others, dated], ignore_index=True), persons=persons).decisions.loc[one]

    assert assess(when)["tier_rule"] == "no_harm"
    of_age = assess(when + pd.Timedelta(days=1))
    assert of_age["tier_rule"] != "no_harm"
    assert of_age["share_2"] > 0.3


def test_a_victim_outside_the_register_moves_nobody() -> None:
    here = Town(1)
    last = max(here.ids)
    born = here.persons["birth_date"].mask(here.persons["person_id"].eq(last), pd.Timestamp("2012-01-01").date())
    died = here.persons["deceased_at"].mask(here.persons["person_id"].eq(last))
    frames = {
        "persons": here.persons.assign(birth_date=born, deceased_at=died),
        "warrants": here.no_warrant(np.array([last])),
    }
    events = here.events[~here.events["person_id"].eq(last)]
    stranger = events_of(np.array(["q_stranger"]), here.rng, "x", role="victim", offence_code="robbery")
    before = here.assess(events=events, **frames)
    assert_same(before, here.assess(events=pd.concat([events, stranger], ignore_index=True), **frames))


def test_too_little_time_at_liberty_is_not_scored() -> None:
    here = Town(5)
    inside = pd.DataFrame(
        {
            "person_id": here.heavy,
            "custody_from": pd.Series([AS_OF - pd.Timedelta(days=4000)] * 6).astype(TIME),
            "custody_to": pd.Series([AS_OF - pd.Timedelta(days=20)] * 6).astype(TIME),
            "kind": "prison",
        }
    )
    lists = here.assess(custody=inside)
    assert (lists.decisions.loc[here.heavy, "tier_rule"] == "insufficient_exposure").all()
    assert not set(here.heavy) & people_on(lists, "person_tier", "dealer_ranking")


def test_the_front_holds_whom_nobody_exceeds_and_nobody_for_want_of_time_at_liberty() -> None:
    here = Town(5)
    worst, short, minors = here.heavy[:3]
    deeds = {
        worst: ("robbery", "public_order") * 6,
        short: ("robbery", "public_order"),
        minors: ("child_criminal_exploitation",) * 4,
    }
    who = np.array([person for person, codes in deeds.items() for _ in codes])
    codes = [code for codes in deeds.values() for code in codes]
    known = {"role": "convicted", "discovery": "public", "is_minor_used_by_adult": False, "offence_code": codes}
    events = events_of(who, here.rng, age_days=100, occurred_at=AS_OF - pd.Timedelta(days=100), **known)
    inside = pd.DataFrame(
        {
            "person_id": [short],
            "custody_from": pd.Series([AS_OF - pd.Timedelta(days=4000)]).astype(TIME),
            "custody_to": pd.Series([AS_OF - pd.Timedelta(days=700)]).astype(TIME),
            "kind": "prison",
        }
    )
    config = replace(CONFIG, top_k=2, top_share=1, warn_probability=0.2, minimum_exposure_days=1)
    lists = here.assess(events=events.astype({"occurred_at": TIME}), custody=inside, config=config)
    is_pareto = lists.decisions.loc[[worst, short, minors], "is_pareto"]
    assert is_pareto.tolist() == [True, False, True]
    listed = lists.person_tier.set_index("person_id")
    assert listed.loc[[worst, minors], "is_pareto"].tolist() == [True, True]
    assert listed.loc[worst, "rank_without_minors"] == 1
    assert listed.loc[minors, "rank_without_minors"] == 3
    assert listed.loc[minors, "rank_without_violence"] < 3


def test_referral_says_what_was_offered_and_when() -> None:
    here = Town(6)
    one = here.ids[7]
    offences_held = events_of(
        np.array([one]), here.rng, "x", offence_code="drug_possession", role="charged", is_minor_used_by_adult=False
    )
    events = pd.concat([here.events[~here.events["person_id"].eq(one)], offences_held], ignore_index=True)
    is_one = here.persons["person_id"].eq(one)
    persons = here.persons.assign(
        birth_date=here.persons["birth_date"].mask(is_one, pd.Timestamp("1990-01-01").date()),
        deceased_at=here.persons["deceased_at"].mask(is_one),
    )
    lists = here.assess(events=events, persons=persons, warrants=here.no_warrant(np.array([one])))
    row = lists.referral.set_index("person_id").loc[one]
    assert row["offered_at"] == pd.Timestamp("2025-05-01", tz="UTC")
    assert row["started_at"] == pd.Timestamp("2025-05-03", tz="UTC")
    assert row["evidence_ids"] == ["x0"]


def test_empty_frames_give_empty_lists() -> None:
    here = Town(1)
    names = ("events", "persons", "custody", "warrants", "actions")
    lists = here.assess(**{name: getattr(here, name).iloc[:0] for name in names})
    for name in (*ENFORCEMENT, "referral", "safeguarding"):
        assert getattr(lists, name).empty, name
    assert lists.counts["people"].eq(0).all()


def test_incidents_fall_on_people_more_unequally_than_by_chance() -> None:
    lists = town(0)[1]
    assert 0 < lists.gini_by_chance < lists.gini < 1


def test_counts_hold_no_person() -> None:
    counts = town(1)[1].counts
    assert list(counts.columns) == ["outcome", "people"]
    assert not counts["outcome"].str.contains("p_").any()


@pytest.mark.parametrize(
    ("frame", "column", "value", "words"),
    [
        ("events", "role", "bystander", "role='bystander'"),
        ("events", "offence_code", "mischief", "offence_code='mischief'"),
        ("warrants", "underlying_offence_code", "mischief", "underlying_offence_code='mischief'"),
        ("warrants", "kind", "search", "neither bench nor arrest"),
        ("persons", "person_id", "p_same", "two rows for one person"),
    ],
)
def test_errors_name_the_value_and_no_person(frame: str, column: str, value: str, words: str) -> None:
    here = Town(1)
    with pytest.raises(ValueError, match=words) as caught:
        here.assess(**{frame: getattr(here, frame).assign(**{column: value})})
    assert "p_" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window_days", 0),
        ("top_k", 0),
        ("top_share", 0),
        ("top_share", 1.1),
        ("weights", {"violence": 1.0}),
        ("weights", {"violence": 0, "disorder": 0, "minors": 0}),
        ("warn_probability", 0.9),
        ("leave_margin", 0.5),
    ],
)
def test_settings_that_mean_nothing_are_refused(key: str, value: object) -> None:
    values = {field.name: getattr(CONFIG, field.name) for field in fields(PeopleConfig)} | {key: value}
    with pytest.raises(ValueError, match=key):
        PeopleConfig(**values)


def test_lists_have_the_columns_that_are_published() -> None:
    described = yaml.safe_load(TABLES_FILE.read_text())["restricted"]
    lists = town(1)[1]
    for name in (*ENFORCEMENT, "referral", "safeguarding", "call_in", "tier_term", "seller_term", "person_change"):
        of_models = [column for column in described[name]["columns"] if column != "joined_since"]  # of the run
        assert list(getattr(lists, name).columns) == of_models, name
