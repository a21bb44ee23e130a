"""The restricted lists, as frames: each takes the decisions of the rules and adds the columns that explain them."""

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.people_lists import rules
from models.people_lists.rule_features import child_events, grave_incidents, sales_outside_markets
from models.people_scores.config import PeopleConfig
from models.people_scores.counterfactuals import moves_out
from models.people_scores.evidence import AXES, BANDS, NO_OFFENCE, SUPPLY_CODES
from models.people_scores.leave_one_axis_out import ranks_without
from models.people_scores.scoring import Scoring
from models.statistics.rank_draws import total_order

DAYS_PER_YEAR = 365.25
EVIDENCE_SHOWN = 3


def live_warrants(warrants: pd.DataFrame, codebook: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the outstanding warrants with underlying band, `is_use`, age, and the rule and route of each.

    A warrant over what is no offence has the route `return`: it holds nothing against the person.
    """
    live = warrants[warrants["status"].eq("outstanding") & warrants["issued_at"].lt(as_of)]
    unknown = sorted(set(live["underlying_offence_code"]) - set(codebook.index))
    if unknown:
        raise ValueError(
            f"underlying_offence_code={unknown[0]!r}: not in the codebook; add it there or correct the warrant"
        )
    live = with_route(live.assign(age_days=(as_of - live["issued_at"]).dt.days.astype("int32")), codebook)
    if live["route"].eq("none").any():
        raise ValueError("a live warrant is neither bench nor arrest: expected one of these kinds")
    return live


def with_route(warrants: pd.DataFrame, codebook: pd.DataFrame) -> pd.DataFrame:
    """Return warrants with what their offence is (underlying_band, is_offence, is_use), and rule and route of each."""
    offence = codebook.reindex(warrants["underlying_offence_code"])
    is_use = offence["category"].eq("drugs") & ~offence.index.isin(SUPPLY_CODES)
    described = warrants.assign(
        underlying_band=offence["band"].to_numpy(),
        is_offence=~offence["category"].isin(NO_OFFENCE).to_numpy(),
        is_use=is_use.to_numpy(dtype=bool),
    )
    matched = rules.first_match(rules.WARRANT_RULES, described, "none")
    return described.assign(route=matched["outcome"], rule=matched["rule"])


# Who is on a list of people, by the decisions; `admitted` says which warrants are on the queue.
MEMBERS: dict[str, rules.Test] = {
    "person_tier": lambda d: d["tier"].isin(["target", "warn"]),
    "dealer_ranking": lambda d: d["view"].eq("dealer_ranking"),
    "call_in": rules.INVITED.holds,
    "referral": lambda d: d["gate"].eq("treatment_information") | d["route"].eq("diversion"),
    "safeguarding": lambda d: d["gate"].eq("safeguarding"),
}


def admitted(live: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return the live warrants that are on the queue.

    A person with only use of drugs may be summonsed, never arrested; the other gates admit no warrant.
    """
    gate = decisions["gate"].reindex(live["person_id"]).to_numpy()
    return live[(gate == "passed") | ((gate == "treatment_information") & live["route"].eq("summons").to_numpy())]


def warrant_queue(live: pd.DataFrame, decisions: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the queue of live warrants in the order of execution, with the rule of each.

    A court's warrant stays on it whatever treatment the person is in; `treatment_route` says which.
    """
    queued = admitted(live, decisions)
    order = queued.assign(
        by_rule=queued["rule"].map(rules.WARRANT_ORDER.index),
        is_arrest=queued["kind"].eq("arrest"),
        by_band=queued["underlying_band"].map(BANDS.index),
    ).sort_values(["by_rule", "is_arrest", "by_band", "issued_at", "warrant_id"], kind="stable")
    columns = ["warrant_id", "person_id", "kind", "route", "underlying_offence_code", "underlying_band", "issued_at"]
    queue = order[[*columns, "age_days", "rule"]].reset_index(drop=True)
    deciding = pd.Series([[warrant] for warrant in queue["warrant_id"]], dtype=object)
    treated = _treatment_route(decisions, facts).reindex(queue["person_id"]).array
    queue = queue.assign(rule_evidence_ids=deciding, treatment_route=treated)
    queue.insert(0, "position", np.arange(1, len(queue) + 1, dtype=np.int32))
    return queue


def _treatment_route(decisions: pd.DataFrame, facts: pd.DataFrame) -> pd.Series:
    """Return engaged, diversion or treatment_information per person; missing where none of them holds."""
    is_engaged = facts["is_treatment_consented"] & facts["is_treatment_engaged"]
    referred = decisions["route"].where(decisions["route"].ne("none"), decisions["gate"])
    referred = referred.where(MEMBERS["referral"](decisions)).astype("str")
    return referred.mask(is_engaged.reindex(decisions.index), "engaged")


def person_tier(
    decisions: pd.DataFrame,
    facts: pd.DataFrame,
    evidence: pd.DataFrame,
    scoring: Scoring,
    terms: pd.DataFrame,
    config: PeopleConfig,
    seed: int,
) -> pd.DataFrame:
    """Return targets and people to warn, by rank; frequency, recency and harm are columns for explanation."""
    listed = decisions[MEMBERS["person_tier"](decisions)].sort_values("rank")
    latest = evidence.groupby("person_id")["age_days"].min()
    heaviest = _heaviest(evidence, listed.index, config.half_life_days)
    counted, grave = _ids(heaviest, listed.index), _latest_ids(grave_incidents(evidence), listed.index)
    is_grave = listed["tier_rule"].map(lambda name: rules.RULES[name].grounds == "grave").to_numpy(dtype=bool)
    term = terms.set_index("person_id").reindex(listed.index)
    return pd.DataFrame(
        {
            "person_id": listed.index,
            "tier": listed["tier"].to_numpy(),
            **{name: listed[name].to_numpy(dtype=np.int32) for name in ("rank", "rank_lo", "rank_hi")},
            **_ranks_without(listed.index, scoring, seed),
            "is_pareto": listed["is_pareto"].to_numpy(dtype=bool),
            "top_k": np.full(len(listed), scoring.top_k, dtype=np.int32),
            **{name: listed[name].to_numpy(dtype=np.float64) for name in ("p_top_k", "p_top_k_fixed_weights", "score")},
            **_harm_per_year(listed),
            **_shares(listed),
            "high_event_count": facts["high_event_count"].reindex(listed.index).to_numpy(dtype=np.int32),
            "recency_days": latest.reindex(listed.index).to_numpy(dtype=np.int32),
            "frequency_per_year": listed["events_per_day"].to_numpy(dtype=np.float64) * DAYS_PER_YEAR,
            "exposure_days": listed["exposure_days"].to_numpy(dtype=np.float64),
            "evidence_ids": counted,
            "moves_out_if": moves_out(listed, heaviest, evidence, scoring, config, seed),
            "rule": listed["tier_rule"].to_numpy(),
            "rule_evidence_ids": pd.Series(grave).where(is_grave, pd.Series(counted)).to_numpy(dtype=object),
            "term_from": term["term_from"].array,
            "expires_at": term["expires_at"].array,
            "list_status": np.full(len(listed), "draft", dtype=object),
        }
    )


def decision(person_id: str, decisions: pd.DataFrame, evidence: pd.DataFrame, config: PeopleConfig) -> pd.DataFrame:
    """Return the decision on one person, on whichever list; no row if there was nothing to decide."""
    found = decisions[decisions.index == person_id]
    is_gated = found["gate"].ne("passed")
    return pd.DataFrame(
        {
            "person_id": found.index,
            "tier": found["tier"].to_numpy(),
            "rule": found["gate_rule"].where(is_gated, found["tier_rule"]).to_numpy(),
            **{name: found[name].where(~is_gated).to_numpy(dtype=np.float64) for name in _RANK_COLUMNS},
            **_harm_per_year(found),
            **_shares(found),
            "evidence_ids": _ids(_heaviest(evidence, found.index, config.half_life_days), found.index),
        }
    )


_RANK_COLUMNS = ("p_top_k", "p_top_k_fixed_weights", "rank", "rank_lo", "rank_hi", "exposure_days")


def dealer_ranking(
    decisions: pd.DataFrame, offences_held: pd.DataFrame, evidence: pd.DataFrame, config: PeopleConfig
) -> pd.DataFrame:
    """Return sellers outside flagrant markets: selling decides who is in this view, harm alone decides the order."""
    sellers = decisions[MEMBERS["dealer_ranking"](decisions)]
    sellers = sellers.iloc[total_order(sellers["score"], ids=sellers.index)]
    heaviest = _heaviest(evidence, sellers.index, config.half_life_days)
    return pd.DataFrame(
        {
            "person_id": sellers.index,
            "rank": np.arange(1, len(sellers) + 1, dtype=np.int32),
            "tier": sellers["tier"].to_numpy(),
            "score": sellers["score"].to_numpy(dtype=np.float64),
            "p_top_k": sellers["p_top_k"].to_numpy(dtype=np.float64),
            "harm_per_year": _harm_per_year(sellers)["harm_per_year"],
            **_shares(sellers),
            "evidence_ids": _ids(heaviest, sellers.index),
            "rule": sellers["view_rule"].to_numpy(),
            "rule_evidence_ids": _latest_ids(sales_outside_markets(offences_held), sellers.index),
        }
    )


def referral(
    decisions: pd.DataFrame, offences_held: pd.DataFrame, live: pd.DataFrame, actions: pd.DataFrame
) -> pd.DataFrame:
    """Return the people to be offered treatment, by information or diversion, with offers and starts recorded."""
    referred = decisions[MEMBERS["referral"](decisions)]
    is_informed = referred["gate"].eq("treatment_information")
    return pd.DataFrame(
        {
            "person_id": referred.index,
            "route": np.where(is_informed, "treatment_information", "diversion"),
            "offered_at": _latest_action(actions, "referral_offered", referred.index),
            "started_at": _latest_action(actions, "referral_started", referred.index),
            "rule": np.where(is_informed, referred["gate_rule"], referred["route_rule"]),
            "evidence_ids": _latest_ids(_grounds(offences_held, live), referred.index),
        }
    )


def safeguarding(
    decisions: pd.DataFrame, facts: pd.DataFrame, events: pd.DataFrame, offences_held: pd.DataFrame, live: pd.DataFrame
) -> pd.DataFrame:
    """Return the people under 18 or of unknown age, with the reason and the evidence."""
    guarded = decisions[MEMBERS["safeguarding"](decisions)]
    concern = child_events(events)
    used = concern[concern["is_minor_used_by_adult"]]
    return pd.DataFrame(
        {
            "person_id": guarded.index,
            "reason": guarded["gate_rule"].to_numpy(),
            "is_used_by_adult": guarded.index.isin(used["person_id"]) & facts["is_under_18"].reindex(guarded.index),
            "rule": guarded["gate_rule"].to_numpy(),
            "evidence_ids": _latest_ids(_grounds(offences_held, live, concern), guarded.index),
        }
    ).reset_index(drop=True)


def count_people(
    decisions: pd.DataFrame, queue: pd.DataFrame, dealers: pd.DataFrame, returned: pd.DataFrame
) -> pd.DataFrame:
    """Count people by outcome, for reports; the counts hold no ids."""
    gates, tiers, rulings = decisions["gate"], decisions["tier"], decisions["tier_rule"]
    people = {
        "known": len(decisions),
        **{gate: int(gates.eq(gate).sum()) for gate in dict.fromkeys(rule.outcome for rule in rules.GATES)},
        "diversion": int(decisions["route"].eq("diversion").sum()),
        "in_treatment_withheld": int(decisions["is_withheld"].sum()),
        "insufficient_exposure": int(rulings.eq("insufficient_exposure").sum()),
        "no_harm": int(rulings.eq("no_harm").sum()),
        "away": int(rulings.eq("away").sum()),
        "term_over": int(rulings.eq("term_over").sum()),
        "scored": int(decisions["p_top_k"].notna().sum()),
        **{tier: int(tiers.eq(tier).sum()) for tier in ("target", "warn", "unlisted")},
        "dealer": len(dealers),
        "warrant_execute": int(queue.loc[queue["route"].eq("execute"), "person_id"].nunique()),
        "warrant_summons": int(queue.loc[queue["route"].eq("summons"), "person_id"].nunique()),
        "warrant_return": int(returned["person_id"].nunique()),
    }
    return pd.DataFrame({"outcome": list(people), "people": list(people.values())})


# Columns shared by lists.


def _harm_per_year(people: pd.DataFrame) -> dict[str, Floats]:
    ends = {
        "harm_per_year": "harm_per_day",
        "harm_per_year_lo": "harm_per_day_lo",
        "harm_per_year_hi": "harm_per_day_hi",
    }
    return {name: people[daily].to_numpy(dtype=np.float64) * DAYS_PER_YEAR for name, daily in ends.items()}


def _shares(people: pd.DataFrame) -> dict[str, Floats]:
    return {f"{axis}_share": people[f"share_{i}"].to_numpy(dtype=np.float64) for i, axis in enumerate(AXES)}


def _ranks_without(people: pd.Index, scoring: Scoring, seed: int) -> dict[str, pd.Series]:
    """Return the rank of each person with one axis left out of the score; an empty list ranks nobody."""
    if people.empty or scoring.scale is None:
        return {f"rank_without_{axis}": pd.Series(dtype="Int32") for axis in AXES}
    ranks = ranks_without(seed, scoring.scored.tolist(), scoring.rates, scoring.scale, scoring.top_k).loc[people]
    return {f"rank_without_{axis}": ranks[f"without_{i}"].array for i, axis in enumerate(AXES)}


def _heaviest(evidence: pd.DataFrame, people: pd.Index, half_life_days: float) -> pd.DataFrame:
    """Return the heaviest incidents of each person: person_id, place (0 first), incident_id."""
    own = evidence[evidence["person_id"].isin(people)]
    weight = own["harm_days"] * own["factor"] * np.exp2(-own["age_days"] / half_life_days)
    total = weight.groupby([own["person_id"], own["incident_id"]]).sum().rename("weight").reset_index()
    order = total.sort_values(["person_id", "weight", "incident_id"], ascending=[True, False, True], kind="stable")
    order = order.assign(place=order.groupby("person_id").cumcount())
    return order[order["place"] < EVIDENCE_SHOWN].reset_index(drop=True)


def _ids(heaviest: pd.DataFrame, people: pd.Index) -> np.ndarray:
    """Return lists of incident ids in the order of `people`; an empty list where there are none."""
    lists = heaviest.groupby("person_id")["incident_id"].agg(list).reindex(people)
    return lists.where(lists.notna(), pd.Series([[]] * len(lists), index=lists.index, dtype=object)).to_numpy(
        dtype=object
    )


def _grounds(offences_held: pd.DataFrame, live: pd.DataFrame, *more: pd.DataFrame) -> pd.DataFrame:
    """Return the incidents and warrants that can decide about a person: person_id, incident_id, age_days."""
    columns = ["person_id", "incident_id", "age_days"]
    warrants = live.rename(columns={"warrant_id": "incident_id"})
    return pd.concat([frame[columns] for frame in (offences_held, *more, warrants)]).drop_duplicates(columns[:2])


def _latest_ids(incidents: pd.DataFrame, people: pd.Index) -> np.ndarray:
    own = incidents[incidents["person_id"].isin(people)].sort_values(
        ["person_id", "age_days", "incident_id"], kind="stable"
    )
    return _ids(own.groupby("person_id").head(EVIDENCE_SHOWN), people)


def _latest_action(actions: pd.DataFrame, kind: str, people: pd.Index) -> pd.Series:
    of_kind = actions[actions["kind"].eq(kind) & actions["subject_person_id"].notna()]
    latest = of_kind.groupby("subject_person_id")["at"].max().reindex(people)
    return pd.to_datetime(latest, utc=True).reset_index(drop=True)
