"""Guards of people that stand outside the rule book: each is taken away, and the test named here must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, the text that takes it away, and who notices."""

    module: str
    guard: str
    old: str
    new: str
    test: str


GUARDS = (
    Guard(
        "evidence",
        "dropped arrests weigh nothing",
        '"no_further_action": 0.0',
        '"no_further_action": 0.1',
        "test_people.py::test_contact_is_zero",
    ),
    Guard(
        "evidence",
        "victims bear nothing",
        '"victim": 0.0',
        '"victim": 0.1',
        "test_people.py::test_a_victim_who_also_offends_is_ranked_on_the_offending_alone",
    ),
    Guard(
        "evidence",
        "witnesses bear nothing",
        '"witness": 0.0',
        '"witness": 0.1',
        "test_people.py::test_role_split_victims_and_witnesses_alone_are_unscorable",
    ),
    Guard(
        "evidence",
        "what the police find raises nothing",
        '"partner", "sensor")',
        '"partner", "sensor", "police")',
        "test_people.py::test_what_the_police_found_themselves_raises_no_score",
    ),
    Guard(
        "evidence",
        "contacts are no offence",
        'NO_OFFENCE = ("health", "contact")',
        'NO_OFFENCE = ("health",)',
        "test_people.py::test_contact_is_zero",
    ),
    Guard(
        "evidence",
        "overdoses are no offence",
        'NO_OFFENCE = ("health", "contact")',
        'NO_OFFENCE = ("contact",)',
        "test_people.py::test_overdoses_are_zero",
    ),
    Guard(
        "evidence",
        "only adults use minors",
        '["is_minor_used_by_adult"] & is_of_age',
        '["is_minor_used_by_adult"]',
        "test_people.py::test_a_courier_of_seventeen_was_used_and_did_not_use",
    ),
    Guard(
        "register",
        "of age at eighteen",
        "OF_AGE = 18",
        "OF_AGE = 17",
        "test_people.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "register",
        "a year counts as its last day",
        "10_000 + 1231",
        "10_000 + 101",
        "test_people.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "facts",
        "who is not registered may be a child",
        '["is_age_unknown"], True)',
        '["is_age_unknown"], False)',
        "test_people.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "facts",
        "a spree counts once",
        'floor("D")',
        'floor("s")',
        "test_people.py::test_targets_have_two_grave_incidents_on_different_days",
    ),
    Guard(
        "facts",
        "sales in flagrant markets concern the place",
        '~held["in_flagrant_market"].astype(bool)',
        "True",
        "test_people.py::test_dealers_sell_outside_flagrant_markets_and_stand_by_score",
    ),
    Guard(
        "facts",
        "the police's own suspicion is no ground",
        '| held["factor"].gt(0)',
        '| held["factor"].ge(0)',
        "test_callin.py::test_what_is_no_link",
    ),
    Guard(
        "lists",
        "users are not arrested",
        '(gate == "treatment_information") & live',
        '(gate != "") | live',
        "test_people.py::test_warrants_stand_bench_first_then_by_band_then_by_age",
    ),
    Guard(
        "exposure",
        "who is inside is not at liberty",
        '["custody_from"].lt(as_of)',
        '["custody_from"].gt(as_of)',
        "test_people.py::test_who_is_in_custody_is_neither_targeted_nor_warned_and_the_change_says_so",
    ),
    Guard(
        "terms",
        "listings end",
        '["expires_at"].le(as_of)',
        '["expires_at"].isna()',
        "test_people.py::test_a_listing_ends_with_its_term_and_begins_again_with_a_new_incident_alone",
    ),
    Guard(
        "terms",
        "an earlier incident renews nothing",
        'now.gt(terms["counted_until"])',
        "now.notna()",
        "test_terms.py::test_leaving_and_entering_again_does_not_lengthen_a_term",
    ),
    Guard(
        "offending",
        "names of incidents decide no bit",
        "rows.iloc[order], person[order]",
        "rows, person",
        "test_people.py::test_links_between_people_raise_no_score_and_move_no_list",
    ),
    Guard(
        "scoring",
        "nobody is scored without harm",
        '(people["has_harm"] & people["has_exposure"])',
        '(people["has_exposure"])',
        "test_people.py::test_nobody_is_listed_without_harm",
    ),
    Guard(
        "scoring",
        "too short a time is not scored",
        '(people["has_harm"] & people["has_exposure"])',
        '(people["has_harm"])',
        "test_people.py::test_too_little_time_at_liberty_is_not_scored",
    ),
    Guard(
        "callin",
        "use of drugs links nobody",
        '~held["is_use"] &',
        "",
        "test_callin.py::test_what_is_no_link",
    ),
    Guard(
        "callin",
        "only eligible adults are reached",
        'held["person_id"].isin(reachable)',
        "True",
        "test_callin.py::test_only_the_next_level_is_invited_and_only_eligible_adults_are_counted",
    ),
    Guard(
        "list_lifecycle",
        "no list is approved without a registered effect",
        '_unregistered(act, effects) if act.kind == "approved" else None',
        "None",
        "test_list_lifecycle.py::test_effect_registered_holds_in_every_history",
    ),
    Guard(
        "list_lifecycle",
        "a list ends with its registration",
        "min(valid_to, self.stops_at) if self.stops_at else valid_to",
        "valid_to",
        "test_list_lifecycle.py::test_effect_registered_holds_in_every_history",
    ),
    Guard(
        "list_lifecycle",
        "an evaluation ends the lists approved before it",
        "stops_at=min(standing.stops_at, effect.ends_at)",
        "stops_at=standing.stops_at",
        "test_list_lifecycle.py::test_effect_registered_holds_in_every_history",
    ),
    Guard(
        "list_effects",
        "a registration counts until its end",
        "latest is not None and latest.is_live(at)",
        "latest is not None",
        "test_list_effects.py::test_a_missing_evaluation_blocks_renewal_and_an_evaluation_opens_it",
    ),
    Guard(
        "list_effects",
        "a missing evaluation blocks renewal",
        "e is not None and e.evaluated is None",
        "False",
        "test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "list_effects",
        "a registration has a stop date within a year",
        "a.stops_at is None or not a.at < a.stops_at <= a.at + LONGEST_REGISTRATION",
        "False",
        "test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "list_effects",
        "people register and evaluate, not harmspot",
        "is_machine(a.actor)",
        "False",
        "test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "notice_lifecycle",
        "off the list, no letter waits",
        'not is_pending or fields["person_id"] not in off',
        "True",
        "test_notice_lifecycle.py::TestDesk",
    ),
    Guard(
        "notice_lifecycle",
        "what is in somebody's hands is not withdrawn in silence",
        "standing.state not in CLOSED and standing.served_on is None",
        "standing.state not in CLOSED",
        "test_notice_lifecycle.py::TestDesk",
    ),
    Guard(
        "list_lifecycle",
        "a copy does not outlive the person's own tier",
        "own.where(own < until, until)",
        "until",
        "test_list_lifecycle.py::test_an_entry_lasts_no_longer_than_its_list_and_the_persons_own_tier",
    ),
)
