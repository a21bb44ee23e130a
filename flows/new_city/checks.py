"""What a person has to check of a new city, in the order of how much harm hangs on it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flows.new_city.city import OFFICERS_PER_AREA, City
from flows.new_city.writing import CityFiles

_SHOWN_WORDS = 8


@dataclass(frozen=True, slots=True)
class Check:
    """Something to check: what, what to do, and the harm-days that hang on it."""

    harm_days: float
    text: str


def checks(city: City, files: CityFiles, harm_days: pd.Series, ratio_weight: float) -> list[Check]:
    """Return what to check, most harm first.

    Parameters
    ----------
    city : City
        What was guessed.
    files : CityFiles
        Where it was written.
    harm_days : pandas.Series
        Weight by offence_code.
    ratio_weight : float
        Weight of the axis of crimes per officer-hour, which rests on staffing.
    """
    words = city.offences.assign(harm_days=city.offences["offence_code"].map(harm_days) * city.offences["count"])
    total = float(words["harm_days"].sum())
    found = [*_word_checks(words, files), *_place_checks(city, files, total)]
    areas = len(city.areas.frame)
    found.append(
        Check(
            ratio_weight * total,
            f"staffing is assumed: {OFFICERS_PER_AREA} officer on duty in each of {areas} areas; "
            f"set force.staffing in {files.config}",
        )
    )
    found += _time_checks(city, files, total)
    found += [
        Check(0.0, f"{guess.line()}; see {files.mapping}")
        for guess in city.guesses
        if guess.sureness == "check" and guess.about not in ("areas", "crs", "occurred_at", "time_zone")
    ]
    return sorted(found, key=lambda check: -check.harm_days)


def _word_checks(words: pd.DataFrame, files: CityFiles) -> list[Check]:
    waiting = words[words["check"] != ""].sort_values("harm_days", ascending=False, kind="stable")
    shown, rest = waiting.head(_SHOWN_WORDS), waiting.iloc[_SHOWN_WORDS:]
    found = [
        Check(
            float(str(row.harm_days)),
            f"{row.count_:,} rows wait: {_word(row)} would be {row.offence_code} ({row.check}); "
            f"correct its line in {files.offences} and empty its column check",
        )
        for row in shown.rename(columns={"count": "count_"}).itertuples()
    ]
    if len(rest):
        found.append(
            Check(
                float(rest["harm_days"].sum()),
                f"{int(rest['count'].sum()):,} rows wait for {len(rest)} further words there",
            )
        )
    likely = words[words["sureness"] == "likely"]
    if len(likely):
        names = ", ".join(f"{_word(row)} = {row.offence_code}" for row in likely.head(_SHOWN_WORDS).itertuples())
        found.append(Check(float(likely["harm_days"].sum()), f"words read by likeness: {names}"))
    return found


def _word(row: object) -> str:
    detail = getattr(row, "offence_detail", "")
    return f"{row.offence} / {detail}" if detail else str(row.offence)  # type: ignore[attr-defined]


def _place_checks(city: City, files: CityFiles, total: float) -> list[Check]:
    found = []
    if city.areas.kind == "grid":
        found.append(
            Check(
                total, f"the areas are {city.areas.saw}; give boundaries as AREAS, or set force.areas in {files.config}"
            )
        )
    if city.areas.kind == "districts":
        found.append(Check(total, f"the areas are {city.areas.saw}; give true boundaries as AREAS"))
    for guess in city.guesses:
        if guess.about == "crs":
            share = city.share_inside
            outside = 0.0 if share is None else 1 - share
            if outside > 0.005:
                text = f"{outside:.1%} of points lie in no area and count for none"
                found.append(Check(outside * total, f"{text}: is {city.areas.path} the whole force?"))
            if guess.sureness == "check" or "as well" in guess.saw:
                found.append(Check(total if guess.sureness == "check" else 0.0, f"{guess.line()}; see {files.mapping}"))
    return found


def _time_checks(city: City, files: CityFiles, total: float) -> list[Check]:
    form = city.found.times["occurred_at"]
    found = []
    if form.is_ambiguous:
        found.append(
            Check(
                total,
                f"day and month could be the other way round: occurred_at_format {form.pattern} in {files.mapping}",
            )
        )
    if form.is_mixed:
        found.append(Check(total, "day and month stand in both orders, so the rows wait: have them written in one"))
    elif form.rate < 0.995:
        found.append(Check((1 - form.rate) * total, f"{1 - form.rate:.1%} of the times are not read as {form.words}"))
    if form.precision != "instant":
        found.append(Check(0.0, f"times are known to the {form.precision} alone; hours of visits say nothing"))
    zone = next(guess for guess in city.guesses if guess.about == "time_zone")
    found.append(Check(0.0, f"{zone.line()}: it decides the day of what happens near midnight"))
    return found


def check_lines(found: list[Check]) -> list[str]:
    """Return the checks as numbered lines."""
    return [
        f"  {number}. {check.text}" + (f" [{_days(check.harm_days)} harm-days]" if check.harm_days >= 1 else "")
        for number, check in enumerate(found, 1)
    ]


def _days(days: float) -> str:
    """Return harm-days to two digits."""
    digits = -int(np.floor(np.log10(days))) + 1
    return f"{round(days, digits):,.0f}"
