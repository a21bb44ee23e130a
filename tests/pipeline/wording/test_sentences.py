"""Sentences of published tables, which stay English there, in Spanish on pages."""

import re
from pathlib import Path

import pandas as pd
import pytest

from models.effects.verdict import judge_operation
from pipeline.events.reasons import WORDS
from pipeline.publication.publish import read_published
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, read_catalogue
from pipeline.wording.sentences import patterns
from tests.models.effects.test_verdict import CASES
from tests.models.outcomes.forces import Planted, evidence_of, measured

ROOT = Path(__file__).parents[3]
SENTENCES = {
    "area_ranking": ["moves_out_if", "moves_in_if"],
    "address_pile": ["why"],
    "data_quality": ["detail"],
    "quality_check": ["detail"],
    "sensitivity_summary": ["meaning"],
    "crackdown_plan": ["why"],
    "feedback": ["not_measured_because"],
    "operation_register": ["measured"],
    "consequence": ["why", "not_measured_because", "weakened_by", "unit"],
}
HALF = "It would leave the 5 worst if violence fell by about half and nothing else changed."


@pytest.mark.parametrize("table", SENTENCES)
def test_every_sentence_of_the_town_is_known_in_spanish(town_run, table):
    catalogue, frame = read_catalogue("es"), read_published(town_run.home.path, table)
    said = pd.concat([frame[column] for column in SENTENCES[table]]).dropna().unique()
    unknown = [text for text in said if "<span lang" in catalogue.sentence_html(text)]
    assert unknown == []


@pytest.mark.parametrize("table", ["enforcement_ledger", "arrest_policy", "scoreboard"])
def test_every_reason_for_a_missing_figure_is_known_in_spanish(town_run, table):
    catalogue = read_catalogue("es")
    reasons = read_published(town_run.home.path, table)["not_recorded"].explode().dropna().str.partition(": ")[2]
    assert [text for text in reasons.unique() if "<span lang" in catalogue.sentence_html(text)] == []


def test_the_tables_with_sentences_are_published():
    for table, columns in SENTENCES.items():
        assert set(columns) <= set(read_tables().published[table].column_names)


def test_a_sentence_is_read_back_with_its_fields():
    catalogue = read_catalogue("es")
    assert catalogue.sentence(HALF) == (
        "Saldría de las 5 peores si la violencia bajara cerca de la mitad y nada más cambiara."
    )
    outside = "1.0% of incidents lie outside every area (1,606 of 160,749); at most 15.0% may."
    assert catalogue.sentence(outside).startswith("El 1,0\N{NO-BREAK SPACE}% de los incidentes está fuera")
    assert "(1.606 de 160.749)" in catalogue.sentence(outside)


OF_SOFTWARE = re.compile(
    r"`|harmspot (?!reads)|[a-z]_[a-z]|\b[a-z]+\.[a-z]|\b1 [a-z]+s\b|\b(cells?|axis|axes|topics?|replay)\b"
)


def test_no_pattern_of_a_sentence_has_a_command_a_setting_or_a_column():
    """A planner reads them; what an analyst can do stands in way_out, which no page shows."""
    told = [re.sub(r"\{\w+\}", "…", pattern) for pattern in patterns()]
    assert [text for text in told if OF_SOFTWARE.search(text)] == []


@pytest.mark.parametrize(
    "table", ["data_quality", "quality_check", "address_pile", "place_change", "sensitivity_summary"]
)
def test_no_sentence_of_the_town_has_a_command_a_setting_or_a_column(town_run, table):
    frame = read_published(town_run.home.path, table)
    columns = [name for name in ("detail", "why", "meaning") if name in frame]
    said = pd.concat([frame[name] for name in columns]).dropna().map(lambda text: re.sub(r"EPSG:[\d:-]+", "", text))
    assert [text for text in said if OF_SOFTWARE.search(text)] == []


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("District 24", "Distrito 24"),
        ("Beat B2", "Sector B2"),
        ("Harbour, north-east", "Harbour, noreste"),
        ("Area 12, centre", "Zona 12, centro"),
        ("District of Columbia", None),  # a name, not a number
        ("Area overview", None),
    ],
)
def test_areas_named_by_a_number_and_parts_of_areas_are_read_in_spanish(english, spanish):
    name, of_spanish = spanish or english, read_catalogue("es")
    assert of_spanish.sentence(english) == name
    near = "Next on the list is {}, with a chance of 4% of being among the 5 worst (the list begins at 60%)."
    assert of_spanish.sentence(near.format(english)).startswith(f"La siguiente en la lista es {name}, con una")


def test_a_list_of_names_is_read_name_by_name():
    said = (
        "Assumed officer hours keep District 1, Hill, District 35 off the target list: without crimes per officer-hour "
    )
    assert "Distrito 1, Hill, Distrito 35;" in read_catalogue("es").sentence(f"{said}the list would be different.")


@pytest.mark.parametrize("language", ["en", "es"])
def test_days_are_written_as_the_language_does(language):
    said = read_catalogue(language).sentence("Harm went from 17,226 to 23,683 harm points since 2019-11-30.")
    assert said.endswith({"en": "since 30 November 2019.", "es": "desde el 30 de noviembre de 2019."}[language])
    assert (
        read_catalogue(language).sentence("Room 2019-13-41, file a-2019-11-30-b")
        == "Room 2019-13-41, file a-2019-11-30-b"
    )


def test_several_sentences_in_one_text_are_read_one_by_one():
    said = read_catalogue("es").sentence(
        "Next on the list is St. Mary's, with a chance of 44% of being among the 5 worst (the list begins at 60%). "
        "It would be on the list with 98 more reports of violence with injury in the last 30 days (there were 36)."
    )
    assert said.startswith("La siguiente en la lista es St. Mary's, con una probabilidad de 44\N{NO-BREAK SPACE}%")
    assert said.endswith("Estaría en la lista con 98 avisos más de violencia con lesiones en los últimos 30 días "
                         "(hubo 36).")  # fmt: skip


def test_two_sentences_with_an_and_are_no_two_names() -> None:
    said = read_catalogue("es").sentence(
        "Next on the list is District 9, with a chance of 44% of being among the 5 worst (the list begins at 60%). "
        "It is far from the list, and would be on it with 98 more reports of violence with injury in the last 30 days "
        "(there were 36)."
    )
    assert said.startswith("La siguiente en la lista es Distrito 9") and "Está lejos de la lista, y entraría" in said


def test_an_unknown_sentence_stays_and_is_marked_as_english():
    assert read_catalogue("es").sentence_html("A <note> of the force.") == (
        '<span lang="en">A &lt;note&gt; of the force.</span>'
    )
    assert Catalogue().sentence_html("A <note> of the force.") == "A &lt;note&gt; of the force."
    assert read_catalogue("es").sentence_html(None) == ""


def test_every_reason_for_leaving_a_report_out_has_words_in_both_languages():
    assert set(WORDS.values()) <= set(patterns())
    documented = {
        line.split("`")[1]
        for path, start in (("docs/events.md", "| reason | what is wrong |"), ("docs/mappings.md", "| reason | what"))
        for line in (ROOT / path).read_text(encoding="utf-8").partition(start)[2].partition("\n\n")[0].splitlines()
        if line.startswith("| `")
    }
    assert documented == set(WORDS)


def test_every_sentence_of_consequences_is_known_in_spanish():
    """Of planted ones, which no town of the tests has."""
    catalogue = read_catalogue("es")
    tables = [measured(evidence_of(2, planted)) for planted in (Planted(shifted=0.5), Planted({"violence_near": 0.3}))]
    told = pd.concat([table[name] for table in tables for name in SENTENCES["consequence"]]).dropna().unique()
    assert [text for text in told if "<span lang" in catalogue.sentence_html(text)] == []


def test_every_verdict_on_an_operation_is_known_in_spanish():
    catalogue = read_catalogue("es")
    told = [judge_operation(effects, harm)[1] for effects, harm, _, _ in CASES if len(effects)]
    told.append("too early to say: 28 days are needed, 9 have passed")
    assert [text for text in told if "<span lang" in catalogue.sentence_html(text)] == []
    said = catalogue.sentence(told[0])
    assert said.startswith(
        "mejor, m\u00e1s de lo que explica el azar: 58 avisos en el mercado en las primeras 9 semanas, 98 esperados"
    )
    assert "reports" not in said and "registered" not in said
