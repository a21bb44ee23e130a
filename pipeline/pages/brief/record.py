"""The sections behind the first page: what was promised and kept, what is uncertain, what a list is no grounds for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.briefing.no_grounds import MEANINGS
from pipeline.briefing.scoreboard import board
from pipeline.briefing.shift_sheet import not_to_do
from pipeline.briefing.today import left_out
from pipeline.pages.base import page_rows
from pipeline.pages.brief.brief import Asked, Place
from pipeline.pages.brief.sections import Item, Part, Section
from pipeline.pages.report import latest_outcomes, near_list, warnings_of
from pipeline.wording.catalogue import Catalogue, message

FORECASTS, PROMISES, OPERATIONS, RANKS, CHOICES, WARNINGS = 4, 5, 4, 8, 3, 8  # rows told at most
KEPT = (  # figures of the scoreboard that say whether the force did as it said
    message("Promises kept"),
    message("Hours until a report at an announced market was answered, median"),
    message("Help begun within 72 hours"),
)
STATUSES = {"kept": message("kept"), "broken": message("broken"), "open": message("open")}


def later_sections(
    asked: Asked, places: Sequence[Place], answers: Mapping[str, str], states: Mapping[str, str]
) -> tuple[Section, ...]:
    """Return the sections behind the first page.

    Parameters
    ----------
    asked : Asked
        What the brief is made from.
    places : sequence of Place
        The places to be on its first page.
    answers, states : mapping of str to str
        What `answer` and `state` of `operation_register` say in words.
    """
    return (
        Section(asked.catalogue.text("What was promised, and what came of it"), tuple(_record(asked, answers, states))),
        Section(asked.catalogue.text("What is uncertain"), tuple(_doubts(asked, places))),
        Section(asked.catalogue.text("What this brief is no grounds for"), tuple(_no_grounds(asked))),
    )


def _record(asked: Asked, answers: Mapping[str, str], states: Mapping[str, str]) -> Iterator[Part]:
    yield from _forecasts(asked)
    yield from _kept(asked)
    yield from _promises(asked)
    yield from _operations(asked, answers, states)


def _forecasts(asked: Asked) -> Iterator[Part]:
    """Yield how the latest forecasts did beside last year's count."""
    catalogue, formats = asked.catalogue, asked.catalogue.formats
    rows = page_rows(latest_outcomes(asked.tables["outcome_monitor"]).head(FORECASTS))
    if not rows:
        yield Part.said(catalogue.text("No earlier forecast has come due yet."))
        return
    yield Part.said(
        catalogue.text(
            "Each run scores the forecasts before it once their days are over. The share of the harm that then fell in "
            "the 5% of squares ranked first, beside the same share for the plain count. Single weeks swing; look at "
            "the run of them."
        )
    )
    yield from Part.table(
        [catalogue.text(head) for head in (
            message("Forecast made"), message("Incidents"), message("Expected"), message("Harm in the worst 5%"),
            message("by last year's count"), message("Was it right?"))],
        [
            (
                formats.day(row["forecast_as_of"].astimezone(asked.zone).date()),
                formats.number(row["event_count"]),
                formats.number(row["expected_events"]),
                formats.percent(row["harm_share_top5"]),
                formats.percent(row["naive_harm_share_top5"]),
                catalogue.text("wrong: {why}", why=row["off_because"])
                if row["is_off"]
                else catalogue.text("not shown to be wrong"),
            )
            for row in rows
        ],
    )  # fmt: skip


def _kept(asked: Asked) -> Iterator[Part]:
    """Yield the figures of the scoreboard about promises; few people are withheld there."""
    catalogue = asked.catalogue
    found = board({name: asked.tables[name] for name in ("scoreboard", "enforcement_ledger")})
    figures = [figure for figure in found["figures"] if figure["name"] in KEPT]
    if not found["begin"] or not figures:
        return
    since = catalogue.text("Since {day}", day=catalogue.formats.day(found["begin"]))
    yield from Part.table(
        [catalogue.text("Of the whole force"), since, catalogue.text("Last whole month")],
        [
            (catalogue.text(figure["name"]), _year(figure, catalogue), _figure(figure["latest"], figure, catalogue))
            for figure in figures
        ],
    )


def _figure(value: float | None, figure: Mapping[str, Any], catalogue: Catalogue) -> str:
    write = catalogue.formats.percent if figure["is_share"] else catalogue.formats.number
    return write(value)


def _year(figure: Mapping[str, Any], catalogue: Catalogue) -> str:
    formats = catalogue.formats
    if figure["is_withheld"]:
        return catalogue.text("withheld: fewer than ten people")
    if figure["is_missing"]:
        return catalogue.text("not recorded")
    said = _figure(figure["year"], figure, catalogue)
    if figure["year"] is None or figure["of"] is None:
        return said
    if figure["is_share"]:
        lo, hi, count = formats.percent(figure["lo"]), formats.percent(figure["hi"]), formats.number(figure["of"])
        return f"{said} {catalogue.text('of {count}, likely {lo} to {hi}', count=count, lo=lo, hi=hi)}"
    return f"{said} {catalogue.text('of {count} cases', count=formats.number(figure['of']))}"


def _promises(asked: Asked) -> Iterator[Part]:
    """Yield the latest promises, the broken ones first."""
    catalogue, sentence, day = asked.catalogue, asked.catalogue.sentence, asked.catalogue.formats.day
    order = {"broken": 0, "open": 1, "kept": 2}
    rows = page_rows(asked.tables["promise"].sort_values(["due_on", "area_id", "promise_kind"], ascending=False))
    rows = sorted(rows, key=lambda row: order.get(row["status"], 3))
    yield from Part.table(
        [
            catalogue.text("Promised"),
            catalogue.text("Area"),
            catalogue.text("Due on"),
            catalogue.text("State"),
            catalogue.text("In words"),
        ],
        [
            (
                sentence(row["promised"]),
                asked.names.get(row["area_id"], "–"),
                day(row["due_on"]) if row["due_on"] else "–",
                catalogue.text(STATUSES.get(row["status"], row["status"])),
                sentence(row["why"] or "–"),
            )
            for row in rows[:PROMISES]
        ],
    )
    if not rows:
        yield Part.said(catalogue.text("Nothing had been announced by then, so nothing was promised."))
    elif len(rows) > PROMISES:
        yield _of_all(PROMISES, rows, catalogue)


def _operations(asked: Asked, answers: Mapping[str, str], states: Mapping[str, str]) -> Iterator[Part]:
    """Yield the latest operations: where they stand, and whether they helped."""
    catalogue, day = asked.catalogue, asked.catalogue.formats.day
    rows = page_rows(asked.tables["operation_register"].sort_values("position").head(OPERATIONS))
    yield from Part.table(
        [
            catalogue.text("Operation"),
            catalogue.text("Started"),
            catalogue.text("State"),
            catalogue.text("Did it help?"),
        ],
        [
            (
                asked.names.get(row["area_id"], "–"),
                day(row["started_at"].astimezone(asked.zone).date()) if row["started_at"] else "–",
                catalogue.text(states.get(row["state"], row["state"] or "–")),
                catalogue.text(answers.get(row["answer"], row["answer"] or "–")),
            )
            for row in rows
        ],
    )


def _doubts(asked: Asked, places: Sequence[Place]) -> Iterator[Part]:
    catalogue, sentence = asked.catalogue, asked.catalogue.sentence
    yield Part.said(catalogue.text("Where the likely ranges of two areas overlap, either may be worse in these days."))
    yield from _ranks(asked)
    if near := near_list(asked.tables["quality_check"]):
        yield Part.said(sentence(near))
    yield from _choices(asked)
    quality = asked.tables["data_quality"]
    is_left_out = quality["measure"].str.startswith("dead_letters")  # told below with their share
    told = {**asked.tables, "data_quality": quality[~is_left_out]}
    piles = int(asked.tables["address_pile"]["is_address_pile"].astype(bool).sum())
    said = [sentence(warning) for warning in warnings_of(asked.run, told)]
    said += left_out(asked.tables["data_quality"], piles, asked.catalogue)
    yield Part.headed(catalogue.text("Places to be today"))
    yield from Part.items(Item(f"{place.letter}, {place.name}:", place.sure) for place in places)
    yield Part.headed(catalogue.text("What to know of the data"))
    yield from Part.items(Item("", each) for each in said[:WARNINGS])
    if len(said) > WARNINGS:
        yield _of_all(WARNINGS, said, catalogue)
    elif not said:
        yield Part.said(catalogue.text("Nothing was left out."))


def _ranks(asked: Asked) -> Iterator[Part]:
    """Yield the areas ranked first with the ranks they may have; of one area its own row, too."""
    catalogue, formats = asked.catalogue, asked.catalogue.formats
    ranking = asked.tables["area_ranking"].sort_values(["rank", "area_id"])
    is_asked = ranking["area_id"].eq(asked.area_id or "")
    shown = ranking[(pd.Series(range(len(ranking)), index=ranking.index) < RANKS) | is_asked]
    yield from Part.table(
        [catalogue.text("Area"), catalogue.text("Rank"), catalogue.text("Likely range of the rank"),
         catalogue.text("Chance of being among the {k} worst", k=asked.run["top_k"]), catalogue.text("On the list")],
        [
            (
                asked.names[row["area_id"]],
                formats.number(row["rank"]),
                f"{formats.number(row['rank_lo'])}–{formats.number(row['rank_hi'])}",
                formats.chance(row["p_top_k"]),
                catalogue.text("yes") if row["is_listed"] else catalogue.text("no"),
            )
            for row in page_rows(shown)
        ],
    )  # fmt: skip


def _choices(asked: Asked) -> Iterator[Part]:
    """Yield the choices that change most who is among the worst."""
    catalogue, sentence = asked.catalogue, asked.catalogue.sentence
    table = asked.tables["sensitivity_summary"]
    moved = table[table["into_top_k"].map(lambda names: names is not None and len(names) > 0).astype(bool)]
    rows = page_rows(moved.sort_values(["top_k_kept", "variant"]).head(CHOICES))
    if rows:
        yield Part.said(
            catalogue.text(
                "Where the first places change, the choice decides and not the data: know it before you rely on the "
                "rank."
            )
        )
    yield from Part.table(
        [
            catalogue.text("Choice"),
            catalogue.text("Comes among the {k} worst", k=asked.run["top_k"]),
            catalogue.text("Leaves the {k} worst", k=asked.run["top_k"]),
        ],
        [(sentence(row["meaning"]), *(_named(row[name], asked) for name in ("into_top_k", "out_of_top_k")))
         for row in rows],
    )  # fmt: skip


def _of_all(shown: int, rows: Sequence[Any], catalogue: Catalogue) -> Part:
    """Return that there are more than are told here."""
    return Part.said(
        catalogue.text(
            "{shown} of {count} are told here; the record of the report and the board has all.",
            shown=shown, count=len(rows),
        )
    )  # fmt: skip


def _named(area_ids: Sequence[str], asked: Asked) -> str:
    return ", ".join(asked.names.get(key, key) for key in area_ids[:CHOICES]) + (" …" if area_ids[CHOICES:] else "")


def _no_grounds(asked: Asked) -> Iterator[Part]:
    """Yield what nobody may do because of the brief, what a rank does not mean, and the rights of those concerned."""
    catalogue = asked.catalogue
    said = [re.fullmatch(r"(?:<b>(.*?)</b>)?\s*(.*)", catalogue.text(meaning)) for meaning in MEANINGS]
    yield from Part.items(Item(found[1] or "", found[2]) for found in said if found)
    yield from Part.items(Item("", each) for each in not_to_do(catalogue)[1:])
    yield Part.said(
        catalogue.text(
            "Help: {contact} Complaints and rights over data: {route}",
            contact=asked.help_contact.rstrip(".") + ".", route=asked.complaint_route.rstrip(".") + ".",
        )
    )  # fmt: skip
