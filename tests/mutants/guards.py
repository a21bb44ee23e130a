"""Guards of people that stand outside the rule book: each line takes one away, and some test must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard and the text that takes it away."""

    module: str
    guard: str
    old: str
    new: str


BOTH = '(people["has_harm"] & people["has_exposure"])'

GUARDS = (
    Guard("evidence", "dropped arrests weigh nothing", '"no_further_action": 0.0', '"no_further_action": 0.1'),
    Guard("evidence", "victims bear nothing", '"victim": 0.0', '"victim": 0.1'),
    Guard("evidence", "witnesses bear nothing", '"witness": 0.0', '"witness": 0.1'),
    Guard("evidence", "what the police find raises nothing", '"partner", "sensor")', '"partner", "sensor", "police")'),
    Guard("evidence", "contacts are no offence", 'NO_OFFENCE = ("health", "contact")', 'NO_OFFENCE = ("health",)'),
    Guard("evidence", "overdoses are no offence", 'NO_OFFENCE = ("health", "contact")', 'NO_OFFENCE = ("contact",)'),
    Guard("evidence", "only adults use minors", '["is_minor_used_by_adult"] & is_of_age', '["is_minor_used_by_adult"]'),
    Guard("register", "of age at eighteen", "OF_AGE = 18", "OF_AGE = 17"),
    Guard("register", "a year counts as its last day", "10_000 + 1231", "10_000 + 101"),
    Guard("facts", "who is not registered may be a child", '["is_age_unknown"], True)', '["is_age_unknown"], False)'),
    Guard("facts", "a spree counts once", 'floor("D")', 'floor("s")'),
    Guard("facts", "sales in flagrant markets concern the place", '~held["in_flagrant_market"].astype(bool)', "True"),
    Guard("facts", "the police's own suspicion is no ground", '| held["factor"].gt(0)', '| held["factor"].ge(0)'),
    Guard("lists", "users are not arrested", '(gate == "treatment_information") & live', '(gate != "") | live'),
    Guard("exposure", "who is inside is not at liberty", '["custody_from"].lt(as_of)', '["custody_from"].gt(as_of)'),
    Guard("terms", "listings end", '["expires_at"].le(as_of)', '["expires_at"].isna()'),
    Guard("terms", "an earlier incident renews nothing", 'now.gt(terms["counted_until"])', "now.notna()"),
    Guard("offending", "names of incidents decide no bit", "rows.iloc[order], person[order]", "rows, person"),
    Guard("scoring", "nobody is scored without harm", BOTH, '(people["has_exposure"])'),
    Guard("scoring", "too short a time is not scored", BOTH, '(people["has_harm"])'),
    Guard("callin", "use of drugs links nobody", '~held["is_use"] &', ""),
    Guard("callin", "only eligible adults are reached", 'held["person_id"].isin(reachable)', "True"),
)  # fmt: skip
