"""Explain in plain language why a person is on a list: for the person, the visiting officer, the reviewer."""

from collections.abc import Mapping

import pandas as pd

from models.people_lists.rules import RULES, path
from models.people_lists.still_listed import ENDED
from models.people_scores.evidence import AXES

NOT_GROUNDS = (
    "Being on a list is not a charge, a caution or proof of guilt, and no grounds for a stop, an arrest or an eviction."
)
CONTEST = (
    "To contest: say which incident is wrong or not yours, to the contact on the notice or the force's professional "
    "standards department. A named person must then look at the evidence again and answer."
)
TREATED = (
    "The person is in treatment, or is to be offered it: the court's warrant stands; ask the court or the treatment "
    "service before serving it."
)
ABSENT = "On no list in this run."
NOTHING_HELD = RULES["nothing_held_against"].words  # for people who occur in events only, as a victim or witness
TIERS = {"target": "people to target, the high-rate serious", "warn": "people to warn, the next level"}


def explain_person(person_id: str, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Explain a person's entries in the restricted tables, line by line.

    Parameters
    ----------
    person_id : str
        The person to explain.
    tables : mapping of str to DataFrame
        The restricted tables of one run by name; absent ones count as empty. For a person on no list, the table
        `decision`, as models.people_lists.lists returns it, gives the reason. Table `off_list` has person_id, list and
        why of entries that no longer stand.

    Returns
    -------
    list of str
        Lines of plain language; the last two say what a list is not and how to contest it.
    """
    formatters = {
        "safeguarding": _safeguarding,
        "warrant_queue": _warrant,
        "person_tier": _tier,
        "dealer_ranking": _dealer,
        "call_in": _call_in,
        "referral": _referral,
        "decision": _decision,
    }
    off = [_off(row) for row in _rows(person_id, tables, "off_list")]
    lines = [
        line
        for name, lines_of in formatters.items()
        for row in _rows(person_id, tables, name)
        for line in lines_of(row)
    ]
    terms = {"tier_term": ("listed", "an incident"), "seller_term": ("shown among sellers", "a sale")}
    expired_terms = [
        line
        for name, texts in terms.items()
        for row in _rows(person_id, tables, name)
        for line in _expired_term(row, *texts)
    ]
    unlisted = [ABSENT, NOTHING_HELD] if "decision" in tables else [ABSENT]
    joined = _joined([row for name in formatters for row in _rows(person_id, tables, name)])
    return [*off, *(lines or unlisted), *joined, *expired_terms, NOT_GROUNDS, CONTEST]


def _joined(rows: list[dict]) -> list[str]:
    """Return a line that several ids are the person, if they are: who is not may contest it."""
    since = [row["joined_since"] for row in rows if pd.notna(row.get("joined_since"))]
    return [f"Several of the force's ids have been taken for this person since {since[0]:%Y-%m-%d}."] if since else []


def _off(row: Mapping) -> str:
    known = f"its warrant was {ENDED}" if row["why"] == ENDED else f"the person is now known to be {row['why']}"
    return f"No longer on the list {row['list']}: {known}."


def _rows(person_id: str, tables: Mapping[str, pd.DataFrame], name: str) -> list[dict]:
    table = tables.get(name, pd.DataFrame({"person_id": []}))
    return table[table["person_id"].eq(person_id)].to_dict("records")


def _tier(row: Mapping) -> list[str]:
    return [
        f"On the list of {TIERS[row['tier']]}. {RULES[row['rule']].words}",
        f"What decided: {_ids(row['rule_evidence_ids'])} (rule {row['rule']}).",
        *_path(row["rule"]),
        *_rank_lines(row),
        f"How often and when: about {row['frequency_per_year']:.1f} incidents per year at liberty, weighed by how sure "
        f"the evidence is; the latest {row['recency_days']} days ago; grave ones at least a day apart: "
        f"{row['high_event_count']}.",
        _axes(row),
        *_ranks_without_axis(row),
        f"Heaviest evidence: {_ids(row['evidence_ids'])}.",
        row["moves_out_if"],
        f"Whatever the chance, the listing ends on {row['expires_at']:%Y-%m-%d} unless a new incident counts before.",
    ]


def _rank_lines(row: Mapping) -> list[str]:
    return [
        f"Chance of being among the worst{_size(row)}: {row['p_top_k']:.0%} ({row['p_top_k_fixed_weights']:.0%} were "
        f"it certain how much each kind of harm weighs). Rank {row['rank']:.0f}, likely between {row['rank_lo']:.0f} "
        f"and {row['rank_hi']:.0f}.",
        f"How much harm: {row['harm_per_year']:.0f} harm points per year at liberty, likely "
        f"between {row['harm_per_year_lo']:.0f} and {row['harm_per_year_hi']:.0f}, seen over "
        f"{row['exposure_days']:.0f} days at liberty, of which older ones weigh less.",
    ]


def _decision(row: Mapping) -> list[str]:
    is_exempted = row["tier"] in TIERS
    return [
        ABSENT,
        "A named person took this one off the list: an exception is in force." * is_exempted
        or f"What decided: {RULES[row['rule']].words} (rule {row['rule']})",
        *([] if is_exempted else _path(row["rule"])),
        *([] if pd.isna(row["p_top_k"]) else [*_rank_lines(row), _axes(row)]),
        *([f"Heaviest evidence: {_ids(row['evidence_ids'])}."] if len(row["evidence_ids"]) else []),
    ]


def _dealer(row: Mapping) -> list[str]:
    return [
        f"Among sellers outside flagrant markets, rank {row['rank']} by harm. {RULES[row['rule']].words}",
        f"What decided: {_ids(row['rule_evidence_ids'])} (rule {row['rule']}). What or how much is sold adds nothing.",
        _axes(row),
    ]


def _call_in(row: Mapping) -> list[str]:
    return [
        f"To be invited, position {row['position']}, to a meeting where the warning is given. "
        f"{RULES[row['rule']].words}",
        f"On record with {row['linked_count']} other adults over {_ids(row['rule_evidence_ids'])} "
        f"(rule {row['rule']}). Being on record with others raises no score and lists nobody.",
    ]


def _warrant(row: Mapping) -> list[str]:
    return [
        f"Warrant {row['warrant_id']}, position {row['position']}: {RULES[row['rule']].words} "
        f"Issued {row['age_days']} days ago over {row['underlying_offence_code']} (rule {row['rule']}).",
        *([] if pd.isna(row.get("treatment_route")) else [TREATED]),
    ]


def _referral(row: Mapping) -> list[str]:
    offered = "not yet offered" if pd.isna(row["offered_at"]) else f"offered {row['offered_at']:%Y-%m-%d}"
    started = "" if pd.isna(row["started_at"]) else f", started {row['started_at']:%Y-%m-%d}"
    return [
        f"To be offered {row['route'].replace('_', ' ')}: {RULES[row['rule']].words} ({offered}{started}; "
        f"rule {row['rule']}; decided by {_ids(row['evidence_ids'])})",
        *_path(row["rule"]),
    ]


def _safeguarding(row: Mapping) -> list[str]:
    return [
        f"Safeguarding: {RULES[row['rule']].words} (rule {row['rule']}; decided by {_ids(row['evidence_ids'])})",
        *_path(row["rule"]),
    ]


def _expired_term(row: Mapping, listed: str, cause: str) -> list[str]:
    if row["is_listed"]:
        return []
    return [
        f"Was {listed} since {row['term_from']:%Y-%m-%d}. After {row['expires_at']:%Y-%m-%d} only {cause} later than "
        f"{row['counted_until']:%Y-%m-%d} could bring the person back."
    ]


def _path(rule_name: str) -> list[str]:
    asked = " ".join(f"{rule.asks} {'Yes' if holds else 'No'}." for rule, holds in path(rule_name))
    return [f"What was asked, in order: {asked}"]


def _ids(ids: object) -> str:
    return ", ".join(ids) if ids is not None and len(ids) else "nothing on record"  # type: ignore[arg-type]


def _ranks_without_axis(row: Mapping) -> list[str]:
    """Return a line on the ranks with one kind of harm left out; none if the run did not compute them."""
    ranks = {harm: row.get(f"rank_without_{axis}") for axis, harm in AXES.items()}
    texts = [f"{_ordinal(int(rank))} without {harm}" for harm, rank in ranks.items() if not pd.isna(rank)]
    if not texts:
        return []
    front = (
        "Nobody scored is worse on all three kinds of harm."
        if row.get("is_pareto")
        else ("Somebody is as bad on each of the three kinds of harm and worse on one.")
    )
    return [f"If one kind of harm did not count, the person would stand {', '.join(texts)}. {front}"]


def _size(row: Mapping) -> str:
    """Return how many the worst are; empty if the run did not record it."""
    return "" if pd.isna(row.get("top_k")) else f" {row['top_k']:.0f}"


def _ordinal(rank: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, … 11th, … 21st.

    >>> [_ordinal(rank) for rank in (1, 2, 3, 4, 11, 12, 13, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th']
    """
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"


def _axes(row: Mapping) -> str:
    (first, share), *others = ((words, row[f"{axis}_share"]) for axis, words in AXES.items())
    return (
        ", ".join([f"Of the score, {first} makes {share:.0%}", *(f"{words} {part:.0%}" for words, part in others)])
        + "."
    )
