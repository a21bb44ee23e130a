"""Which code of the codebook an offence's words mean, as far as words that are known say it.

Known words are those of the shipped tables of offences, of `configs/codebooks/offence_words.csv`, and the codebook's
own labels. A word that is not nearly exactly a known one is marked: it waits as a dead letter until somebody removes
the mark, so that nothing is guessed into weight. Whether words are nearly the same is measured by rapidfuzz; what is
proposed for the others comes from the nearest known words by their pieces of two to four letters (TF-IDF).
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.new_city.guess import Sureness

NEARLY_EXACT = 92.0  # likeness, 0 to 100, from which a word needs no mark
MARGIN = 8.0  # by which the nearest word of another code has to be less like it
_NEAREST = 5  # known words that are compared, and that propose a code together
# Words that change what an offence weighs: two texts that differ in one of them are never nearly exact.
_WEIGHTY = re.compile(
    r"AGG\w*|SIMPLE|NO|NOT|NON|WITHOUT|WITH|FIREARM|GUN|HANDGUN|WEAPON|KNIFE|ARMED|STRONGARM|ATT|ATTEMPT\w*|INJUR\w*|SERIOUS|FIRST"
    r"|SECOND|THIRD|1ST|2ND|3RD|\d+|CHILD|MINOR|JUVENILE|RESID\w*|COMMERCIAL\w*|FROM|OF|MISDEMEANO\w*|FELON\w*|DOMESTIC|NEGLIG\w*"
    r"|JUSTIF\w*|RECKLESS|INVOLUNTARY|SEX\w*|POSS\w*|SUPPLY|DELIVER\w*|MANU\w*|PETIT|GRAND|GROSS|THREAT\w*|HOME|VEH\w*|AUTO\w*|CAR"
    r"|BICYCLE|PERSON|OTHER|GREATER|LESS|OVER|UNDER|INTENT|DEATH|DEADLY|FATAL|HIT|SHOOTING|RECOVER\w*|LOST|FOUND"
)
_DETAIL = re.compile(
    r"\b(AGG\w*|FIREARM|GUN|HANDGUN|WEAPON|KNIFE|DEADLY|ATT|ATTEMPT\w*|SERIOUS|GREAT BODILY|STRANG\w*|CHILD|MINOR"
    r"|JUVENILE|SEX\w*|RAPE|MURDER|HOMICIDE|NEGLIG\w*|JUSTIF\w*|RECKLESS|INVOLUNTARY|MANU\w*|DELIV\w*|DISTRIB\w*|TRAFFICK\w*|SELL\w*"
    r"|SALE|SUPPLY|POSS\w*|HOME INVASION|RESID\w*|BUILDING|FROM|RETAIL|SHOP\w*|THREAT\w*|HARASS\w*|STALK\w*)\b"
)
# Words with which a grave offence weighs less, or is none.
_REDUCING = re.compile(
    r"\b(NEGLIG\w*|JUSTIF\w*|RECKLESS|INVOLUNTARY|ATT|ATTEMPT\w*|UNFOUNDED|NON CRIMINAL|NON-CRIMINAL)\b"
)


_FILLING = ("THE", "A", "AN", "AND", "OR", "OFFENSE", "OFFENCE", "VIOLATION", "LAW")


@dataclass(frozen=True, slots=True)
class WordGuess:
    """The code that an offence's words probably mean; `check` is why a person has to look, '' where none has to."""

    offence_code: str
    discovery: str
    sureness: Sureness
    check: str


class KnownWords:
    """Offence words with their codes, and the codes' weights.

    Parameters
    ----------
    words : pandas.DataFrame
        offence, offence_detail ('' for any), offence_code, discovery ('' where unknown), source; a row per statement.
    codebook : pandas.DataFrame
        harm_days and category by offence_code; words of other codes are left out.
    """

    def __init__(self, words: pd.DataFrame, codebook: pd.DataFrame) -> None:
        known = words[words["offence_code"].isin(codebook.index)].reset_index(drop=True)
        self.harm_days, self._category = codebook["harm_days"], codebook["category"]
        self._codes: dict[str, Counter[str]] = {}
        self._discovery: dict[str, Counter[str]] = {}  # of a code (lower case) or of words (upper case)
        self._beginnings: dict[str, dict[str, str]] = {}  # offence → beginning of its detail (`AGG*`) → code
        for offence, detail, code, discovery, _ in known[list(WORD_COLUMNS)].itertuples(index=False):
            if detail.endswith("*"):
                self._beginnings.setdefault(folded(offence), {})[detail.rstrip("*").upper()] = code
            else:
                self._codes.setdefault(folded(f"{offence} {detail}"), Counter())[code] += 1
            for heard in (code, folded(f"{offence} {detail}")) if discovery else ():
                self._discovery.setdefault(heard, Counter())[discovery] += 1
        self._texts = sorted(self._codes)

    def guess(self, offence: str, detail: str = "") -> WordGuess:
        """Return the guess for one offence, with the detail that refines it."""
        text = folded(f"{offence} {detail}")
        codes = self._codes.get(text)
        if codes is not None:
            code = self._lightest(codes)
            if len(codes) == 1:
                return self._guessed(code, "sure", text=text)
            others = ", ".join(sorted(other for other in codes if other != code))
            return self._guessed(code, "check", f"others file these words as {others}")
        begun = [b for b in self._beginnings.get(folded(offence), {}) if detail and detail.upper().startswith(b)]
        if begun:
            return self._guessed(self._beginnings[folded(offence)][max(begun, key=len)], "sure")
        return self._nearest(text)

    def is_same_category(self, one: WordGuess, other: WordGuess) -> bool:
        """Return whether the codes of two guesses are of one category, such as property."""
        return bool(self._category[one.offence_code] == self._category[other.offence_code])

    def knows(self, text: str) -> bool:
        """Return whether words are known exactly."""
        return folded(text) in self._codes

    def _nearest(self, text: str) -> WordGuess:
        from rapidfuzz import fuzz, process

        if not self._texts:
            return self._guessed("other_offence", "check", "no word is known")
        near = process.extract(text, self._texts, scorer=fuzz.token_sort_ratio, limit=_NEAREST)
        word, likeness, _ = near[0]
        code = self._lightest(self._codes[word])
        rivals = [score for other, score, _ in near if self._codes[other].keys() - {code}]
        is_clear = len(self._codes[word]) == 1 and likeness - max(rivals, default=0.0) >= MARGIN
        if likeness >= NEARLY_EXACT and is_clear and _weighty(word) == _weighty(text):
            return self._guessed(code, "likely")
        code, word, likeness = self._proposed(text)
        return self._guessed(code, "check", f'{likeness:.0%} like "{word}"' if likeness else "like no known word")

    def _proposed(self, text: str) -> tuple[str, str, float]:
        """Return the code that the nearest known words propose together, the nearest of that code, and its likeness."""
        vectorizer, known = self._pieces
        likeness = (vectorizer.transform([text]) @ known.T).toarray()[0]
        nearest = np.argsort(-likeness, kind="stable")[:_NEAREST]
        if not likeness[nearest[0]] > 0:
            return "other_offence", "", 0.0
        codes = [self._lightest(self._codes[self._texts[place]]) for place in nearest]
        worth: Counter[str] = Counter()
        for code, place in zip(codes, nearest, strict=True):
            worth[code] += likeness[place] ** 2
        chosen = min(worth, key=lambda code: (-round(worth[code], 6), self.harm_days[code]))
        place = nearest[codes.index(chosen)]
        return chosen, self._texts[place], float(likeness[place])

    @cached_property
    def _pieces(self) -> tuple[Any, Any]:
        """The pieces of letters of all known words, weighted by their rarity."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        return vectorizer, vectorizer.fit_transform(self._texts)

    def _guessed(self, code: str, sureness: Sureness, check: str = "", *, text: str = "") -> WordGuess:
        heard = self._discovery.get(text) or self._discovery.get(code) or Counter({"public": 1})
        # What the police discover raises no score, so a tie goes to it.
        discovery = max(sorted(heard), key=lambda word: (heard[word], word == "police"))
        return WordGuess(code, discovery, sureness, check)

    def _lightest(self, codes: Counter[str]) -> str:
        """Return the code that most say, of equals the lightest."""
        return min(codes, key=lambda code: (-codes[code], self.harm_days[code], code))


WORD_COLUMNS = ("offence", "offence_detail", "offence_code", "discovery", "source")


def folded(text: str) -> str:
    """Return words as they are compared: upper case, without marks, plural endings and filling words."""
    words = map(_singular, re.sub(r"[^A-Z0-9]+", " ", text.upper().replace("'", "")).split())
    return " ".join(word for word in words if word not in _FILLING)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("IES"):
        return word[:-3] + "Y"
    return word[:-1] if len(word) > 3 and word.endswith("S") and not word.endswith(("SS", "US", "IS")) else word


def _weighty(text: str) -> Counter[str]:
    return Counter(word for word in text.split() if _WEIGHTY.fullmatch(word))


def read_known_words(configs: Path, labels: pd.Series, *, without: Collection[str] = ()) -> pd.DataFrame:
    """Return the known words: of the shipped tables of offences, of `offence_words.csv`, and the codebook's labels.

    Parameters
    ----------
    configs : pathlib.Path
        Folder with `mappings/*_offences.csv` and `codebooks/offence_words.csv`.
    labels : pandas.Series
        Label by offence_code.
    without : collection of str
        Names of mappings whose own words are left out, as when the guess itself is judged.
    """
    tables = [
        _table(file, source=file.stem.removesuffix("_offences"))
        for file in sorted((configs / "mappings").glob("*_offences.csv"))
        if file.stem.removesuffix("_offences") not in without
    ]
    listed = configs / "codebooks" / "offence_words.csv"
    if listed.is_file():
        tables.append(_table(listed, source="").rename(columns={"word": "offence"}))
    own = [labels, pd.Series(labels.index.str.replace("_", " "), index=labels.index)]
    tables += [
        pd.DataFrame({"offence": words.to_numpy(), "offence_code": words.index, "source": "codebook"}) for words in own
    ]
    every = pd.concat(tables, ignore_index=True).reindex(columns=list(WORD_COLUMNS)).fillna("")
    return every[~every["source"].isin(set(without))].drop_duplicates()


def _table(file: Path, source: str) -> pd.DataFrame:
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.assign(source=table.get("source", source))


def offence_table(words: pd.DataFrame, known: KnownWords) -> pd.DataFrame:
    """Return the table of offences of a file: every word with its guess, the commonest first.

    A detail gets a row of its own only where it may change the code; all others share the row with a blank detail.

    Parameters
    ----------
    words : pandas.DataFrame
        offence, offence_detail ('' where the file has none), count.
    known : KnownWords
        The known words.

    Returns
    -------
    pandas.DataFrame
        offence, offence_detail, offence_code, discovery, check, sureness, count.
    """
    named = words[words["offence"] != ""]
    rows: list[dict[str, object]] = []
    for offence, group in named.groupby("offence", sort=False):
        base, rest = known.guess(str(offence)), 0
        for detail, count in zip(group["offence_detail"], group["count"], strict=True):
            own = refined(known, str(offence), str(detail), base) if detail else None
            if own is None:
                rest += int(count)
            else:
                rows.append(_row(str(offence), str(detail), own, int(count)))
        rows.append(_row(str(offence), "", base, rest))
    names = ["offence", "offence_detail", "offence_code", "discovery", "check", "sureness", "count"]
    table = pd.DataFrame(rows, columns=names)
    return table.sort_values(["count", "offence", "offence_detail"], ascending=[False, True, True], ignore_index=True)


def refined(known: KnownWords, offence: str, detail: str, base: WordGuess) -> WordGuess | None:
    """Return the guess for an offence with its detail, None where the detail says nothing that may change the code."""
    whole, alone = known.guess(offence, detail), known.guess(detail)
    for exact in (whole, alone):
        if exact.sureness == "sure":
            if exact.offence_code == base.offence_code and base.sureness == "sure":
                return None
            # A detail of the same category refines the offence; another one contradicts it.
            if exact is whole or base.sureness == "check" or known.is_same_category(exact, base):
                return exact
            return replace(exact, sureness="check", check=f"the offence alone is {base.offence_code}")
    is_weighty = _REDUCING.search(detail.upper()) is not None
    others = [guess for guess in (alone, whole) if guess.offence_code != base.offence_code]
    if not is_weighty and not (_DETAIL.search(detail.upper()) and others):
        return None
    chosen = others[0] if others else whole
    return replace(chosen, sureness="check", check=chosen.check or f'like "{folded(detail)}"')


def _row(offence: str, detail: str, guess: WordGuess, count: int) -> dict[str, object]:
    return {
        "offence": offence,
        "offence_detail": detail,
        "offence_code": guess.offence_code,
        "discovery": guess.discovery,
        "check": guess.check,
        "sureness": guess.sureness,
        "count": count,
    }
