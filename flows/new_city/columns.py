"""Which column of a file is which of ours: by its name, and by what its values are."""

import re
from dataclasses import dataclass, field

import pandas as pd

from flows.new_city.guess import Guess, graded
from flows.new_city.names import NUMBERED, name_strength, words_of_name
from flows.new_city.offence_words import KnownWords
from flows.new_city.places import number_marks, numbers, split_points
from flows.new_city.table import Table
from flows.new_city.times import NUMERIC, TimeFormat, clock_format, padded_clock, read_exactly, read_format

_CLOCK = r"(time|hour|tm|clock)"
_TIMES = ("occurred_at", "occurred_to", "reported_at", "updated_at")
_LEAST = 0.5  # of the values of a column have to be what its role needs
_UNIQUE = 0.95  # of the values of an id that is known by its values more than by its name
_TRUTH = ("true", "false", "t", "f", "y", "n", "yes", "no", "0", "1")


@dataclass
class Found:
    """The columns that were found, and the formats of their values."""

    columns: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # ours → theirs, in the order in which they are joined
    guesses: dict[str, Guess] = field(default_factory=dict)
    times: dict[str, TimeFormat] = field(default_factory=dict)  # by our name
    chosen: dict[str, str] = field(default_factory=dict)  # ours → theirs, as a person says

    def strength(self, ours: str, column: str) -> float:
        """Return how strongly a column's name speaks for one of ours; a person's word decides."""
        if ours in self.chosen:
            return 1.0 if self.chosen[ours] == column else 0.0
        return 0.0 if column in self.chosen.values() else name_strength(ours, column)

    def take(self, ours: str, theirs: tuple[str, ...], name: float, values: float, saw: str) -> None:
        """Keep a column."""
        self.columns[ours] = theirs
        self.guesses[ours] = Guess(ours, " + ".join(theirs), saw, graded(name, values))

    def is_taken(self, column: str) -> bool:
        """Return whether a column is one of ours already."""
        return any(column in theirs for theirs in self.columns.values())


def find_columns(table: Table, known: KnownWords, chosen: dict[str, str] | None = None) -> Found:
    """Find the columns of a table: first times and places, whose values are plain, then words, then ids.

    Parameters
    ----------
    table : Table
        The file.
    known : KnownWords
        The offence words that are known.
    chosen : dict of str to str, optional
        Columns that a person names, ours → theirs; a blank name says that the file has none.
    """
    found = Found(chosen=dict(chosen or {}))
    _find_times(table, found)
    _find_point(table.sample, found)
    _find_offence(table, found, known)
    _find_id(table, found)
    _find_area(table.sample, found)
    _find_domestic(table.sample, found)
    return found


def _find_times(table: Table, found: Found) -> None:
    sample = table.sample
    named = [column for column in table.types if any(found.strength(ours, column) for ours in _TIMES)]
    read = _read_times(table, named)
    if not any(found.strength("occurred_at", column) for column in read) and "occurred_at" not in found.chosen:
        # No name says it: the values do, texts before numbers, which may be ids.
        unnamed = _read_times(table, [column for column in table.types if column not in named])
        texts = {column: form for column, form in unnamed.items() if form.pattern not in NUMERIC}
        read |= texts or unnamed
    for ours in ("updated_at", "reported_at", "occurred_to", "occurred_at"):
        candidates = [column for column in read if not found.is_taken(column) and found.strength(ours, column)]
        if ours == "occurred_at" and not candidates and ours not in found.chosen:
            candidates = [column for column in read if not found.is_taken(column) and column not in named]
        if not candidates:
            continue
        best = max(
            candidates,
            key=lambda column: (_time_worth(found, ours, column, read[column]), -names_of(sample).index(column)),
        )
        form, strength = read[best], max(found.strength(ours, best), 0.3)
        clock = (
            None
            if form.precision == "instant"
            else _clock_beside(table, best, found, is_lonely_enough=ours == "occurred_at")
        )
        theirs: tuple[str, ...] = (best,)
        if clock is not None:
            theirs, form = _with_clock(table, best, form, *clock)
        if ours != "occurred_at" and form.rate < 0.9:
            continue
        found.take(ours, theirs, strength, form.rate, _time_words(form))
        found.times[ours] = form
    if "occurred_at" not in found.columns:
        _find_parts(table, found)


def _read_times(table: Table, columns: list[str]) -> dict[str, TimeFormat]:
    forms = {column: read_format(table.sample[column], table.connection) for column in columns}
    return {column: form for column, form in forms.items() if form is not None}


def _time_worth(found: Found, ours: str, column: str, form: TimeFormat) -> tuple[float, bool]:
    # A column that holds the time of day, too, is worth more than its twin that holds the day alone.
    return round(found.strength(ours, column), 1) * form.rate, form.precision == "instant"


def _time_words(form: TimeFormat) -> str:
    order = "; day and month could be the other way round" if form.is_ambiguous else ""
    return f"{form.rate:.1%} of values read as {form.words}{order}"


def _clock_beside(table: Table, date_column: str, found: Found, *, is_lonely_enough: bool) -> tuple[str, str] | None:
    """Return the column with the time of day that belongs to a date, and its pattern.

    A name that differs from the date's only in its word for time says it, or one of that word alone; otherwise, with
    `is_lonely_enough`, the only column of times of day that the file has.
    """
    stem = _stem(date_column)
    clocks = {
        column: pattern
        for column in table.types
        if column != date_column and not found.is_taken(column) and _may_be_clock(column, table.sample[column])
        if (pattern := clock_format(table.sample[column], table.connection))
    }
    named = [column for column in clocks if re.search(rf"\b{_CLOCK}\b", words_of_name(column).replace("of day", ""))]
    alike = [column for column in clocks if _stem(column) == stem and stem] or [
        column for column in named if not _stem(column)
    ]
    if not alike and is_lonely_enough and len(clocks) == 1:
        alike = list(clocks)
    return (alike[0], clocks[alike[0]]) if alike else None


def _stem(column: str) -> list[str]:
    """Return the words of a column's name that are not about date and time of day."""
    return re.sub(rf"\b(date|dt|day|on|of|at|the|{_CLOCK})\b", " ", words_of_name(column)).split()


def _may_be_clock(column: str, texts: pd.Series) -> bool:
    """Return whether a column is called a time, or has texts such as 23:45."""
    is_named = bool(re.search(rf"\b{_CLOCK}\b", words_of_name(column).replace("of day", "")))
    return is_named or bool(texts.dropna().str.fullmatch(r"\s*\d{1,2}:\d{2}.*").mean() > _LEAST)


def _with_clock(
    table: Table, date_column: str, form: TimeFormat, clock_column: str, clock: str
) -> tuple[tuple[str, ...], TimeFormat]:
    """Return date and clock column with the format of their texts joined by a blank."""
    sample = table.sample
    joined = sample[date_column] + " " + padded_clock(sample[clock_column])
    date_pattern = form.pattern or "%Y-%m-%d"
    # A date that always carries midnight keeps its text in the pattern.
    first = str(sample[date_column].dropna().iloc[0])
    midnight = (
        first[len(re.split("[ T]", first)[0]) :] if form.pattern is None or re.search("%[HI]", date_pattern) else ""
    )
    day = re.split(r"[ T](?=%[HI])", date_pattern)[0] + midnight
    joint = read_exactly(joined, table.connection, f"{day} {clock}")
    if joint is None or joint.rate < form.rate - 0.3:
        return (date_column,), form
    ambiguous = TimeFormat(joint.pattern, joint.rate, "instant", form.is_ambiguous, joint.latest)
    return (date_column, clock_column), ambiguous


def _find_parts(table: Table, found: Found) -> None:
    """Find year, month, day and hour in columns of their own."""
    parts: dict[str, str] = {}
    for part, mark in (("year", "%Y"), ("month", "%m"), ("day", "%d"), ("hour", "%H"), ("minute", "%M")):
        column = next((name for name in table.types if re.fullmatch(rf"(.* )?{part}( .*)?", words_of_name(name))), None)
        if column is not None:
            parts[column] = mark
    if not {"%Y", "%m"} <= set(parts.values()):
        return
    joined = table.sample[list(parts)].apply(lambda row: " ".join(map(str, row)), axis=1)
    form = read_exactly(joined, table.connection, " ".join(parts.values()))
    if form is not None:
        precision = "instant" if "%H" in parts.values() else "day" if "%d" in parts.values() else "month"
        found.times["occurred_at"] = TimeFormat(form.pattern, form.rate, precision, latest=form.latest)
        found.take("occurred_at", tuple(parts), 0.9, form.rate, _time_words(form))


def _find_point(sample: pd.DataFrame, found: Found) -> None:
    """Find x and y, degrees before others, or one column that holds both."""
    pairs = []
    for x in names_of(sample):
        for y in names_of(sample):
            strength = min(found.strength("x", x), found.strength("y", y))
            if strength and x != y:
                values = pd.DataFrame({at: numbers(sample[at], number_marks(sample[at])) for at in (x, y)})
                rate = float(values.notna().all(axis=1).sum() / max(1, sample[[x, y]].notna().all(axis=1).sum()))
                is_alike = re.sub(r"lon\w*|lng|x|east\w*", "", x.lower()) == re.sub(r"lat\w*|y|north\w*", "", y.lower())
                share = float(values.notna().all(axis=1).mean())
                pairs.append(((rate >= _LEAST, strength, is_alike, share), x, y, strength, rate))
    if pairs and (best := max(pairs, key=lambda pair: pair[0]))[4] >= _LEAST:
        _, x, y, strength, rate = best
        saw = f"{sample[[x, y]].notna().all(axis=1).mean():.1%} of rows have both, {rate:.1%} of these are numbers"
        found.take("x", (x,), strength, rate, saw)
        found.take("y", (y,), strength, rate, saw)
        return
    for column in sorted(names_of(sample), key=lambda name: -found.strength("point", name)):
        texts = sample[column].dropna()
        if found.strength("point", column) and len(texts):
            rate = float(split_points(texts).notna().all(axis=1).mean())
            if rate >= _LEAST:
                found.take(
                    "point", (column,), found.strength("point", column), rate, f"{rate:.1%} of values are points"
                )
                return


def _find_offence(table: Table, found: Found, known: KnownWords) -> None:
    worths = {
        column: _offence_worth(found, column, table.sample[column], known)
        for column in table.types
        if not found.is_taken(column)
    }
    worths = {column: worth for column, worth in worths.items() if worth[0] > 0.35}
    if "offence" in found.chosen:
        worths = {column: worth for column, worth in worths.items() if column == found.chosen["offence"]}
    if not worths:
        return
    best = max(worths, key=lambda column: worths[column][0])
    _, share, different = worths[best]
    saw = f"{different:,} different words; {share:.0%} of rows have words that are known"
    found.take("offence", (best,), found.strength("offence", best), 0.95 if share > 0.2 else 0.5, saw)
    details = [
        column
        for column in table.types
        if not found.is_taken(column)
        and found.strength("offence_detail", column)
        and _refines(table.sample, best, column)
    ]
    if details:
        detail = max(details, key=lambda column: found.strength("offence_detail", column))
        count = table.sample[detail].nunique()
        found.take(
            "offence_detail",
            (detail,),
            found.strength("offence_detail", detail),
            0.95,
            f"{count:,} words that refine {best}",
        )


def _offence_worth(found: Found, column: str, texts: pd.Series, known: KnownWords) -> tuple[float, float, int]:
    """Return a column's worth as the offence, the share of its rows with known words, and its number of words."""
    counts = texts.value_counts()
    words = len(counts)
    strength = found.strength("offence", column)
    is_text = bool(counts.index.to_series().astype(str).str.contains(r"[A-Za-z]{3}").mean() > 0.8) if words else False
    top = counts.head(60)
    share = float(sum(count for word, count in top.items() if known.knows(str(word))) / max(1, top.sum()))
    if not is_text or (words < 2 and not share) or words > min(1_500, max(60, 0.2 * len(texts))):
        return 0.0, 0.0, words
    return 0.5 * strength + 0.5 * min(1.0, 1.5 * share), share, words


def _refines(sample: pd.DataFrame, offence: str, detail: str) -> bool:
    """Return whether nearly every text of a detail stands beside one offence, and there are more of them."""
    pairs = sample[[offence, detail]].dropna()
    texts = pairs[detail].nunique()
    if texts <= pairs[offence].nunique() or texts > min(1_500, 0.5 * len(pairs)):
        return False
    purest = pairs.groupby(detail)[offence].agg(lambda words: words.value_counts().iloc[0]).sum()
    return bool(purest / len(pairs) > 0.6)


def _find_id(table: Table, found: Found) -> None:
    worths: dict[str, tuple[float, float, float]] = {}
    for column in table.types:
        strength = found.strength("incident_id", column)
        if strength and not found.is_taken(column):
            texts = table.sample[column]
            given = texts.dropna()
            uniqueness = given.nunique() / len(given) if len(given) else 0.0
            if uniqueness >= _least_unique(strength) and (strength != NUMBERED or given.size > _UNIQUE * len(texts)):
                worths[column] = (strength * 0.8 + uniqueness * 0.2 * float(texts.notna().mean()), strength, uniqueness)
    if not worths:
        return
    best = max(worths, key=lambda column: worths[column][0])
    blank, repeated, _ = table.repeats(best)
    saw = f"{table.rows - blank - repeated:,} different ids in {table.rows:,} rows" + (
        f", {blank:,} blank" if blank else ""
    )
    found.take("incident_id", (best,), worths[best][1], worths[best][2], saw)


def _least_unique(strength: float) -> float:
    """Return the share of ids that have to differ: several offences of an incident repeat its number."""
    return _UNIQUE if strength == NUMBERED else _LEAST if strength < 1 else 0.3


def _find_area(sample: pd.DataFrame, found: Found) -> None:
    worths: dict[str, tuple[float, float, float]] = {}
    for column in names_of(sample):
        strength = found.strength("area_id", column)
        words = sample[column].nunique()
        if strength and not found.is_taken(column) and 2 <= words <= min(400, 0.2 * len(sample) + 5):
            # Some dozens of areas make a ranking; two are too few, hundreds too fine.
            worths[column] = (strength - (0.3 if words < 4 or words > 150 else 0.0), strength, words)
    if worths:
        best = max(worths, key=lambda column: worths[column][0])
        _, strength, different = worths[best]
        share = float(sample[best].notna().mean())
        found.take("area_id", (best,), strength, share, f"{different} different values in {share:.1%} of rows")


def _find_domestic(sample: pd.DataFrame, found: Found) -> None:
    for column in names_of(sample):
        values = sample[column].dropna().str.lower()
        if found.strength("domestic", column) and len(values) and values.isin(_TRUTH).mean() >= 0.98:
            found.take("domestic", (column,), 1.0, 1.0, "yes and no")
            return


def names_of(sample: pd.DataFrame) -> list[str]:
    """Return the names of a sample's columns."""
    return [str(name) for name in sample.columns]
