"""HTML page of what policing brought and what it cost in a kept run, for people who look rather than read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.inputs.assembly import read_run_codebook
from flows.inputs.harm_book import read_harm_book
from flows.outputs.harm_grid import in_short, matrices, moves, scales
from flows.outputs.kept_run import kept_run
from models.outcomes.harm_book import HarmBook
from models.statistics.intervals import shares
from pipeline.briefing.scoreboard import board
from pipeline.pages.base import page_environment, page_rows
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.publish import read_places, runs
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, message

ANSWERS = {  # whether an operation helped
    "better": message("It helped"),
    "moved": message("Fewer reports at the market, more around it: cannot tell whether it helped"),
    "unknown_around": message("Fewer reports at the market; around it, cannot tell"),
    "worse": message("It got worse"),
    "cannot_tell": message("Cannot tell"),
    "too_early": message("Too early to say"),
}
PHASES = {
    "announce": message("it is announced"),
    "concentrate": message("officers are concentrated there"),
    "maintain": message("held with fewer hours"),
    "move": message("the hours move on"),
    "hold": message("no hours now"),
}
STATES = {
    "registered": message("registered"),
    "running": message("goes on"),
    "due": message("over, its evaluation is owed"),
    "evaluated": message("evaluated"),
}
BOARD = ("scoreboard", "enforcement_ledger")
TABLES = (
    "harm_matrix", "harm_grade", "enforcement_ledger", "enforcement_cost", "arrest_policy", "scoreboard", "consequence",
    "operation_register", "area_ranking", "crackdown_plan", "promise",
)  # fmt: skip
COSTS = (  # of the enforcement ledger, as the page shows them
    "operation_hours", "arrests", "possession_arrests", "custody_days", "prison_days", "court_cases", "treatment_lost",
    "complaints", "injured_public", "injured_officers", "deaths",
)  # fmt: skip
AREAS = 10  # whose arrests are told apart
OF_OPERATION = ("operation_hours", "arrests", "possession_arrests", "custody_days", "complaints", "injuries", "deaths")
CONSEQUENCE_ANSWERS = {
    "worse": message("Worse by more than chance"),
    "may_be_worse": message("May be worse"),
    "better": message("Better by more than chance"),
    "not_worse": message("Not worse"),
    "cannot_tell": message("Cannot tell"),
}
CONSEQUENCES = {
    "black_market": message("Black market: is the trade left more violent, dearer or dirtier?"),
    "policy": message("Policy displacement: does enforcement crowd out health?"),
    "geographical": message("Geographical displacement: did it move next door?"),
    "substance": message("Substance displacement: did people turn to other drugs?"),
    "marginalisation": message("Marginalisation: are people driven away from help?"),
}


def write_outcomes_page(home: Home, run_id: str | None, path: Path) -> None:
    """Write the outcomes of run `run_id` (default: the latest); a table without rows is left out of the page."""
    run = kept_run(home, run_id)
    tables = read_places(home.path, [name for name in TABLES if name in read_tables().published], run["run_id"])
    kept = runs(home.path).set_index("run_id")["as_of"]
    before = kept.get(run["predecessor_run_id"])
    codebook = read_run_codebook(home.settings, run["as_of"].to_pydatetime())
    html = render_outcomes(
        run,
        tables,
        codebook["label"].to_dict(),
        before=before,
        now=home.now(),
        catalogue=home.catalogue,
        book=read_harm_book(home.settings.force.harm_matrix, codebook),
    )
    path.write_text(html, encoding="utf-8")


def render_outcomes(
    run: pd.Series,
    tables: Mapping[str, pd.DataFrame],
    labels: Mapping[Any, str],
    *,
    before: datetime | None,
    now: datetime,
    catalogue: Catalogue | None = None,
    book: HarmBook | None = None,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    run : pandas.Series
        A row of table run.
    tables : mapping of str to pandas.DataFrame
        Those of TABLES that there are, as published.
    labels : mapping of str to str
        Label by offence code.
    before : datetime or None
        Clock of the run before, since when grades by people are told as changes.
    now : datetime
        Grades by people that end later are in force.
    catalogue : Catalogue or None
        The texts in the force's language; by default English.
    book : HarmBook or None
        Its scales are explained.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    catalogue, zone = catalogue or Catalogue(), ZoneInfo(run["time_zone"])
    day = run["as_of"].tz_convert(zone).date()
    table, grades = tables["harm_matrix"], tables["harm_grade"]
    drawn = _drawn(tables, zone, catalogue)
    html = page_environment(zone, catalogue).get_template("outcomes.html.jinja").render(
        title=f"{run['force_name']}, {catalogue.formats.day(day)}",
        matrices=matrices(table, grades, labels, now, catalogue) if len(table) else [],
        moves=moves(table, grades, before, labels, catalogue),
        in_short=in_short(table, grades, now, catalogue),
        scales=scales(book) if book else None,
        day=day,
        before=before,
        answers=ANSWERS,
        phases=PHASES,
        states=STATES,
        consequence_answers=CONSEQUENCE_ANSWERS,
        area_names=_names_of(tables["area_ranking"]),
        **drawn,
    )  # fmt: skip
    refuse_people_in_text("the page of outcomes", html)
    return html


def _drawn(tables: Mapping[str, pd.DataFrame], zone: ZoneInfo, catalogue: Catalogue) -> dict[str, Any]:
    """Return what each section shows; None where the run has no such rows."""

    def rows(name: str) -> pd.DataFrame | None:
        table = tables.get(name)
        return table if table is not None and len(table) else None

    ledger, policy, scores, found = map(rows, ("enforcement_ledger", "arrest_policy", "scoreboard", "consequence"))
    register, money = map(rows, ("operation_register", "enforcement_cost"))
    operations = None if register is None else _operations(register, tables, zone)
    consequences = None if found is None else _consequences(found)
    around = _answers_around(consequences or [])
    for row in operations or []:
        row["verdict"] = _verdict(row["answer"], around.get(row["area_id"], "cannot_tell"))
    return {
        "record": None if ledger is None else _record(_year(ledger)),
        "board_record": None if scores is None else _record(_year(scores)),
        "costs": None if ledger is None else _costs(_year(ledger), catalogue),
        "in_treatment": None if ledger is None else _year(ledger)["in_treatment"],
        "offered": None if scores is None else _year(scores)["diversions_offered"],
        "promises": None if scores is None else _year(scores),
        "operations": operations,
        "policy": None if policy is None else _policy(policy),
        "board": None if scores is None or ledger is None else board({name: tables[name] for name in BOARD}),
        "consequences": consequences,
        "money": None if money is None else page_rows(money[(money["scope"] == "force") & (money["span"] == "year")]),
    }


def _year(table: pd.DataFrame) -> dict[str, Any]:
    """Return the row of the force and the year."""
    return page_rows(table[(table["scope"] == "force") & (table["span"] == "year")])[0]


def _record(year: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the first day on record and the number of days since; None where nothing is."""
    begin, end = year["recorded_from"], year["to_on"]
    return None if begin is None or end is None else {"begin": begin, "days": (end - begin).days + 1}


def _costs(year: Mapping[str, Any], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return each cost of the force on record: name, label, total (None: not known) and why it is none."""
    return [
        {
            "name": name,
            "label": _label("enforcement_ledger", name, catalogue),
            "total": year[name],
            "why": _why_missing(year["not_recorded"], name) or "",
        }
        for name in COSTS
    ]


def _label(table: str, column: str, catalogue: Catalogue) -> str:
    """Return the label of a column of a published table."""
    return catalogue.text(read_tables().find(table).column(column).title)


def _why_missing(reasons: Sequence[str] | None, name: str) -> str | None:
    """Return why a figure is missing, of the texts `names: reason` of a row."""
    for text in reasons if reasons is not None else ():
        names, _, reason = text.partition(": ")
        if name in names.split(", "):
            return reason
    return None


def _operations(register: pd.DataFrame, tables: Mapping[str, pd.DataFrame], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the operations of the register, the latest first: with costs, announcement, promises, phase and harm."""
    costs, plan, promises, scores = (
        page_rows(tables[name]) if name in tables else []
        for name in ("enforcement_ledger", "crackdown_plan", "promise", "scoreboard")
    )
    found = []
    for row in page_rows(register.sort_values(["started_at", "area_id"], ascending=[False, True])):
        begun = None if row["started_at"] is None else row["started_at"].tz_convert(zone).date()
        key = (row["market_id"] or row["area_id"], begun)
        own = next((each for each in costs if (each["scope_id"], _day(each["from_on"])) == key), None)
        told = [
            each
            for each in promises
            if each["market_id"] == row["market_id"] and (begun is None or each["announced_at"] <= row["started_at"])
        ]
        latest = max((each["announced_at"] for each in told), default=None)
        told = [each for each in told if each["announced_at"] == latest]
        step = next((each for each in plan if each["market_id"] == row["market_id"]), None)
        helped = next((each for each in scores if (each["scope_id"], _day(each["from_on"])) == key), None)
        found.append(
            {
                **row,
                "announced_at": latest,
                "kept": sum(each["status"] == "kept" for each in told),
                "settled": sum(each["status"] != "open" for each in told),
                "phase": None if step is None or row["state"] != "running" else step["phase"],
                "partners_on": None if step is None or row["state"] != "running" else step["tell_partners_on"],
                "offered": helped and helped["diversions_offered"],
                "why_not_offered": helped and _why_missing(helped["not_recorded"], "diversions_offered"),
                "costs": own,
                "why": {} if own is None else {name: _why_missing(own["not_recorded"], name) for name in OF_OPERATION},
                "before": None if own is None else _arrests_before(costs, row["area_id"], own["from_on"]),
            }
        )
    return found


def _day(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def _arrests_before(costs: Sequence[Mapping[str, Any]], area_id: str, begun: Any) -> float | None:
    """Return the arrests a week in the area in whole months on record before a day; None without any."""
    months = [
        row
        for row in costs
        if (row["scope_id"], row["span"]) == (area_id, "month")
        and row["recorded_from"] == row["from_on"]
        and row["to_on"] < begun
        and row["arrests"] is not None
    ]
    days = sum((row["to_on"] - row["from_on"]).days + 1 for row in months)
    return 7 * sum(row["arrests"] for row in months) / days if days else None


def _answers_around(consequences: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return by area whether reports rose around its market."""
    rows = [row for each in consequences if each["name"] == "geographical" for row in each["rows"]]
    return {row["area_id"]: row["answer"] for row in rows}


def _verdict(answer: str | None, around: str) -> str | None:
    """Return one of ANSWERS: fewer reports at a market help nobody if they moved next door."""
    if answer != "better":
        return answer
    return {"worse": "moved", "may_be_worse": "moved", "cannot_tell": "unknown_around"}.get(around, "better")


def _policy(table: pd.DataFrame) -> dict[str, Any]:
    """Return the arrests against the policy: of the force, its shifts, the areas with most, everywhere else.

    `is_alike`: chance alone may order the areas.
    """
    rows = page_rows(table)
    whole = next((row for row in rows if row["scope"] == "force" and row["shift"] == "all"), None)
    places = [row for row in rows if row["scope"] in ("area", "no_area") and row["stated_arrests"]]
    days = sorted((row for row in places if row["shift"] == "all"), key=lambda row: (-_against(row), row["scope_id"]))
    areas = [row for row in days if row["scope"] == "area" and _against(row)][:AREAS]
    return {
        "whole": whole,
        "why": whole and _why_missing(whole["not_recorded"], "share_against_policy"),
        "shifts": [row for row in rows if row["scope"] == "force" and row["shift"] != "all"],
        "areas": areas,
        "rest": _rest([row for row in days if row not in areas]),
        "is_alike": len(areas) > 1
        and max(row["share_against_policy_lo"] for row in areas)
        <= min(row["share_against_policy_hi"] for row in areas),
        "against": sum(map(_against, areas)),
        "of": _against(whole) if whole else 0,
    }


def _against(row: Mapping[str, Any]) -> int:
    return int((row["possession_arrests"] or 0) + (row["no_offence_arrests"] or 0))


def _rest(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return one row of the arrests of all these places; None without any."""
    if not rows:
        return None
    counts = {
        name: sum(row[name] for row in rows) for name in ("stated_arrests", "possession_arrests", "no_offence_arrests")
    }
    share = shares("share_against_policy", pd.Series([_against(counts)]), pd.Series([counts["stated_arrests"]]))
    return {**counts, **{name: float(values.iloc[0]) for name, values in share.items()}}


def _consequences(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the five consequences: question, rows by answer, and how many of them were not measured."""
    found = []
    for name, question in CONSEQUENCES.items():
        rows = page_rows(table[table["consequence"] == name].sort_values(["indicator", "place"]))
        rows = [{**row, "answer": row["answer"] or "cannot_tell"} for row in rows]
        by = {answer: [row for row in rows if row["answer"] == answer] for answer in CONSEQUENCE_ANSWERS}
        found.append({"name": name, "question": question, "rows": rows, "by": by})
    return found


def _names_of(ranking: pd.DataFrame) -> Mapping[str, str]:
    """Return the name of each area by its id."""
    return dict(zip(ranking["area_id"], ranking["area_name"], strict=True))
