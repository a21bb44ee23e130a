"""Near repeats in the loaded city: does one incident make another nearby and soon after more likely than chance?"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from flows.home.home import Home
from flows.run.assembly import place_incidents, query, read_map, read_run_codebook
from geo.near_repeat import knox_table
from pipeline.errors import StoreError
from pipeline.store.snapshot import open_snapshot

# The first band is the same point: publishers move incidents to the middle of their block.
DISTANCE_BANDS_M = (0, 100, 200, 300, 400)
DAY_BANDS = (2, 7, 14, 21, 28)
PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class NearRepeats:
    """A Knox table and what it was made from: the days until `last_day` and the incidents among them."""

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
    """Return the Knox table of the incidents of `days` local days up to and with `last_day`.

    Parameters
    ----------
    offence_codes : codes of the codebook; none takes every burglary, of which near repeats are best known.
    last_day : by default the day of the latest incident.

    Raises
    ------
    ValueError : a code is not in the codebook, or there are too many pairs.
    StoreError : no such incident in these days.
    """
    settings = home.settings
    with open_snapshot(
        home.store, home.key, as_of=home.now(), wait_s=settings.store.wait_s, progress=home.progress
    ) as snapshot:
        last_day = last_day or latest_day(
            query(snapshot.connection, "last_incident", time_zone=settings.force.time_zone)
        )
        as_of = home.midnight(last_day + timedelta(days=1))
        codebook = read_run_codebook(settings, as_of)
        codes = check_codes(offence_codes, codebook)
        geography = read_map(settings)
        place_incidents(snapshot.connection, geography, codebook, as_of, settings)
        points = query(
            snapshot.connection,
            "near_repeat_point",
            since=home.midnight(last_day - timedelta(days=days - 1)),
            until=as_of,
            offence_codes=codes,
            discoveries=list(settings.places.discoveries),
            time_zone=settings.force.time_zone,
        )
    if points.empty:
        raise StoreError(
            f"no incident of {', '.join(codes)} in the {days} days to {last_day}; choose others with --offence, "
            "--days or --last"
        )
    table = knox_table(
        points,
        crs=geography.grid.crs,
        distance_bands_m=DISTANCE_BANDS_M,
        day_bands=DAY_BANDS,
        permutations=permutations,
        seed=settings.seed,
    )
    return NearRepeats(table, codes, last_day, days, len(points))


def latest_day(found: pd.DataFrame) -> date:
    """Return the day of the latest incident; StoreError where the store has none."""
    day = found["day"].iloc[0]
    if pd.isna(day):
        raise StoreError("the store holds no incidents; load some first: harmspot load")
    return pd.Timestamp(day).date()


def check_codes(offence_codes: Sequence[str], codebook: pd.DataFrame) -> list[str]:
    """Return the codes asked for, or those of every burglary; ValueError for one that is not in the codebook."""
    for code in offence_codes:
        if code not in codebook.index:
            close = difflib.get_close_matches(code, codebook.index, n=3) or list(codebook.index)
            raise ValueError(f"offence {code!r} is not in the codebook; it has {', '.join(close)}")
    return sorted(set(offence_codes)) or [code for code in codebook.index if code.startswith("burglary")]


def band_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Return a Knox table for reading: bands as words, pairs, ratio, p, and where that is less than chance allows.

    So many bands are looked at that one in twenty would seem to stand out; each must pass 0.05 over their number.
    """
    at_once = table["distance_to_m"] == 0
    metres = table["distance_from_m"].map("{:.0f}".format) + "–" + table["distance_to_m"].map("{:.0f} m".format)
    return pd.DataFrame(
        {
            "distance": metres.mask(at_once, "same point"),
            "days apart": table["day_from"].astype("str") + "–" + table["day_to"].astype("str"),
            "pairs": table["pairs"],
            "expected": table["expected_pairs"].round(1),
            "ratio": table["ratio"].round(2),
            "p": table["p_value"],
            "repeats": table["p_value"].le(0.05 / len(table)).map({True: "more than chance has", False: ""}),
        }
    )
