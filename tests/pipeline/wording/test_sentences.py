"""Sentences of published tables, which stay English there, in Spanish on pages."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.events.reasons import WORDS
from pipeline.publication.publish import read_published
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, read_catalogue
from pipeline.wording.sentences import patterns

ROOT = Path(__file__).parents[3]
SENTENCES = {
    "area_ranking": ["moves_out_if", "moves_in_if"],
    "address_pile": ["why"],
    "data_quality": ["detail"],
    "quality_check": ["detail", "way_out"],
    "sensitivity_summary": ["meaning"],
    "crackdown_plan": ["why"],
    "feedback": ["not_measured_because"],
}
HALF = "It would leave the 5 worst if violence fell by about half and nothing else changed."


@pytest.mark.parametrize("table", SENTENCES)
def test_every_sentence_of_the_town_is_known_in_spanish(town_run, table):
    catalogue, frame = read_catalogue("es"), read_published(town_run.home.path, table)
    said = pd.concat([frame[column] for column in SENTENCES[table]]).dropna().unique()
    unknown = [text for text in said if "<span lang" in catalogue.sentence_html(text)]
    assert unknown == []


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


def test_several_sentences_in_one_text_are_read_one_by_one():
    said = read_catalogue("es").sentence(
        "Next on the list is St. Mary's, with a chance of 44% of being among the 5 worst (the list begins at 60%). "
        "98 more reports of violence with injury in the last 30 days, beside the 36 there were, would bring it on."
    )
    assert said.startswith("La siguiente en la lista es St. Mary's, con una probabilidad de 44\N{NO-BREAK SPACE}%")
    assert said.endswith("98 avisos más de violencia con lesiones en los últimos 30 días, además de los 36 que hubo, "
                         "la llevarían a la lista.")  # fmt: skip


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
