"""The shift sheet: all that a crew needs on one page, in both languages, and the same bytes each time."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.briefing import shift_sheet_pdf as drawing
from pipeline.briefing.shift_sheet import At, ShiftSheet, Stop, Street, intro_of, notes_of, rows_of, title_of
from pipeline.briefing.shift_sheet_pdf import shift_sheet_pdf
from pipeline.errors import PublicationError
from pipeline.wording.catalogue import Catalogue, read_catalogue

ZONE = ZoneInfo("America/New_York")
START = datetime(2019, 12, 1, 23, tzinfo=ZONE)
ENGLISH, SPANISH = read_catalogue("en"), read_catalogue("es")


def stop(cell: int, minute: int, **known: object) -> Stop:
    begins = (START.astimezone(UTC) + timedelta(minutes=minute)).astimezone(ZONE)
    return replace(
        Stop(f"EPSG:32618:150:{cell}:9", f"{cell}00 Main St", 40.0 + cell, -75.1, At(cell * 150.0, 0.0), begins,
             begins + timedelta(minutes=12), 0, True, False, False, ("Robbery",), None, cell, 16_929, 267.4, 7, 1_500),
        **known,
    )  # type: ignore[arg-type]  # fmt: skip


SHEET = ShiftSheet(
    force_name="Town Police", area_name="24", area_rank=2, area_count=21, shift_name="night", starts_at=START,
    ends_at=START + timedelta(hours=8), valid_to=START + timedelta(hours=8), run_id="1ff5caf6e3b58d67",
    stops=(stop(1, 10), stop(2, 60, moved=5), stop(1, 90), stop(3, 200, is_planned=False)), left_out=16,
    rings=((At(0, 0), At(900, 0), At(900, 900), At(0, 0)),), km_per_hour=15.0, cell_size_m=150.0,
    help_contact="Ask at the clinic", link="https://maps.example/?q={lat},{lon}",
)  # fmt: skip


def pdf(sheet: ShiftSheet, catalogue: Catalogue = ENGLISH) -> bytes:
    return shift_sheet_pdf(sheet, catalogue, made_at=datetime(2019, 12, 1, tzinfo=UTC))


def drawn(sheet: ShiftSheet, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> str:
    """All texts that are drawn on the page."""
    texts: list[str] = []
    write = drawing._Page._write

    def noted(page: drawing._Page, text: str, *more: object, **how: object) -> None:
        texts.append(text)
        write(page, text, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(drawing._Page, "_write", noted)
    pdf(sheet, catalogue)
    return "\n".join(texts)


def test_the_sheet_says_where_when_why_and_what_not(monkeypatch: pytest.MonkeyPatch) -> None:
    said = drawn(SHEET, ENGLISH, monkeypatch)
    for text in (
        "Shift sheet: Area 24, night shift",
        "1 December 2019, 23:00–07:00 EST · Town Police",
        "3 places for one crew. The area has rank 2 of 21 by its chance of being among the worst.",
        "100 Main St\n41.00000, -75.10000",
        "00:00–00:12 (next day)\n12 minutes",
        "Rank 1 of 16,929 squares of the force; 267 harm points expected here in the next 7 days; 1,500 incidents here",
        "Added to the plan of this shift",
        "no ground for a stop, a search, an arrest or an eviction",
        "People who use drugs: tell them where help is. Ask at the clinic.",
        "1 visit was moved",
        "16 more visits of the day's plan",
        "Valid until 2 December 2019, 07:00, then destroy it. Run 1ff5caf6e3b58d67.",
        "A square is 150 m wide",
    ):
        assert text in said, text
    assert [row.number for row in rows_of(SHEET, ENGLISH)] == [1, 2, 1, 3]
    assert rows_of(SHEET, ENGLISH)[2].why == "Another visit here; see above."


def test_it_is_one_page_with_links_and_the_same_bytes() -> None:
    made = pdf(SHEET)
    assert made == pdf(SHEET)
    assert made.startswith(b"%PDF-") and made.count(b"/Type /Page\n") == 1
    assert made.count(b"https://maps.example/?q=41.000000,-75.100000") == 2  # both visits


def test_streets_are_drawn_and_the_longest_named_away_from_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    streets = (
        Street("Long Road", ((At(0, 400), At(900, 400)),)),
        Street("Main St", ((At(0, 0), At(900, 0)),)),  # its middle is at a place
        Street("North Way", ((At(600, 500), At(600, 900)), (At(600, 300), At(600, 350)))),
    )
    with_streets = replace(SHEET, streets=streets)
    texts = drawn(with_streets, ENGLISH, monkeypatch).split("\n")
    assert [text for text in texts if text in {"Long Road", "Main St", "North Way"}] == ["Long Road", "North Way"]
    assert pdf(with_streets) == pdf(with_streets) != pdf(SHEET)
    many = tuple(Street(f"Street {n}", ((At(0, 9.0 * n), At(900, 9.0 * n)),)) for n in range(100))
    assert 1 < drawn(replace(SHEET, streets=many), ENGLISH, monkeypatch).count("Street ") <= drawing.STREET_NAMES


def test_spanish_says_all_of_it_in_spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    english = set(drawn(SHEET, ENGLISH, monkeypatch).split("\n"))
    spanish = set(drawn(SHEET, SPANISH, monkeypatch).split("\n"))
    same = {text for text in english & spanish if not text.startswith(("41", "42", "43")) and "Main St" not in text}
    assert same == {"", "N", "200 m", "23:10–23:22"}
    assert title_of(SHEET, SPANISH) == "Hoja de turno: Zona 24, turno noche"


def test_few_places_and_none_are_explained() -> None:
    one = replace(SHEET, stops=SHEET.stops[:1], left_out=0)
    assert intro_of(one, ENGLISH).endswith("No other square of the area may be added.")
    none = replace(SHEET, stops=(), left_out=0)
    assert intro_of(none, ENGLISH).startswith("No place in this area")
    assert pdf(none).count(b"/Type /Page\n") == 1
    assert not [note for note in notes_of(one, ENGLISH) if "moved" in note or "more visit" in note]


def test_the_place_of_an_operation_says_so() -> None:
    row = rows_of(replace(SHEET, stops=(stop(1, 10, is_by_lot=True),)), ENGLISH)[0]
    assert row.why.startswith("Drawn by lot: ")
    row = rows_of(replace(SHEET, stops=(stop(1, 10, is_operation=True),)), ENGLISH)[0]
    assert row.why.startswith("An announced operation runs here. Mostly: Robbery. Rank 1 of")


def test_a_place_without_name_or_coordinates_is_its_cell() -> None:
    """Runs of earlier versions have neither."""
    row = rows_of(replace(SHEET, stops=(stop(4, 10, place=None, lat=None, lon=None),)), ENGLISH)[0]
    assert (row.place, row.at, row.link) == ("EPSG:32618:150:4:9", "", None)


def test_what_cannot_be_printed_is_refused_and_no_typeface_stays_open() -> None:
    for wrong, why in (
        (replace(SHEET, force_name="水門"), r"U\+6C34, U\+9580, which the typeface Lato lacks"),
        (replace(SHEET, help_contact="Ask. " * 900), r"does not fit on one page; shorten notices\.help_contact"),
    ):
        with pytest.raises(PublicationError, match=why):
            pdf(wrong)
    assert pdf(replace(SHEET, help_contact="Ask. " * 100)).count(b"/Type /Page\n") == 1  # in smaller letters
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]  # noqa: PTH115
    assert not [link for link in links if link.endswith(".ttf")]


def test_numbers_of_near_places_do_not_cover_each_other() -> None:
    points = [(10.0, 10.0), (11.0, 10.0), (10.0, 11.0), (60.0, 60.0)]
    discs = drawing._apart(points)
    assert discs[3] == points[3]
    gaps = [((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 for a in discs for b in discs if a != b]
    assert len(set(discs)) == 4 and min(gaps) >= 2 * drawing.DISC
