"""Explain one area or person from the published rows; for a person on no list, from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.run_identity import code_version
from flows.home.store_access import open_home_store
from flows.human_log.ledger import ledger_of
from flows.human_log.list_rows import ask_list
from flows.human_log.listed_now import decided
from flows.outputs.explain_places import evidence_in_words, incident_line
from flows.outputs.kept_run import kept_run
from flows.run.prioritise import people_of_run
from models.people_lists.explain import explain_person
from models.people_lists.lists import decision
from models.people_lists.still_listed import decision_now, is_gated
from models.places.axes import AXES
from pipeline.errors import PublicationError
from pipeline.near_words import did_you_mean
from pipeline.pages.base import days_ahead, local_moments
from pipeline.publication.publish import read_published, runs
from pipeline.store.interface import TOMBSTONE
from pipeline.wording.area_names import area_label

LIST_TABLES = ("safeguarding", "warrant_queue", "person_tier", "dealer_ranking", "call_in", "referral")
PILE_LINES = 3  # address piles that the explanation of an area names; --json has all
PER_SIZE = {
    "harm_per_1000_residents": "per 1,000 residents",
    "harm_per_street_km": "per kilometre of street",
    "harm_per_km2": "per square kilometre",
}
PERSON_TABLES = (*LIST_TABLES, "tier_term", "seller_term", "person_change")


def read_ranking(home: Home, area_set: str | None, run_id: str | None) -> pd.DataFrame:
    """Return the rows of `area_ranking`, or of `area_set_ranking` for a further set.

    Parameters
    ----------
    home : Home
        Home to read.
    area_set : str or None
        Name of the main set in the settings, or of a further set of the run; None for the main set.
    run_id : str or None
        A kept run; None for the latest.

    Raises
    ------
    PublicationError
        The run has no such set; the message lists those that it has.
    """
    if area_set is None or area_set == (main := home.settings.force.areas.set):
        return read_published(home.path, "area_ranking", run_id)
    further = read_published(home.path, "area_set_ranking", run_id)
    of_set = further[further["area_set"] == area_set].reset_index(drop=True)
    if of_set.empty:
        names = ", ".join([f"{main} (the main one)", *sorted(set(further["area_set"]))])
        near = did_you_mean(area_set, [main, *further["area_set"].unique()])
        raise PublicationError(
            f"set {area_set!r} is not in the run; {near}; its sets: {names}; see force.areas.further"
        )
    return of_set


def find_area(home: Home, area: str, run_id: str | None, area_set: str | None = None) -> dict[str, Any]:
    """Return the row of `read_ranking` for an id or name; PublicationError lists the known areas."""
    ranking = read_ranking(home, area_set, run_id)
    raw_id = ranking["area_id"].str.rsplit("@", n=1).str[0]
    labelled = area_label(area, area_set or home.settings.force.areas.set)
    is_match = ranking["area_id"].eq(area) | raw_id.eq(area) | ranking["area_name"].isin([area, labelled])
    if is_match.sum() != 1:
        known = dict.fromkeys([*ranking["area_name"], *raw_id, *ranking["area_id"]])
        near = did_you_mean(area, known) if not is_match.any() else "give one by its area_id"
        raise PublicationError(f"area {area!r}: {is_match.sum()} areas match; {near}")
    row = to_json_rows(ranking[is_match])[0]
    piles = read_published(home.path, "address_pile", run_id)  # by areas of the main set alone
    is_here = piles["area_id"].eq(row["area_id"]) & piles["is_address_pile"].astype(bool) & ("area_set" not in row)
    top_k = row.get("top_k", _top_k(home, row["run_id"]))
    return {
        **row,
        "top_k": top_k,
        "area_count": len(ranking),
        "evidence": evidence_in_words(home, row),
        "address_piles": to_json_rows(piles[is_here].sort_values("rank")),
    }


def _top_k(home: Home, run_id: str) -> int:
    return int(runs(home.path).set_index("run_id")["top_k"].to_dict()[run_id])


def area_lines(row: dict[str, Any]) -> list[str]:
    """Return the lines that explain a row of `area_ranking` or `area_set_ranking`."""
    shares = ", ".join(f"{axis.words} {row[f'{name}_share']:.0%}" for name, axis in AXES.items())
    area_set = f"set {row['area_set']}, " if "area_set" in row else ""
    ahead = days_ahead(row["horizon_days"])
    without = ", ".join(f"{row[f'rank_without_{name}']} if {axis.words} did not count" for name, axis in AXES.items())
    sizes = ", ".join(f"{row[column]:,.0f} {words}" for column, words in PER_SIZE.items() if row[column] is not None)
    return [
        f"{area_set}{row['area_id']} ({row['area_name']}): rank {row['rank']} of {row['area_count']} "
        f"over {ahead} (likely between {row['rank_lo']} and {row['rank_hi']}; by the level of harm now between "
        f"{row['rank_now_lo']} and {row['rank_now_hi']}), {'on the list' if row['is_listed'] else 'not on the list'}",
        f"Chance of being among the {row['top_k']} worst over {ahead}: {row['p_top_k']:.0%} "
        f"(with fixed weights of the measures {row['p_top_k_fixed_weights']:.0%}, "
        f"by the level of harm now {row['p_top_k_now']:.0%})",
        f"Expected harm over {ahead}: {row['harm_per_day']:,.1f} harm points a day "
        f"(likely between {row['harm_per_day_lo']:,.1f} and {row['harm_per_day_hi']:,.1f}; 1 point is one day of the "
        "starting sentence)",
        *([f"Harm points a year {sizes}"] if sizes else []),
        f"What the score is made of: {shares}",
        f"Rank {without}",
        f"Reports counted {row['public_count']:,}; found by police, which raise no rank, {row['police_count']:,}",
        f"Officer hours a day {row['officer_hours']:,.0f}{_hours_doubt(row)}",
        "Gravest incidents behind the score:" if row["evidence"] else "No incident stands behind the score",
        *[f"  {incident_line(incident, is_placed=True)}" for incident in row["evidence"]],
        *(row[name] for name in ("moves_out_if", "moves_in_if") if row[name]),
        *[_pile_line(pile) for pile in row["address_piles"][:PILE_LINES]],
        "A rank says where harm was reported, not who lives there; it is no ground for a stop or a search.",
    ]


def _hours_doubt(row: dict[str, Any]) -> str:
    """Return why the officer hours are doubtful, in brackets; empty if they are not."""
    if row["is_staffing_assumed"]:
        return " (ASSUMED)"
    if row["is_staffing_partial"] and row["staffing_days"] == row["staffing_force_days"]:
        return f" (the force reports on {row['staffing_force_days']} days alone, its average is over these)"
    if row["is_staffing_partial"]:
        return f" (reported on {row['staffing_days']} of {row['staffing_force_days']} days, none on the others)"
    return ""


def _pile_line(pile: dict[str, Any]) -> str:
    """Return a line on an address pile, as `harmspot show piles` has it."""
    state = "visited" if pile["is_visited"] else "allowed" if pile["is_allowed"] else "not visited"
    place = f"{pile['place']}, " if pile["place"] else ""
    return f"Address pile, {state}: {place}rank {pile['rank']}: {pile['why']} (cell {pile['cell_id']})"


@dataclass(frozen=True, slots=True)
class PersonRows:
    """Rows of one person in the restricted tables of a run; table `decision` if the person is on no list."""

    person_id: str
    tables: dict[str, pd.DataFrame]

    def as_json(self) -> dict[str, Any]:
        """Return the rows by table, without empty tables."""
        return {name: to_json_rows(rows) for name, rows in self.tables.items() if len(rows)}


def read_person(home: Home, person: str, run_id: str | None, *, purpose: str | None, reader: str | None) -> PersonRows:
    """Return the rows of a person given by pseudonym or by the force's own id; each table read is logged first.

    Entries that a run now would not make are left out, and table `off_list` says why. Of a person on no list the gate
    or hold that is known now is told; without one, the run's decision is recomputed from its inputs, because unlisted
    people are unpublished.

    Raises
    ------
    PublicationError
        If there is no person with that id; the read is logged in that case, too.
    """
    person_id = home.pseudonym_of(person)
    with open_home_store(home) as store:
        ledger = ledger_of(home, store)
        same, ids = ledger.same, ledger.same.ids(person_id)
        read: dict[str, Any] = {"reader": reader, "purpose": purpose, "people": ids, "store": store}
        asked = {name: ask_list(home, ledger, name, run_id, **read) for name in PERSON_TABLES}
        if {store.resolve_pseudonym(each) for each in ids} <= {None, TOMBSTONE}:
            raise PublicationError(
                "no person with that id (ids match exactly, including case and spaces): give the force's own id, or "
                "the pseudonym that a list shows"
            )
        run = kept_run(home, run_id)
        now = decided(home, store, "person_tier", [person_id], run["run_id"])
    listed_as, person_id = ids, same.one_id(person_id)
    tables = {name: same.in_one(each.rows) for name, each in asked.items()}
    if is_gated(person_id, now):
        tables |= {name: tables[name].iloc[:0] for name in ("tier_term", "seller_term", "person_change")}
    off = [(person_id, name, why) for name in LIST_TABLES for why in asked[name].why]
    tables["off_list"] = pd.DataFrame(off, columns=["person_id", "list", "why"], dtype="str")
    if all(tables[name].empty for name in LIST_TABLES):
        tables["decision"] = decision_now(person_id, now, home.settings.people)
        if tables["decision"].empty and not off and person_id in now.decisions.index:
            tables["decision"] = same.in_one(_decision(home, listed_as, run))
    return PersonRows(person_id, tables)


def _decision(home: Home, ids: Sequence[str], run: pd.Series) -> pd.DataFrame:
    """Return what the run decided of the person of these ids; it may have known less of them."""
    settings_now = {"code_version": code_version(), "config_hash": home.settings.identity(), "seed": home.settings.seed}
    if any(run[name] != value for name, value in settings_now.items()):
        home.progress("settings or version have changed since the run; this explanation uses the current ones")
    people = people_of_run(home, run)
    of_each = [decision(each, people.decisions, people.evidence, home.settings.people) for each in ids]
    return pd.concat(of_each, ignore_index=True)


def person_lines(rows: PersonRows, zone: ZoneInfo) -> list[str]:
    """Return the lines that explain a person's rows, with local days of the zone."""
    tables = {name: local_moments(table, zone) for name, table in rows.tables.items()}
    changes = [
        f"Since the last run: {row['change']}; {row['why']}" for row in tables["person_change"].to_dict("records")
    ]
    return [*changes, *explain_person(rows.person_id, tables)]
