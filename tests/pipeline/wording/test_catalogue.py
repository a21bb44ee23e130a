"""The catalogue: every message extracted, in Spanish with the same fields; a force's own messages; formats."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from flows.home.settings import SettingsError, load_settings
from pipeline.pages.base import page_environment
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, read_catalogue, shipped_languages
from pipeline.wording.extraction import LOCALE, extracted, of_python, template
from pipeline.wording.formats import formats_of
from pipeline.wording.po_file import FIELD, problems
from pipeline.wording.sentences import patterns


def spanish():
    with (LOCALE / "es.po").open("rb") as file:
        return read_po(file, locale="es")


def texts(message):
    return [message] if isinstance(message, str) else list(message)


def ids(messages):
    return {tuple(texts(message.id)) for message in messages if message.id}


def test_every_message_has_a_spanish_translation_and_nothing_else_has():
    """`python -m pipeline.wording` brings the file up to date."""
    assert ids(spanish()) == ids(extracted())
    untranslated = [message.id for message in spanish() if message.id and not all(texts(message.string))]
    assert untranslated == []
    assert list(spanish().obsolete) == []


def test_a_translation_has_the_fields_and_tags_of_its_message():
    assert list(problems(spanish())) == []
    for message in spanish():
        if message.id:
            used = set(FIELD.findall(" ".join(texts(message.string))))
            assert used >= set(FIELD.findall(texts(message.id)[-1])) - {"if"}, message.id


def test_messages_are_extracted_from_templates_python_tables_and_patterns():
    found = {message.id: dict.fromkeys(path for path, _ in message.locations) for message in extracted() if message.id}
    assert "pipeline/pages/templates/plans.html.jinja" in found["Why one market at a time"]
    assert "pipeline/pages/plans.py" in found["even workload"]
    assert "pipeline/publication/tables.yml" in found["Likely range of the rank"]
    assert "pipeline/wording/sentences.txt" in found[patterns()[0]]


def test_python_calls_are_extracted_also_over_lines_and_plural():
    source = """
a = home.catalogue.text("one " "two", x=1)
self._catalogue.plural("{count} day", "{count} days", n)
message("m")
"""
    assert list(of_python(source)) == ["one two", ("{count} day", "{count} days"), "m"]
    assert list(of_python('row.text("no message")')) == []


def test_the_template_for_a_force_holds_every_message_untranslated(tmp_path):
    path = tmp_path / "own.po"
    path.write_bytes(template())
    with path.open("rb") as file:
        messages = read_po(file)
    assert ids(messages) == ids(extracted())
    assert not any(
        message.string if isinstance(message.string, str) else any(message.string) for message in messages if message.id
    )


def own(tmp_path, message, translation, before=""):
    path = tmp_path / "own.po"
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    path.write_text(f'{head}{before}msgid "{message}"\nmsgstr "{translation}"\n', encoding="utf-8")
    return path


def test_a_force_rewords_english_and_adds_to_spanish(tmp_path):
    path = own(tmp_path, "Likely range", "From … to …")
    assert read_catalogue("en", path).text("Likely range") == "From … to …"
    assert read_catalogue("en", path).text("Rank") == "Rank"
    of_spanish = read_catalogue("es", path)
    assert (of_spanish.text("Likely range"), of_spanish.text("Rank")) == ("From … to …", "Puesto")


def test_a_force_brings_a_language_that_is_not_shipped(tmp_path):
    path = own(tmp_path, "Rank", "Rang")
    assert read_catalogue("de", path).text("Rank") == "Rang"
    assert read_catalogue("de", path).formats.number(1234.5, 1) == "1.234,5"


@pytest.mark.parametrize(
    ("message", "translation", "before", "said"),
    [
        ("the next {days} days", "die {tage} Tage", "", "{tage} is no field of the message; it has {days}"),
        ("the next {days} days", "die {days Tage", "", "its braces do not close; write a field as {name}"),
        ("Rank", "Rang", "#, fuzzy\n", "it is marked fuzzy; correct the translation and take the mark away"),
        ("Rank", "<script>x</script>", "", "<script> is no tag of the message; write < as &lt;"),
    ],
)
def test_a_message_that_cannot_be_used_names_file_line_and_way_out(tmp_path, message, translation, before, said):
    path = own(tmp_path, message, translation, before)
    with pytest.raises(SettingsError) as error:
        read_catalogue("de", path)
    for part in (str(path), "line ", f"message '{message}'", said):
        assert part in str(error.value)


def test_a_file_that_cannot_be_read_says_how_to_write_one(tmp_path):
    path = tmp_path / "own.po"
    path.write_text("Rank = Rang\n")
    with pytest.raises(
        SettingsError, match=r"own\.po, line 1: Unknown or misformatted keyword.*python -m pipeline\.wording template"
    ):
        read_catalogue("de", path)
    with pytest.raises(SettingsError, match=r"force\.messages: .*none\.po cannot be read: No such file"):
        read_catalogue("de", tmp_path / "none.po")


def test_a_language_without_texts_is_refused_with_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HARMSPOT__FORCE__LANGUAGE", "fr")
    with pytest.raises(SettingsError, match=r"force\.language='fr': there are texts in en and es; .*force\.messages"):
        load_settings(None)
    monkeypatch.setenv("HARMSPOT__FORCE__MESSAGES", str(own(tmp_path, "Rank", "Rang")))
    assert load_settings(None).force.language == "fr"
    assert shipped_languages() == ["en", "es"]  # as the error says


def test_pages_write_numbers_shares_and_days_as_the_language_does():
    zone = ZoneInfo("America/New_York")
    page = (
        "{{ 1234.5 | number(1) }} {{ 0.42 | percent }} {{ 0.999 | chance }} {{ day | day }} {{ at | moment }} "
        "{{ 30 | days_ahead }}"
    )
    at = datetime(2019, 12, 1, 12, 30, tzinfo=UTC)
    said = {
        language: page_environment(zone, read_catalogue(language))
        .from_string(page)
        .render(day=date(2019, 12, 1), at=at)
        for language in ("en", "es")
    }
    assert said["en"] == "1,234.5 42% &gt;99% 1 December 2019 1 December 2019, 07:30 the next 30 days"
    assert said["es"] == (
        "1.234,5 42\N{NO-BREAK SPACE}% &gt;99\N{NO-BREAK SPACE}% 1 de diciembre de 2019 1 de diciembre de 2019, 07:30 "
        "los próximos 30 días"
    )


@given(st.floats(-1e9, 1e9), st.integers(0, 3))
def test_a_spanish_number_is_the_english_one_with_other_marks(value, digits):
    english, of_spanish = formats_of("en").number(value, digits), formats_of("es").number(value, digits)
    assert of_spanish.translate(str.maketrans(",.", ".,")) == english
    assert formats_of("es").rewritten(english) == of_spanish


def test_a_field_is_escaped_and_a_message_may_hold_tags():
    page = page_environment(catalogue=Catalogue()).from_string('{{ _("<b>{name}</b>", name=name) }}')
    assert page.render(name="<i>") == "<b>&lt;i&gt;</b>"


def test_a_plural_counts_as_the_language_does():
    assert Catalogue().plural("{count} area", "{count} areas", 1234) == "1,234 areas"
    assert Catalogue().plural("{count} area", "{count} areas", 1) == "1 area"


def test_no_two_columns_of_a_table_have_the_same_heading():
    """A GeoPackage refuses them, and nobody could tell them apart."""
    tables = read_tables()
    for table in [*tables.published.values(), *tables.restricted.values()]:
        titles = [column.title for column in table.columns]
        assert len(set(titles)) == len(titles), table.name
