"""Why somebody is on a list, in plain words: for the person, the officer who visits, the reviewer."""

from collections.abc import Mapping

import pandas as pd

from models.rules import RULES

NOT_GROUNDS = (
    "Being on a list is not a charge, a caution or proof of guilt, and no grounds for a stop, an arrest or an eviction."
)
CONTEST = (
    "To contest: say which incident is wrong or not yours, to the contact on the notice or the force's professional "
    "standards department. A named person must then look at the evidence again and answer."
)
ABSENT = "On no list in this run."


def leaving_words(
    top_k: int, leaves_below: float, chance: float, incident_id: str, chance_without: float, months: int | None
) -> str:
    """One sentence or two on what would move a listed person off the list."""
    quiet = (
        f"without a new counted incident that takes about {months} months at liberty"
        if months
        else "without a new counted incident that takes more than three years at liberty"
    )
    effect = "off the list" if chance_without < leaves_below else "not enough by itself"
    return (
        f"Leaves when the chance of being among the worst {top_k} falls below {leaves_below:.2f} (now {chance:.2f}); "
        f"{quiet}. "
        f"If {incident_id} did not count, the chance would be {chance_without:.2f}: {effect}."
    )


def explain_person(person_id: str, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Explain where a person stands in the restricted tables, line by line.

    Parameters
    ----------
    tables : the restricted tables of one run by name; absent ones count as empty.

    Returns
    -------
    Lines of plain words; the last two say what a list is not and how to contest it.
    """
    tellers = {
        "safeguarding": _safeguarding,
        "warrant_queue": _warrant,
        "person_tier": _tier,
        "dealer_ranking": _dealer,
        "referral": _referral,
    }
    lines = []
    for name, tell in tellers.items():
        table = tables.get(name, pd.DataFrame({"person_id": []}))
        for row in table[table["person_id"].eq(person_id)].to_dict("records"):
            lines += tell(row)
    return [*(lines or [ABSENT]), NOT_GROUNDS, CONTEST]


def _tier(row: Mapping) -> list[str]:
    return [
        f"Tier {row['tier']}: {RULES[row['rule']].words} (rule {row['rule']})",
        f"Rank {row['rank']} (80% between {row['rank_lo']} and {row['rank_hi']}); "
        f"chance of being in the top group {row['p_top_k']:.2f}.",
        f"Harm {row['harm_per_year']:.0f} days of guideline prison per year at liberty "
        f"(80% between {row['harm_per_year_lo']:.0f} and {row['harm_per_year_hi']:.0f}), "
        f"over {row['exposure_days']:.0f} weighted days at liberty.",
        _axes(row),
        f"Grave incidents on different days: {row['high_event_count']}; "
        f"latest counted incident {row['recency_days']} days ago.",
        f"Heaviest evidence: {', '.join(row['evidence_ids'])}.",
        row["moves_out_if"],
    ]


def _dealer(row: Mapping) -> list[str]:
    return [
        f"Seller outside flagrant markets, rank {row['rank']} among them; tier {row['tier']}. "
        "What or how much is sold adds nothing.",
        _axes(row),
    ]


def _warrant(row: Mapping) -> list[str]:
    return [
        f"Warrant {row['warrant_id']}, position {row['position']}: {RULES[row['rule']].words} "
        f"Issued {row['age_days']} days ago over {row['underlying_offence_code']} (rule {row['rule']})."
    ]


def _referral(row: Mapping) -> list[str]:
    offered = "not yet offered" if pd.isna(row["offered_at"]) else f"offered {row['offered_at']:%Y-%m-%d}"
    return [f"Referral to {row['route'].replace('_', ' ')}: {RULES[row['rule']].words} ({offered}; rule {row['rule']})"]


def _safeguarding(row: Mapping) -> list[str]:
    return [f"Safeguarding: {RULES[row['rule']].words} (rule {row['rule']})"]


def _axes(row: Mapping) -> str:
    return (
        f"Of the score, violence makes {row['violence_share']:.0%}, disorder {row['disorder_share']:.0%}, "
        f"use of minors {row['minors_share']:.0%}."
    )
