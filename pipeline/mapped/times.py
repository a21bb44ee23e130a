"""How times are read: SQL of one column of times, level upon level, so that only odd texts take the slow way.

A time is local, or absolute where the text states an offset or zone. Its rank is its precision: 0 instant, 1 day,
2 month. Its fault says why there is none: `no` (blank), `bad` (no such time), `zone` (an unknown word for a zone),
`order` (day and month in an order that the file does not tell) or `digits` (an epoch or a date). The
macros are in `sql/mapped/macro.sql`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.database import literal_sql, name_sql
from pipeline.mapped.columns import text_sql
from pipeline.mapped.mapping import PRECISIONS
from pipeline.mapped.time_format import TimeFormat, read_format

LEVELS = 8
ISO_LOCAL = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[ T](?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?"
ISO_ABSOLUTE = (
    r"\d{4}-\d\d-\d\d[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"
)
_ISO_DATE = r"^\s*\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
_MIDNIGHT = r"[T ](?:0?0:00(?::00(?:\.0+)?)?|12:00(?::00)? [Aa][Mm])$"
_LONG_EPOCH = r"[1-9](?:\d{12}|\d{15})(?:\.0*)?"  # which no format of numbers takes for its own
# Digits of a number, and the time that it is; Excel counts days of local time from 1899-12-30. Ten digits are seconds,
# and as milliseconds a slip: they would be of 1970.
_NUMBERS = {
    "epoch_s": (r"-?\d{1,11}(?:\.\d*)?", "make_timestamp(round({} * 1000000)::BIGINT)"),
    "epoch_ms": (r"-?(?:\d{1,9}|\d{11,14})(?:\.\d*)?", "make_timestamp(round({} * 1000)::BIGINT)"),
    "excel": (r"\d{1,6}(?:\.\d*)?", "TIMESTAMP '1899-12-30' + to_seconds(round({} * 86400)::BIGINT)"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the times of the files tell about how they are written, as SQL over the columns of `raw`."""

    date_order: str = "NULL::VARCHAR"  # of day and month, mdy or dmy; null where the file does not tell
    orders: tuple[str, ...] = ()  # those that occur; one alone only if it is that of every row
    epochs: Mapping[str, str] = field(default_factory=dict)  # our name of a time → whether its digits are an epoch


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """One time of a row: our name, the SQL of its text in `raw`, and how it is written (None: found out)."""

    ours: str
    text: str
    form: TimeFormat | str | None
    told: Told = field(default_factory=Told)

    def levels(self) -> list[list[str]]:
        """Return the expressions of each level; each reads the columns of those before."""
        ours, text = self.ours, f"{self.ours}_text"
        body = f"coalesce(nullif({ours}_split.body, ''), trimmed({text}))"
        return [
            [f"{self.text} AS {text}", f"{self.told.epochs.get(ours, 'false')} AS {ours}_is_epoch"],
            [f"{self._fast(text)} AS {ours}_fast"],
            [f"CASE WHEN {ours}_fast IS NULL THEN {self._fast_absolute(text)} END AS {ours}_zoned"],
            [
                f"CASE WHEN {ours}_fast IS NULL AND {ours}_zoned IS NULL AND {text} IS NOT NULL "
                f"THEN {self._split(text)} END AS {ours}_split"
            ],
            [f"CASE WHEN {ours}_split IS NOT NULL THEN {body} END AS {ours}_body"],
            [f"CASE WHEN {ours}_split IS NOT NULL THEN time_parts({ours}_body) END AS {ours}_parts"],
            self._tries(),
            self._found(),
        ]

    def _fast(self, text: str) -> str:
        if self.form is None:
            other = f" ELSE {self._ordered(text)}" if self.told.orders else ""
            return f"CASE WHEN {_is_sql(text, ISO_LOCAL)} THEN TRY_CAST({text} AS TIMESTAMP){other} END"
        if isinstance(self.form, str):
            return "NULL::TIMESTAMP"
        parsed = _strptime_sql(text, self.form.pattern)
        return f"CASE WHEN {_is_sql(text, self.form.digits)} THEN {parsed} END" if self.form.digits else parsed

    def _ordered(self, text: str) -> str:
        """Return the quick way for texts that begin with day and month."""
        first, *others = self.told.orders
        cases = [f"WHEN date_order = '{order}' THEN {_ordered_sql(text, order)}" for order in (first, *others)]
        return f"CASE {' '.join(cases)} END" if others else _ordered_sql(text, first)

    def _fast_absolute(self, text: str) -> str:
        if self.form is None or (isinstance(self.form, TimeFormat) and self.form.falls_back):
            return f"CASE WHEN {_is_sql(text, ISO_ABSOLUTE)} THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
        return "NULL::TIMESTAMPTZ"

    def _split(self, text: str) -> str:
        found = f"split_zone({text})"
        if isinstance(self.form, TimeFormat) and self.form.has_time:
            found = f"CASE WHEN NOT {self._is_shaped(text)} THEN split_zone_at_end({text}) ELSE split_zone({text}) END"
        numbers = []
        if isinstance(self.form, str):
            is_number = _is_sql(f"trimmed({text})", _NUMBERS[self.form][0])
            numbers.append((is_number, "" if self.form == "excel" else "Z"))
        if is_epoch := self._is_epoch(f"trimmed({text})"):
            numbers.append((is_epoch, "Z"))
        cases = [f"WHEN {is_number} THEN {{'body': trimmed({text}), 'zone': '{zone}'}} " for is_number, zone in numbers]
        return f"CASE {''.join(cases)}ELSE {found} END" if cases else found

    def _is_epoch(self, text: str) -> str | None:
        """Return whether a text is an epoch that no format states; None where a pattern has digits without a mark."""
        if isinstance(self.form, str):
            return _is_sql(text, _LONG_EPOCH)
        return None if self.form and self.form.digits else f"{self.ours}_is_epoch AND is_epoch({text})"

    def _is_shaped(self, text: str) -> str:
        """Return whether a text may be read without the pattern: a date that begins with the year."""
        if isinstance(self.form, TimeFormat) and not self.form.falls_back:
            return "false"
        return "true" if self.form is None else f"regexp_matches({text}, {literal_sql(_ISO_DATE)})"

    def _tries(self) -> list[str]:
        """Return the time of a slow text by its format, by the date alone of its format, and by its shape."""
        body, parts = f"{self.ours}_body", f"{self.ours}_parts"
        order = "date_order" if self.form is None else "NULL"
        by_form = by_date = "NULL::TIMESTAMP"
        if isinstance(self.form, TimeFormat):
            by_form = self._by_pattern(self.form, body)
            if self.form.date:
                by_date = _strptime_sql(f"trimmed({self.ours}_text)", self.form.date)
        elif self.form:
            digits, read = _NUMBERS[self.form]
            by_form = f"CASE WHEN {_is_sql(body, digits)} THEN {read.format(f'TRY_CAST({body} AS DOUBLE)')} END"
        is_epoch = self._is_epoch(body)
        epoch = f"WHEN {is_epoch} THEN epoch_time({body}) " if is_epoch else ""
        shaped = f"CASE {epoch}WHEN {self._is_shaped(body)} THEN shaped_time({body}, {parts}, {order}) END"
        names = ((by_form, "by_form"), (by_date, "by_date"), (shaped, "shaped"))
        return [f"CASE WHEN {self.ours}_split IS NOT NULL THEN {sql} END AS {self.ours}_{name}" for sql, name in names]

    def _by_pattern(self, form: TimeFormat, body: str) -> str:
        parsed = _strptime_sql(body, form.pattern)
        parsed = f"CASE WHEN {_is_sql(body, form.digits)} THEN {parsed} END" if form.digits else parsed
        if not form.ends_in:
            return parsed
        clock = f"lpad(regexp_extract({body}, '(\\d+)(?:\\.0*)?$', 1), {form.ends_in}, '0')"
        padded = f"regexp_replace({body}, '\\d+(?:\\.0*)?$', '') || {clock}"
        is_short = f"regexp_matches({body}, '[^\\d.]\\d{{1,{form.ends_in}}}(?:\\.0*)?$')"
        return f"CASE WHEN {is_short} THEN {_strptime_sql(padded, form.pattern)} ELSE {parsed} END"

    def _found(self) -> list[str]:
        ours = self.ours
        fast, zoned, by_form, by_date, shaped = (
            f"{ours}_{name}" for name in ("fast", "zoned", "by_form", "by_date", "shaped")
        )
        rank = str(PRECISIONS.index(self.form.precision)) if isinstance(self.form, TimeFormat) else "0"
        by_length = f"CASE WHEN strlen({ours}_text) <= 10 THEN 1 ELSE 0 END"
        by_number = f"if({by_form} = date_trunc('day', {by_form}), 1, 0)" if self.form == "excel" else rank
        zone = f"CASE WHEN {by_form} IS NULL AND {by_date} IS NOT NULL THEN '' ELSE {ours}_split.zone END"
        slow = f"coalesce({by_form}, {by_date}, {shaped})"
        offset = f"make_timestamptz(epoch_us({slow}) - 1000000 * zone_offset({zone}))"
        order = f"WHEN begins_with_day_or_month({ours}_parts) AND date_order IS NULL THEN 'order' "
        digits = "" if self._is_epoch("") is None else f"WHEN {slow} IS NULL AND is_epoch({ours}_body) THEN 'digits' "
        return [
            f"CASE WHEN {fast} IS NOT NULL THEN {fast} WHEN {zone} = '' THEN {slow} END AS {ours}_local",
            f"CASE WHEN {zoned} IS NOT NULL THEN {zoned} WHEN {zone} <> '' THEN {offset} END AS {ours}_absolute",
            f"CASE WHEN {fast} IS NOT NULL THEN {by_length if self.form is None else rank} "
            f"WHEN {zoned} IS NOT NULL THEN 0 WHEN {by_form} IS NOT NULL THEN {by_number} "
            f"WHEN {by_date} IS NOT NULL THEN 1 ELSE shaped_rank({ours}_body, {ours}_parts) END AS {ours}_rank",
            f"CASE WHEN {fast} IS NOT NULL OR {zoned} IS NOT NULL THEN NULL WHEN is_blank_value({ours}_text) THEN 'no' "
            f"{order if self.form is None else ''}{digits}WHEN {slow} IS NULL THEN 'bad' "
            f"WHEN {zone} <> '' AND zone_offset({zone}) IS NULL THEN 'zone' END AS {ours}_fault",
        ]


def time_levels(
    ours: str, names: tuple[str, ...], types: Mapping[str, str], pattern: str | None, told: Told
) -> list[list[str]]:
    """Return the expressions of each level that read one time.

    Parameters
    ----------
    ours : str
        Our name of the time.
    names : tuple of str
        The columns of the file, joined by a blank; none gives no time.
    types : mapping of str to str
        DuckDB's types of the columns in `raw`.
    pattern : str or None
        The format that the mapping states.
    told : Told
        What the files tell.
    """
    kind = types.get(names[0], "") if len(names) == 1 else ""
    form = None if pattern is None else read_format(f"{ours}_format", pattern)
    if not names:
        found = [f"NULL::TIMESTAMP AS {ours}_local", f"NULL::TIMESTAMPTZ AS {ours}_absolute"]
        return [*([[]] * (LEVELS - 1)), [*found, f"0 AS {ours}_rank", f"'no' AS {ours}_fault"]]
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return _typed(
            ours, name_sql(names[0]), rank=int(kind == "DATE"), is_absolute=kind == "TIMESTAMP WITH TIME ZONE"
        )
    text = text_sql(names[0], types) if len(names) == 1 else _joined_sql(names, types, is_free=form is None)
    return TimeColumn(ours, text, form, told).levels()


def _typed(ours: str, column: str, *, rank: int, is_absolute: bool = False) -> list[list[str]]:
    """Return the levels of a column whose type says what it is: only the first and the last."""
    given = f"{ours}_given"
    moment = f"CASE WHEN isfinite({given}) THEN {given} END"
    local, absolute = (
        ("NULL::TIMESTAMP", moment) if is_absolute else (f"CAST({moment} AS TIMESTAMP)", "NULL::TIMESTAMPTZ")
    )
    found = [
        f"{local} AS {ours}_local",
        f"{absolute} AS {ours}_absolute",
        f"{rank} AS {ours}_rank",
        f"CASE WHEN {given} IS NULL THEN 'no' WHEN NOT isfinite({given}) THEN 'bad' END AS {ours}_fault",
    ]
    return [[f"{column} AS {given}"], *([[]] * (LEVELS - 2)), found]


def _joined_sql(names: tuple[str, ...], types: Mapping[str, str], *, is_free: bool) -> str:
    """Return the texts of several columns joined by blanks: without the last ones that are blank, `?` for others."""
    texts = [text_sql(name, types) for name in names]
    if is_free:  # many exports write a date as its midnight
        texts[:-1] = [f"regexp_replace({text}, {literal_sql(_MIDNIGHT)}, '')" for text in texts[:-1]]
    parts = [f"CASE WHEN is_blank_value({text}) THEN '?' ELSE trimmed({text}) END" for text in texts]
    return f"nullif(regexp_replace(concat_ws(' ', {', '.join(parts)}), '(?: \\?)+$', ''), '?')"


def _ordered_sql(text: str, date_order: str) -> str:
    """Return the quick way for texts that begin with day and month; odd ones take the slow one."""
    day = "%m/%d/%Y" if date_order == "mdy" else "%d/%m/%Y"
    clocks = ("", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M %p")
    return f"try_strptime({text}, [{', '.join(literal_sql(day + clock) for clock in clocks)}])"


def _strptime_sql(text: str, pattern: str) -> str:
    return f"try_strptime({text}, {literal_sql(pattern)})"


def _is_sql(text: str, expression: str) -> str:
    return f"regexp_full_match({text}, {literal_sql(expression)})"
