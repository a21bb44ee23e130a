"""Did you mean: the known word that is nearest to an unknown one."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], *, listing: str = "known here") -> str:
    """Return a question with the nearest known word, or the known words where none is near; case does not count.

    Parameters
    ----------
    word : str
        The unknown word.
    known : iterable of str
        The known words.
    listing : str
        What introduces the known words; of more than 20 the first are listed.
    """
    words = list(known)
    folded = {each.casefold(): each for each in reversed(words)}
    if close := difflib.get_close_matches(word.strip().casefold(), folded, n=1, cutoff=0.7):
        return f"did you mean {folded[close[0]]!r}?"
    more = f" and {len(words) - 20} more" if len(words) > 20 else ""
    return f"{listing}: {', '.join(words[:20]) or 'none'}{more}"
