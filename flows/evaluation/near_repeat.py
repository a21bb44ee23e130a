"""Near repeats in the loaded city: more pairs of incidents close in space and time than chance explains."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from flows.evaluation.placed_city import open_city
from flows.home.home import Home
from geo.near_repeat import knox_table
from pipeline.errors import StoreError

# The first band is the same point: publishers move incidents to the middle of their block.
DISTANCE_BANDS_M = (0, 100, 200, 300, 400)
DAY_BANDS = (2, 7, 14, 21, 28)
PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class NearRepeats:
    """A Knox table and its input: the days up to `last_day` and the number of incidents in them."""

    table: pd.DataFrame
    offence_codes: list[str]
    last_day: date
    days: int
    incident_count: int


def find_near_repeats(
    home: Home,
    offence_codes: Sequence[str] = (),
    *,
    days: int,
    last_day: date | None = None,
    permutations: int = PERMUTATIONS,
) -> NearRepeats:
    """Return the Knox table of the incidents of `days` local days up to and including `last_day`.

    Parameters
    ----------
    home : Home
        Home of the city.
    offence_codes : Sequence[str]
        Codes of the codebook; none selects all burglaries, whose near repeats are best documented.
    days : int
        Number of local days.
    last_day : date | None
        Last of these days; by default the day of the latest incident.
    permutations : int
        Number of random permutations.

    Returns
    -------
    NearRepeats
        The Knox table and its input.

    Raises
    ------
    ValueError
        A code is not in the codebook, or there are too many pairs.
    StoreError
        There is no such incident in these days.
    """
    with open_city(home, last_day) as city:
        last_day = city.last_day
        codes = check_codes(offence_codes, city.codebook)
        since = home.midnight(last_day - timedelta(days=days - 1))
        points = city.incidents("near_repeat_points", since=since, offence_codes=codes)
    if points.empty:
        raise StoreError(
            f"no incident of {', '.join(codes)} in the {days} days to {last_day}; choose others with --offence, "
            "--days or --last"
        )
    table = knox_table(
        points,
        crs=city.geography.grid.crs,
        distance_bands_m=DISTANCE_BANDS_M,
        day_bands=DAY_BANDS,
        permutations=permutations,
        seed=home.settings.seed,
    )
    return NearRepeats(table, codes, last_day, days, len(points))


def check_codes(offence_codes: Sequence[str], codebook: pd.DataFrame) -> list[str]:
    """Return the given codes, or those of all burglaries; raise ValueError if one is not in the codebook."""
    for code in offence_codes:
        if code not in codebook.index:
            close = difflib.get_close_matches(code, codebook.index, n=3) or list(codebook.index)
            raise ValueError(f"offence {code!r} is not in the codebook; it has {', '.join(close)}")
    return sorted(set(offence_codes)) or [code for code in codebook.index if code.startswith("burglary")]


def band_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Return a readable Knox table: bands as text, pairs, ratio, p, and a mark where p is significant.

    With many bands, about one in twenty would be significant by chance; the threshold is therefore 0.05 divided by
    their number (Bonferroni).
    """
    is_same_point = table["distance_to_m"] == 0
    metres = table["distance_from_m"].map("{:.0f}".format) + "–" + table["distance_to_m"].map("{:.0f} m".format)
    return pd.DataFrame(
        {
            "distance": metres.mask(is_same_point, "same point"),
            "days apart": table["day_from"].astype("str") + "–" + table["day_to"].astype("str"),
            "pairs": table["pairs"],
            "expected": table["expected_pairs"].round(1),
            "ratio": table["ratio"].round(2),
            "p": table["p_value"],
            "repeats": table["p_value"].le(0.05 / len(table)).map({True: "more than chance has", False: ""}),
        }
    )
