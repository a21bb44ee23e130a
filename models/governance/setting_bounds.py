"""How far a force may set what protects people: a bound and a reason for each such setting, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, slots=True)
class Bound:
    """The values that a setting may have, from `least` to `most`, and why."""

    least: float
    most: float
    reason: str

    def holds(self, value: float) -> bool:
        """Return True if the value lies within the bound."""
        return self.least <= value <= self.most


ANY = float("inf")
LISTING_ENDS = "a listing of a person ends within 90 days unless there is new evidence"
FEW_PEOPLE = "people lists are for the few high-rate serious offenders"
SURE_ENOUGH = "nobody may be listed at less certainty than the method was tested at"
TIME_TO_ANSWER = "people have to be told in time to change what they do"
LOW_ARREST = "operations are low-arrest"
HEALTH_FIRST = "health partners are told first, and treatment stays out of reach of an operation"
SEVERAL_SOURCES = "a market is called flagrant on lasting reports of several people alone"
ENOUGH_DRAWS = "a chance is a share of draws"
UNSURE_WEIGHTS = "nobody knows the weights of the axes exactly"
NO_EMPTY_RANKING = "a ranking without data is not published"
NO_OLD_RANKING = "a ranking is used while it is new"

BOUNDS: Mapping[str, Bound] = {
    "people.window_days": Bound(1, 3650, "what somebody did longer ago is no evidence of a high rate now"),
    "people.half_life_days": Bound(1, 730, "old evidence fades"),
    "people.draws": Bound(200, ANY, ENOUGH_DRAWS),
    "people.concentration": Bound(1, 200, UNSURE_WEIGHTS),
    "people.top_k": Bound(1, 100, FEW_PEOPLE),
    "people.top_share": Bound(0, 0.1, FEW_PEOPLE),
    "people.target_probability": Bound(0.8, 1, SURE_ENOUGH),
    "people.warn_probability": Bound(0.5, 1, SURE_ENOUGH),
    "people.leave_margin": Bound(0, 0.2, SURE_ENOUGH),
    "people.minimum_exposure_days": Bound(30, ANY, "fewer days at liberty give no rate"),
    "people.term_days": Bound(1, 90, LISTING_ENDS),
    "people.call_in_size": Bound(1, 50, FEW_PEOPLE),
    "publication.people_valid_days": Bound(1, 90, LISTING_ENDS),
    "publication.valid_days": Bound(1, 7, NO_OLD_RANKING),
    "audits.fresh_days": Bound(1, 31, "lists halt where nobody looked at fairness, feedback or displacement"),
    "notices.decision_days": Bound(1, 30, "a letter is served while its facts are new"),
    "notices.lead_days": Bound(3, ANY, TIME_TO_ANSWER),
    "notices.response_days": Bound(7, ANY, TIME_TO_ANSWER),
    "notices.operation_days": Bound(1, 90, "an announced operation ends"),
    "notices.reading_age": Bound(5, 14, "whoever gets a notice can read it"),
    "crackdowns.arrest_budget": Bound(0, 20, LOW_ARREST),
    "crackdowns.partner_lead_days": Bound(1, ANY, HEALTH_FIRST),
    "crackdowns.buffer_m": Bound(100, ANY, HEALTH_FIRST),
    "crackdowns.watch_days": Bound(21, ANY, "overdoses rise for three weeks after a seizure"),
    "crackdowns.watch_m": Bound(500, ANY, "overdoses rise within 500 m of a seizure"),
    "crackdowns.minimum_p_tip": Bound(0.5, 1, "no operation is announced that will probably fail"),
    "markets.minimum_weeks": Bound(4, ANY, SEVERAL_SOURCES),
    "markets.minimum_callers": Bound(5, ANY, SEVERAL_SOURCES),
    "markets.minimum_score": Bound(0.5, 1, SEVERAL_SOURCES),
    "promises.response_deadline_h": Bound(0, 168, "a consequence is swift"),
    "promises.kept_rate_floor": Bound(0.5, 1, "who does not keep promises stops announcing"),
    "promises.delivered_share": Bound(0.5, 1, "who does not keep promises stops announcing"),
    "quality.located_share": Bound(0.5, 1, NO_EMPTY_RANKING),
    "quality.unstated_share": Bound(0, 0.9, NO_EMPTY_RANKING),
    "quality.axes_share": Bound(0, 0.8, NO_EMPTY_RANKING),
    "quality.fall_share": Bound(0, 0.9, NO_EMPTY_RANKING),
    "places.draws": Bound(100, ANY, ENOUGH_DRAWS),
    "places.concentration": Bound(1, 200, UNSURE_WEIGHTS),
    "places.window_days": Bound(28, ANY, "four weeks at least tell areas apart"),
    "places.horizon_days": Bound(1, 90, "days further ahead are not known"),
    "places.list_leave": Bound(0.2, 1, "an area leaves the list when it no longer belongs there"),
    "places.list_enter": Bound(0.5, 1, "an area is listed that more probably belongs there than not"),
}  # fmt: skip


def check_bounds(settings: object) -> None:
    """Check every setting that protects people against its bound.

    Parameters
    ----------
    settings : object
        sections as attributes, and their settings as attributes of these.

    Raises
    ------
    ValueError
        A setting lies outside its bound; the message names it, the bound and the reason.
    """
    for name, bound in BOUNDS.items():
        value = reduce(getattr, name.split("."), settings)
        if not isinstance(value, (int, float)) or not bound.holds(value):
            raise ValueError(f"{name}={value!r}: expected {_in_words(bound)}, because {bound.reason}")


def _in_words(bound: Bound) -> str:
    if bound.most == ANY:
        return f"at least {bound.least:g}"
    return f"{bound.least:g} to {bound.most:g}"
