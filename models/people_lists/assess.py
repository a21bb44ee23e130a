"""Assess people by harm: who is targeted, warned or helped, and who can never be listed.

`assess_people` works in this order: status of each person, evidence, scores, rule features, rules, lists. Only the
frames it returns contain person ids.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from models.changes import person_changes
from models.people_lists import lists, rules
from models.people_lists.call_in import call_in
from models.people_lists.listing_terms import next_terms, no_terms, over, terms_in_one
from models.people_lists.rule_features import make_rule_features, sales_outside_markets
from models.people_lists.tier_changes import why_now
from models.people_scores.config import PeopleConfig
from models.people_scores.evidence import counted, offences
from models.people_scores.exposure import away_at
from models.people_scores.person_status import make_register
from models.people_scores.scoring import Scoring, score_people
from models.statistics.gini import gini, gini_by_chance


@dataclass(frozen=True, slots=True)
class PreviousPeople:
    """Tables of people of the predecessor run, for hysteresis, terms and changes."""

    person_tier: pd.DataFrame = field(repr=False)
    tier_term: pd.DataFrame = field(repr=False)
    seller_term: pd.DataFrame = field(repr=False)
    parted: Collection[str] = field(default=(), repr=False)  # whose rows counted evidence of ids no longer theirs

    @property
    def own_tiers(self) -> pd.DataFrame:
        """Rows of person_tier that people earned by ids that still are theirs: no other tier makes them stay."""
        return self.person_tier[~self.person_tier["person_id"].isin(list(self.parted))]

    def in_one(self, one_ids: Mapping[str, str], parted: Collection[str]) -> "PreviousPeople":
        """Return the tables with one row for each person with several ids: of the tiers the first in rank.

        `one_ids` has the one id of each of their ids; `parted` are people who since lost an id that counted as theirs.
        """
        if not one_ids:
            return replace(self, parted=parted)
        tiers = self.person_tier.sort_values("rank")
        tiers = tiers.assign(person_id=tiers["person_id"].map(lambda each: one_ids.get(each, each)).astype("str"))
        term, seller_term = (terms_in_one(rows, one_ids) for rows in (self.tier_term, self.seller_term))
        return PreviousPeople(tiers.drop_duplicates("person_id"), term, seller_term, parted)


@dataclass(frozen=True, slots=True)
class PeopleLists:
    """The restricted tables, without the columns of the run, and results that are not published.

    `counts`: outcome, people (no ids; fit for reports and logs). `gini`, `gini_by_chance`: how unequally counted
    incidents are distributed over adults at risk, and would be if all had one rate. `top_k`: the K that was used.
    `decisions`: per person the outcome of each rule, with p_top_k, score and exposure_days; `evidence`: the counted
    evidence per person. Both are for explanations and tests, restricted like the lists.
    """

    warrant_queue: pd.DataFrame
    person_tier: pd.DataFrame
    dealer_ranking: pd.DataFrame
    referral: pd.DataFrame
    safeguarding: pd.DataFrame
    call_in: pd.DataFrame
    tier_term: pd.DataFrame
    seller_term: pd.DataFrame
    person_change: pd.DataFrame
    counts: pd.DataFrame
    decisions: pd.DataFrame
    evidence: pd.DataFrame
    gini: float
    gini_by_chance: float
    top_k: int


@dataclass(frozen=True, slots=True)
class Held:
    """What is held against people at a clock: status, involvements, offences, counted evidence, warrants."""

    status: pd.DataFrame = field(repr=False)
    recent: pd.DataFrame = field(repr=False)
    offences_held: pd.DataFrame = field(repr=False)
    evidence: pd.DataFrame = field(repr=False)
    live: pd.DataFrame = field(repr=False)
    returned: pd.DataFrame = field(repr=False)

    @property
    def latest(self) -> pd.Series:
        """Time of the latest counted incident, by person_id."""
        return self.evidence.groupby("person_id")["occurred_at"].max()

    @property
    def latest_sale(self) -> pd.Series:
        """Time of the latest evidenced sale outside flagrant markets, by person_id."""
        return sales_outside_markets(self.offences_held).groupby("person_id")["occurred_at"].max()


def assess_people(
    person_events: pd.DataFrame,
    persons: pd.DataFrame,
    custody: pd.DataFrame,
    warrants: pd.DataFrame,
    actions: pd.DataFrame,
    codebook: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    config: PeopleConfig,
    seed: int,
    previous: PreviousPeople | None = None,
) -> PeopleLists:
    """Apply gates, scores, routes and tiers to everybody in the snapshot.

    Parameters
    ----------
    person_events, persons, custody, warrants, actions, codebook : DataFrame
        Snapshot at the clock. Events have `age_days` before `as_of`; `persons` has one row each. A person without a
        row, or without birth date and year, is of unknown age; a year alone counts as born on its last day.
    as_of : Timestamp
        The clock, a local midnight in the force's zone, whose days are counted. The frames must hold nothing that
        happened later.
    config : PeopleConfig
        Settings of scores and lists.
    seed : int
        Seed of the run; draws are keyed by (seed, person).
    previous : PreviousPeople, optional
        Tables of the predecessor run, for hysteresis, terms and changes; None for a first run, which has no changes
        and begins every term.

    Returns
    -------
    PeopleLists
        The restricted tables, with counts, decisions and evidence.

    Raises
    ------
    ValueError
        If a person has two rows, or a role, warrant kind or offence code is unknown. No message names a person.
    """
    held = hold_against(person_events, persons, warrants, codebook, as_of=as_of, config=config)
    offences_held, evidence, live = held.offences_held, held.evidence, held.live
    scoring = score_people(held.status, evidence, custody, as_of=as_of, config=config, seed=seed)
    before_all = previous or NO_PREVIOUS
    facts, decided = decide_people(held, scoring.tested, custody, before_all, as_of=as_of, config=config)
    decisions = decided.join(scoring.people)
    queue = lists.warrant_queue(live, decisions, facts)
    dealers = lists.dealer_ranking(decisions, offences_held, evidence, config)
    listed = decisions.index[lists.MEMBERS["person_tier"](decisions)]
    terms = next_terms(before_all.tier_term, held.latest, listed, as_of=as_of, term_days=config.term_days)
    sellers = decisions.index[lists.MEMBERS["dealer_ranking"](decisions)]
    seller_terms = next_terms(
        before_all.seller_term, held.latest_sale, sellers, as_of=as_of, term_days=config.term_days
    )
    tiers = lists.person_tier(decisions, facts, evidence, scoring, terms, config, seed)
    before = tiers if previous is None else previous.person_tier
    observed_gini, chance_gini = _inequality(scoring)
    return PeopleLists(
        warrant_queue=queue,
        person_tier=tiers,
        dealer_ranking=dealers,
        referral=lists.referral(decisions, offences_held, live, actions),
        safeguarding=lists.safeguarding(decisions, facts, held.recent, offences_held, live),
        call_in=call_in(decisions, offences_held, size=config.call_in_size, attendance=config.attendance_probability),
        tier_term=terms,
        seller_term=seller_terms,
        person_change=person_changes(before, tiers, why_now(before, decisions, facts, held.recent, evidence)),
        counts=lists.count_people(decisions, queue, dealers, held.returned),
        decisions=decisions,
        evidence=evidence,
        gini=observed_gini,
        gini_by_chance=chance_gini,
        top_k=scoring.top_k,
    )


def hold_against(
    person_events: pd.DataFrame,
    persons: pd.DataFrame,
    warrants: pd.DataFrame,
    codebook: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    config: PeopleConfig,
) -> Held:
    """Return what is held against people at the clock; parameters as of `assess_people`."""
    status = make_register(persons, as_of)
    recent = person_events[person_events["age_days"] < config.window_days]
    offences_held = offences(recent, codebook)
    issued = lists.live_warrants(warrants, codebook, as_of)
    is_returned = issued["route"].eq("return")
    return Held(
        status,
        recent.join(codebook["category"], on="offence_code"),
        offences_held,
        counted(offences_held, status["adult_days"], codebook),
        issued[~is_returned],
        issued[is_returned],
    )


def decide_people(
    held: Held,
    tested: pd.DataFrame,
    custody: pd.DataFrame,
    before: PreviousPeople,
    *,
    as_of: pd.Timestamp,
    config: PeopleConfig,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply the rules to what is held against people, and return the rule features and the decisions.

    Parameters
    ----------
    held : Held
        As `hold_against` returns.
    tested : DataFrame
        As models.people_scores.scoring.Scoring.tested.
    custody : DataFrame
        As of `assess_people`.
    before : PreviousPeople
        Tables of the run before, for hysteresis and terms.
    as_of : Timestamp
        The clock.
    config : PeopleConfig
        Settings of scores and lists.
    """
    facts = make_rule_features(
        held.status,
        held.recent,
        held.offences_held,
        held.live,
        held.evidence,
        tested,
        before.own_tiers,
        away=away_at(custody, as_of),
        term_over=over(before.tier_term, held.latest, as_of),
        sale_term_over=over(before.seller_term, held.latest_sale, as_of),
    )
    return facts, rules.decide(
        facts,
        target_probability=config.target_probability,
        warn_probability=config.warn_probability,
        leave_margin=config.leave_margin,
    )


NO_PREVIOUS = PreviousPeople(pd.DataFrame({"person_id": [], "tier": []}, dtype="str"), no_terms(), no_terms())


def _inequality(scoring: Scoring) -> tuple[float, float]:
    count, days = scoring.offending.whole.sum(axis=1), scoring.people["liberty_days"].to_numpy()
    return gini(count), gini_by_chance(count, days)
