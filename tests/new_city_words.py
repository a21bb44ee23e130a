"""How well offence words are guessed: each shipped table of offences against a guess that does not know it.

    python -m tests.new_city_words            # every table: right, marked and wrong words
    python -m tests.new_city_words chicago    # and the words of one that are marked or wrong

A word is right if it is not marked and gets the code of its own city's table, wrong if it gets another, and marked if
it would wait as a dead letter. Of the marked ones the share is said whose proposal is the city's own code.
"""

import sys
from datetime import date

import pandas as pd

from flows.home.settings import CONFIGS
from flows.new_city.offence_words import KnownWords, read_known_words, refined
from models.places.axes import codebook_axes
from pipeline.events.codebook import read_codebook

BOOK = read_codebook(CONFIGS / "codebooks" / "harm.csv", date(2026, 1, 1), codebook_axes())


def cities() -> list[str]:
    """Return the names of the shipped tables."""
    return sorted(file.stem.removesuffix("_offences") for file in (CONFIGS / "mappings").glob("*_offences.csv"))


def judged(city: str) -> pd.DataFrame:
    """Return the words of a city's table with their guess, made without that table.

    Returns
    -------
    pandas.DataFrame
        offence, offence_detail, offence_code (the city's), guessed_code, check, verdict.
    """
    known = KnownWords(read_known_words(CONFIGS, BOOK["label"], without=[city]), BOOK)
    table = pd.read_csv(CONFIGS / "mappings" / f"{city}_offences.csv", dtype=str, keep_default_na=False)
    table = table.reindex(columns=["offence", "offence_detail", "offence_code"], fill_value="")
    table = table[~table["offence_detail"].str.endswith("*")].reset_index(drop=True)
    rows = []
    for offence, detail in zip(table["offence"], table["offence_detail"], strict=True):
        base = known.guess(offence)
        guess = (refined(known, offence, detail, base) or base) if detail else base
        rows.append((guess.offence_code, guess.check))
    guesses = pd.DataFrame(rows, columns=["guessed_code", "check"])
    table = pd.concat([table, guesses], axis=1)
    is_same = table["guessed_code"] == table["offence_code"]
    table["verdict"] = is_same.map({True: "right", False: "wrong"}).where(table["check"] == "", "marked")
    return table


def main(shown: list[str]) -> None:
    """Print a line for each city, and the words of those that are named."""
    for city in cities():
        table = judged(city)
        counts = table["verdict"].value_counts().reindex(["right", "marked", "wrong"], fill_value=0)
        marked = table[table["verdict"] == "marked"]
        near = (marked["guessed_code"] == marked["offence_code"]).mean() if len(marked) else 1.0
        right, marked_too, wrong = counts
        print(f"{city:20} {right:4} right {marked_too:4} marked ({near:.0%} proposed right) {wrong:3} wrong")
        if city in shown:
            print(table[table["verdict"] != "right"].to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
