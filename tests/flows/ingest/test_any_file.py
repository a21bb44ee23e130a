"""Any dialect, encoding and spelling of time: every row is stored or waits, and no instant is shifted."""

import csv
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import open_store
from tests.decoders import decoder
from tests.soak import sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HARM_DAYS = {"theft_other": 2.0}
ZONE = ZoneInfo("America/New_York")
MAPPING = {
    **{"name": "town", "about": "A town", "source": "town-police", "offences": "offences.csv"},
    "columns": {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"},
    "time_zone": "America/New_York",
}


def local(pattern: str) -> Callable[[datetime], str]:
    return lambda moment: f"{moment.astimezone(ZONE):{pattern}}"


def offset(pattern: str, minutes: int, text: str) -> Callable[[datetime], str]:
    return lambda moment: f"{moment.astimezone(timezone(timedelta(minutes=minutes))):{pattern}}{text}"


FREE = [  # spellings that need no format
    *(
        local(pattern)
        for pattern in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.000")
    ),
    local("%Y-%m-%d %H:%M:%S %Z"),
    *(offset("%Y-%m-%d %H:%M:%S", 0, text) for text in ("+00", "Z", "z", " UTC", " GMT", "+00:00", " +0000", "-00:00")),
    *(offset("%Y-%m-%dT%H:%M:%S", -300, text) for text in ("-05", " -0500", "-05:00")),
    *(offset("%Y/%m/%d %H:%M:%S", 330, text) for text in ("+05:30", "+0530", " +05:30")),
]
EPOCHS = [lambda moment: str(int(moment.timestamp())), lambda moment: str(int(moment.timestamp()) * 1000)]
PATTERNS = [
    *("%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%b %d, %Y %H:%M:%S"),
]


def is_told(moment: datetime) -> bool:
    """Whether local time without an offset tells the moment: not in the second of two hours with the same clock."""
    return moment.astimezone(ZONE).fold == 0


MOMENTS = st.datetimes(datetime(2002, 1, 1), datetime(2025, 12, 30)).map(
    lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
)


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str
    end: str
    encoding: str
    quoting: int


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
# What else a line may be: another number of fields, an unclosed quote, a note with a line break, letters beyond ASCII.
NOTES = st.sampled_from(["", "ok", "Straße", "two\nlines", 'a "quoted" word', "a,b;c\td|e"])
BROKEN = st.sampled_from(["one field", "id{d}when{d}what{d}x{d}y{d}note{d}more", 'Q{d}"unclosed{d}THEFT'])


def written(dialect: Dialect, rows: list[list[str]], broken: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\n", quoting=dialect.quoting)
    writer.writerow(["id", "when", "what", "x", "y", "note"])
    writer.writerows(rows)
    lines = text.getvalue() + "".join(line.format(d=dialect.delimiter) + "\n" for line in broken)
    return lines.replace("\n", dialect.end).encode(dialect.encoding)


@pytest.mark.sampled
@settings(max_examples=sample(25, whole=12_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    dialect=DIALECTS,
    moments=st.lists(st.tuples(MOMENTS, st.sampled_from(FREE), NOTES), min_size=1, max_size=8),
    pattern=st.none() | st.sampled_from(PATTERNS),
    epoch=st.none() | st.none() | st.sampled_from(EPOCHS),  # of the whole column: among other times it is refused
    broken=st.lists(BROKEN, max_size=2),
)
def test_every_row_is_stored_or_waits_and_no_instant_is_shifted(
    dialect: Dialect,
    moments: list[tuple[datetime, Callable[[datetime], str], str]],
    pattern: str | None,
    epoch: Callable[[datetime], str] | None,
    broken: list[str],
) -> None:
    pattern = None if epoch else pattern
    spelled = [(moment, epoch or (local(pattern) if pattern else spell), note) for moment, spell, note in moments]
    told = [(moment, spell(moment), note) for moment, spell, note in spelled if is_told(moment)]
    rows = [[f"r{at}", text, "THEFT", "-75.16", "39.95", note] for at, (_, text, note) in enumerate(told)]
    keys = {"occurred_at_format": pattern} if pattern else {}
    last = epoch(datetime(2020, 1, 1, tzinfo=UTC)) if epoch else "2020-01-01"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "offences.csv").write_text("offence,offence_code,discovery\nTHEFT,theft_other,public\n")
        (folder / "town.yaml").write_text(yaml.safe_dump(MAPPING | keys | {"delimiter": dialect.delimiter}))
        (folder / "in.csv").write_bytes(written(dialect, [*rows, ["last", last, "THEFT", "1", "1", ""]], broken))
        with open_store(folder / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
            counts = store.load_mapped(
                folder / "in.csv",
                read_mapping(folder / "town.yaml"),
                decoder=decoder(HARM_DAYS, NOW),
                harm_days=HARM_DAYS,
                ingested_at=NOW,
            )
            sql = "SELECT incident_id, occurred_at FROM store.incident_version ORDER BY incident_id"
            kept = dict(store._connection.execute(sql).fetchall())
    assert counts.rows_in == len(rows) + 1 + len(broken)
    assert counts.rows_in == counts.stored + counts.duplicates + counts.merged + counts.dead
    expected = {f"r{at}": moment for at, (moment, _, _) in enumerate(told)}
    found = {number: moment for number, moment in kept.items() if number != "last"}
    # Ten digits that are also a date without marks, such as 1306151030, may be refused.
    assert found.items() <= expected.items() if epoch is EPOCHS[0] else found == expected
