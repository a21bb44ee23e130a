"""Call-ins: choose the people to warn together so that the message spreads furthest over evidenced links.

A message to a few people reaches their co-offenders (group violence intervention; Braga and Weisburd 2012, Journal of
Research in Crime and Delinquency 49:323). Choosing k to invite is maximum coverage with chances of attendance (Church
and ReVelle 1974, Papers of the Regional Science Association 32:101; for call-ins, A. Wheeler): maximise Σ Rᵢ subject to
Rᵢ ≤ Σ pⱼSⱼ over i and everybody linked to i, 0 ≤ Rᵢ ≤ 1, Σ Sⱼ = k, S whole.

A link is an incident over which both people are suspected, charged or convicted, except for use of drugs alone.
Victims and witnesses have no links. Links decide only who is invited: scores and tiers are computed before.
"""

import numpy as np
import pandas as pd
import scipy  # its slow parts, optimize and interpolate, are imported with their first use
from scipy import sparse

from models.arrays import Floats
from models.people_lists import rules
from models.people_lists.rule_features import is_evidenced

COLUMNS = [
    "person_id", "position", "attendance_probability", "linked_count", "reach_alone", "added_reach", "plan_reach",
    "plan_bound", "plan_gap", "rule", "rule_evidence_ids",
]  # fmt: skip
NODE_LIMIT = 20_000  # a time limit would make the answer depend on the machine
TOLERANCE = 1e-6


def call_in(decisions: pd.DataFrame, offences_held: pd.DataFrame, *, size: int, attendance: float) -> pd.DataFrame:
    """Choose the people to invite.

    Parameters
    ----------
    decisions : DataFrame
        Index person_id: as models.people_lists.rules.decide returns, with rank.
    offences_held : DataFrame
        As models.people_scores.evidence.offences returns.
    size : int
        The greatest number of people to invite.
    attendance : float
        Probability that a person invited attends.

    Returns
    -------
    DataFrame
        The table `call_in` without the run's columns, by position. Reach is given only as counts and incidents: a row
        about one person names no other.
    """
    invited = decisions[rules.INVITED.holds(decisions)].sort_values("rank", kind="stable")
    reachable = decisions.index[rules.may_be_reached(decisions)]
    links = evidenced_links(offences_held, invited.index, reachable)
    people = pd.Index(links["linked_id"]).union(invited.index).unique().sort_values()
    chance = attendance * _adjacency(links, people, invited.index)
    chosen, bound = choose(chance, size)
    order = _by_added_reach(chance[:, chosen], len(chosen))
    chosen, ids = chosen[order], invited.index[chosen[order]]
    reach = [_reach(chance[:, chosen[:n]]) for n in range(len(chosen) + 1)]
    links_of_chosen = links[links["person_id"].isin(ids)]
    latest_first = links_of_chosen.sort_values(["age_days", "incident_id"])
    incidents = latest_first.groupby("person_id")["incident_id"].unique()
    linked = links_of_chosen.groupby("person_id")["linked_id"].nunique()
    return pd.DataFrame(
        {
            "person_id": ids,
            "position": np.arange(1, len(ids) + 1, dtype=np.int32),
            "attendance_probability": attendance,
            "linked_count": linked.reindex(ids, fill_value=0).to_numpy(),
            "reach_alone": np.asarray(chance[:, chosen].sum(axis=0)).ravel(),
            "added_reach": np.diff(reach),
            "plan_reach": reach[-1],
            "plan_bound": bound,
            "plan_gap": 1 - reach[-1] / bound if bound else 0.0,
            "rule": rules.INVITED.name,
            "rule_evidence_ids": pd.Series([list(incidents.get(i, ())) for i in ids], dtype=object),
        },
        columns=COLUMNS,
    )


def evidenced_links(offences_held: pd.DataFrame, invited: pd.Index, reachable: pd.Index) -> pd.DataFrame:
    """Return the pairs of a person who may be invited and one who may be reached, linked by an incident.

    Parameters
    ----------
    offences_held : DataFrame
        As models.people_scores.evidence.offences returns.
    invited : Index
        People who may be invited.
    reachable : Index
        People whom the warning may reach.

    Returns
    -------
    DataFrame
        person_id, linked_id, incident_id, age_days; one row per pair and incident.
    """
    evidenced = offences_held[
        is_evidenced(offences_held) & ~offences_held["is_use"] & offences_held["person_id"].isin(reachable)
    ]
    of_invited = evidenced.loc[evidenced["person_id"].isin(invited), ["person_id", "incident_id", "age_days"]]
    others = evidenced[["person_id", "incident_id"]].rename(columns={"person_id": "linked_id"})
    pairs = of_invited.merge(others, on="incident_id")
    return pairs[pairs["person_id"].ne(pairs["linked_id"])].reset_index(drop=True)


def choose(chance: sparse.csc_array, size: int) -> tuple[np.ndarray, float]:
    """Choose columns of `chance` for the greatest reach.

    Parameters
    ----------
    chance : csc_array
        [people, candidates]: probability that inviting the candidate reaches the person.
    size : int
        The greatest number of candidates to choose.

    Returns
    -------
    tuple of ndarray and float
        Positions of the chosen, ascending, and an upper bound on the reach of any choice. Among choices of equal reach
        the one with the least sum of positions is taken, which prefers higher-ranked candidates.
    """
    people, candidates = chance.shape
    size = min(size, candidates)
    if size == candidates:
        return np.arange(candidates), _reach(chance)
    reach_first = np.r_[np.zeros(candidates), -np.ones(people)]
    covered = scipy.optimize.LinearConstraint(
        sparse.hstack([-chance, sparse.eye_array(people)], format="csr"), -np.inf, 0
    )
    count = scipy.optimize.LinearConstraint(np.r_[np.ones(candidates), np.zeros(people)][None, :], size, size)
    found = _solve(reach_first, [covered, count], candidates)
    chosen = np.sort(_by_added_reach(chance, size)) if found.x is None else _picked(found.x, candidates)
    best = _reach(chance[:, chosen])
    bound = float(people) if found.mip_dual_bound is None else max(-float(found.mip_dual_bound), best)
    as_good = scipy.optimize.LinearConstraint(-reach_first[None, :], best - TOLERANCE, np.inf)
    position_first = np.r_[np.arange(1.0, candidates + 1), np.zeros(people)]
    preferred = _solve(position_first, [covered, count, as_good], candidates)
    if preferred.x is not None:
        alternative = _picked(preferred.x, candidates)
        chosen = alternative if _reach(chance[:, alternative]) >= best - 2 * TOLERANCE else chosen
    return chosen, bound


def _solve(
    objective: Floats, constraints: "list[scipy.optimize.LinearConstraint]", candidates: int
) -> "scipy.optimize.OptimizeResult":
    is_integer = np.arange(len(objective)) < candidates
    options = {"mip_rel_gap": 0.0, "node_limit": NODE_LIMIT}
    return scipy.optimize.milp(
        objective, integrality=is_integer, bounds=scipy.optimize.Bounds(0, 1), constraints=constraints, options=options
    )


def _picked(solution: Floats, candidates: int) -> np.ndarray:
    return np.flatnonzero(solution[:candidates] > 0.5)


def _adjacency(links: pd.DataFrame, people: pd.Index, invited: pd.Index) -> sparse.csc_array:
    """Return [people, candidates]: 1 where linked, or the same person."""
    pairs = links[["linked_id", "person_id"]].drop_duplicates()
    row = np.r_[people.get_indexer(pd.Index(pairs["linked_id"])), people.get_indexer(invited)]
    column = np.r_[invited.get_indexer(pd.Index(pairs["person_id"])), np.arange(len(invited))]
    return sparse.csc_array((np.ones(len(row)), (row, column)), shape=(len(people), len(invited)))


def _reach(chance: sparse.csc_array) -> float:
    return float(np.minimum(chance.sum(axis=1), 1.0).sum())


def _by_added_reach(chance: sparse.csc_array, size: int) -> np.ndarray:
    """Return `size` columns, greedily by added reach; of equal columns the earlier one."""
    reached, order, dense = np.zeros(chance.shape[0]), list[int](), chance.toarray()
    for _ in range(size):
        gain = (np.minimum(reached[:, None] + dense, 1.0) - np.minimum(reached, 1.0)[:, None]).sum(axis=0).round(9)
        gain[order] = -1.0
        order.append(int(gain.argmax()))
        reached += dense[:, order[-1]]
    return np.asarray(order, dtype=int)
