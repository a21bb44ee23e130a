"""How a column writes times: its pattern, day and month order, and precision, found by trying patterns on values."""

import itertools
import re
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.database import Connection, literal_sql, name_sql
from pipeline.errors import SourceError

DATES = (
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y"),
    *("%d.%m.%y", "%Y.%m.%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y"),
    "%Y%m%d",
)
CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%H:%M:%S.%g", "%H%M", "%H")
MONTHS = ("%Y-%m", "%m/%Y", "%b-%Y", "%B %Y", "%Y%m")
PATTERNS = tuple(
    [*DATES, *MONTHS] + [f"{day}{blank}{clock}" for day in DATES for blank in (" ", ", ", "T") for clock in CLOCKS[:7]]
)
_TRIED = 2_000
# A zone behind a time of day: a load reads the time by it, whatever the pattern.
_ZONE = r"(:\d\d(?:\.\d+)?(?: ?[AaPp][Mm])?)\s*(?:[Zz]|UTC|GMT|[A-Z]{3,4}|[+-]\d\d(?::?\d\d)?)$"
_IS_ISO = "regexp_matches(text, '^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]')"
_ISO = f"CASE WHEN {_IS_ISO} THEN try_cast(text AS TIMESTAMPTZ)::TIMESTAMP END"
_SWAPPED = {"%m/%d": "%d/%m", "%d/%m": "%m/%d", "%d-%m": "%m-%d", "%m-%d": "%d-%m"}
_EPOCHS = {"epoch_s": 1.0, "epoch_ms": 1e-3}
NUMERIC = (*_EPOCHS, "excel")
_SLIP_DAYS = 60
_SLIPS = 0.005  # share of dates in the other order that may be slips of the pen
_EARLIEST, _LATEST = 1950, 2100  # years that a time of an incident may have


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How times are written: `pattern` is a strptime pattern, a word such as epoch_ms, or None for ISO 8601."""

    pattern: str | None
    rate: float  # share of the given values that it reads
    precision: str  # instant, day or month
    is_ambiguous: bool = False  # day and month could be the other way round: no value is above 12
    latest: pd.Timestamp | None = None
    is_mixed: bool = False  # day and month stand in both orders: no pattern is right, and the rows wait

    @property
    def words(self) -> str:
        """Return the pattern in words."""
        return "day and month in both orders" if self.is_mixed else self.pattern or "ISO 8601"


def read_format(texts: pd.Series, connection: Connection, patterns: tuple[str, ...] = PATTERNS) -> TimeFormat | None:
    """Return the format that reads most of the given texts, None where none reads half of them.

    Parameters
    ----------
    texts : pandas.Series
        Values as text; missing where blank.
    connection : Connection
        Reads the texts with the parser that a load uses.
    patterns : tuple of str
        The strptime patterns to try beside ISO 8601 and numbers.
    """
    values = pd.Series(texts.dropna().unique(), dtype="object")
    if values.empty:
        return None
    tried = values.iloc[:: max(1, len(values) // _TRIED)].reset_index(drop=True)
    tried = tried.str.replace(_ZONE, r"\1", regex=True)
    numbers = _numeric_format(tried)
    if numbers is not None:
        return numbers
    if not tried.str.contains(r"\d", na=False).mean() > 0.5:
        return None
    read = _read_all(tried, connection, patterns)
    rates = read.notna().mean()
    best = str(rates.idxmax())  # the first of equals, and ISO 8601 stands first
    if not rates[best] >= 0.5:
        return None
    other = other_order(best)
    is_ambiguous = other is not None and bool(rates.get(other, 0.0) == rates[best])
    if is_ambiguous:
        best = min((best, str(other)), key=lambda pattern: _jumps(pd.Series(read[pattern])))
    other = other_order(best)
    is_mixed = other in read and bool((read[other].notna() & read[best].isna()).mean() > _SLIPS)
    pattern = None if best == "" or is_mixed else best
    precision, latest = _precision(read[best].dropna(), best), read[best].max()
    return TimeFormat(pattern, float(rates[best]), precision, is_ambiguous, latest, is_mixed)


def _read_all(texts: pd.Series, connection: Connection, patterns: tuple[str, ...]) -> pd.DataFrame:
    """Return the times that each pattern reads, a column for each; '' is ISO 8601."""
    shapes = {_shape(text) for text in texts.head(200)}
    likely = [pattern for pattern in patterns if any(_may_read(pattern, shape) for shape in shapes)]
    reads = [_ISO, *(f"try_strptime(text, {literal_sql(pattern)})" for pattern in likely)]
    return _reads(texts, connection, reads).set_axis(["", *likely], axis=1)


def _reads(texts: pd.Series, connection: Connection, reads: list[str]) -> pd.DataFrame:
    """Return the times that each expression over `text` reads, a column for each; times of other centuries are none."""
    valid = [
        f"CASE WHEN year({read}) BETWEEN {_EARLIEST} AND {_LATEST} THEN {read} END AS c{number}"
        for number, read in enumerate(reads)
    ]
    connection.register("tried_time", pd.DataFrame({"text": texts, "ordinal": range(len(texts))}))
    try:
        found = connection.execute(f"SELECT {', '.join(valid)} FROM tried_time ORDER BY ordinal").df()  # noqa: S608
    finally:
        connection.unregister("tried_time")
    return found.set_axis(range(len(reads)), axis=1)


def _shape(text: str) -> tuple[int, bool, bool, bool, bool]:
    """Return what tells patterns apart: marks of dates and clocks, letters."""
    return (
        text.count(":"),
        "/" in text,
        bool(re.search(r"\d\.\d\d?\.", text)),
        bool(re.search(r"[AaPp]\.?[Mm]", text)),
        "," in text,
    )


def _may_read(pattern: str, shape: tuple[int, bool, bool, bool, bool]) -> bool:
    return (
        pattern.count(":") == shape[0]
        and ("/" in pattern) == shape[1]
        and bool(re.search(r"%.\.%.\.", pattern)) == shape[2]
        and (not re.search("%p", pattern) or shape[3])
        and ("," in pattern) == shape[4]
    )


def _numeric_format(texts: pd.Series) -> TimeFormat | None:
    """Return the format of epoch numbers and Excel's serial days, judged by the years that they give."""
    numbers = pd.to_numeric(texts, errors="coerce")
    if not numbers.notna().mean() >= 0.98:
        return None
    for name, factor in _EPOCHS.items():
        seconds = numbers.dropna() * factor
        if bool(seconds.between(5e8, 2.2e9).mean() >= 0.98) and bool((seconds > 0).all()):
            times = pd.Series(pd.to_datetime(seconds, unit="s"))
            return TimeFormat(name, float(numbers.notna().mean()), _precision(times, name), latest=times.max())
    if bool(numbers.between(32_000, 60_000).mean() >= 0.98):
        days = pd.Series(pd.Timestamp("1899-12-30") + pd.to_timedelta(numbers.dropna(), unit="D"))
        return TimeFormat("excel", float(numbers.notna().mean()), _precision(days, "excel"), latest=days.max())
    return None


def other_order(pattern: str) -> str | None:
    """Return a pattern with day and month the other way round, None where that is not possible."""
    for order, swapped in _SWAPPED.items():
        if order in pattern:
            return pattern.replace(order, swapped)
    return None


def _jumps(times: pd.Series) -> float:
    """Return the span that times cover, in days: of two readings the narrower one is likelier."""
    return float((times.max() - times.min()).days) if times.notna().any() else float("inf")


def _precision(times: pd.Series, pattern: str) -> str:
    """Return `instant` if times of day differ, else `day`, or `month` where every day is the first."""
    if pattern in MONTHS:
        return "month"
    if not times.dt.normalize().eq(times).all():
        return "instant"
    return "month" if times.dt.day.eq(1).all() and times.dt.strftime("%Y-%m").nunique() > 2 else "day"


def read_exactly(texts: pd.Series, connection: Connection, pattern: str) -> TimeFormat | None:
    """Return how well one pattern reads the given texts, None where it reads less than half of them."""
    tried = texts.dropna().iloc[:: max(1, len(texts) // _TRIED)].reset_index(drop=True)
    times = pd.Series(_reads(tried, connection, [f"try_strptime(text, {literal_sql(pattern)})"])[0])
    if not len(tried) or times.notna().mean() < 0.5:
        return None
    return TimeFormat(pattern, float(times.notna().mean()), _precision(times.dropna(), pattern), latest=times.max())


def latest_time(connection: Connection, columns: tuple[str, ...], form: TimeFormat, now: datetime) -> pd.Timestamp:
    """Return the last time of view `raw` up to `now`; a few rows far behind all others are slips and do not count.

    Parameters
    ----------
    connection : Connection
        One with view `raw`.
    columns : tuple of str
        The columns of the time, joined by a blank.
    form : TimeFormat
        How they are written.
    now : datetime
        Now.
    """
    text = " || ' ' || ".join(f"trim(CAST({name_sql(column)} AS VARCHAR))" for column in columns)
    local = f"regexp_replace({text}, {literal_sql(_ZONE)}, '\\1')"
    if form.pattern in _EPOCHS:
        read = f"make_timestamp((try_cast({text} AS DOUBLE) * {1e6 * _EPOCHS[form.pattern]})::BIGINT)"
    elif form.pattern == "excel":
        read = f"TIMESTAMP '1899-12-30' + INTERVAL 1 DAY * floor(try_cast({text} AS DOUBLE))::INTEGER"
    elif form.pattern is None:
        read = f"try_cast({local} AS TIMESTAMPTZ)::TIMESTAMP"
    else:
        read = f"try_strptime({local}, {literal_sql(form.pattern)})"
    [(last, bulk)] = connection.execute(
        f"WITH read AS (SELECT {read} AS t FROM raw) "  # noqa: S608
        f"SELECT max(t), quantile_disc(t, 0.999) FROM read WHERE t BETWEEN TIMESTAMP '{_EARLIEST}-01-01' AND $now",
        {"now": now.replace(tzinfo=None)},
    ).fetchall()
    if last is None:
        raise SourceError("no time of an incident lies in the past; name the column with --column occurred_at=NAME")
    return pd.Timestamp(bulk if (last - bulk).days > _SLIP_DAYS else last)


def clock_format(texts: pd.Series, connection: Connection) -> str | None:
    """Return the pattern of a column of times of day, None where it holds something else."""
    values = pd.Series(texts.dropna().unique(), dtype="object")
    if len(values) < 2 or not values.str.contains(r"^\d", na=False).mean() > 0.9:
        return None
    values = padded_clock(values)
    tried = values.iloc[:: max(1, len(values) // _TRIED)].reset_index(drop=True)
    connection.register("tried_clock", pd.DataFrame({"text": tried}))
    try:
        reads = [f"count(try_strptime(text, {literal_sql(clock)}))" for clock in CLOCKS]
        [counts] = connection.execute(f"SELECT {', '.join(reads)} FROM tried_clock").fetchall()  # noqa: S608
    finally:
        connection.unregister("tried_clock")
    count, place = max(zip(counts, itertools.count(0, -1), strict=False))
    return CLOCKS[-place] if count >= 0.95 * len(tried) else None


def padded_clock(texts: pd.Series) -> pd.Series:
    """Return times of day in digits alone with the zeros that numbers lose: 905 is 0905; a load pads them likewise."""
    is_short = texts.str.fullmatch(r"\d{1,4}", na=False)
    has_minutes = is_short.any() and texts[is_short].str.len().max() > 2
    return texts.where(~is_short, texts.str.zfill(4)) if has_minutes else texts
