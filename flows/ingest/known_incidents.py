"""The latest known version of every incident, and where it counts in the live figures, in memory.

An incident is known by the 64-bit hash of its id, which two of five million incidents share with a chance of one in a
million. The rows are sorted by it in runs; the last runs are merged as they grow (a log-structured merge), so that a
batch is compared with what it touches and not with the whole store.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

ROW = np.dtype(
    [
        ("id_hash", "u8"),
        ("version", "i8"),
        ("content", "u8"),  # upper half of the content's hash: of two contents of a version the greater counts
        ("area_id", "i4"),  # this and the next three: position among words, -1 for none
        ("offence_code", "i2"),
        ("discovery", "i1"),
        ("kind", "i1"),  # of a report that can point at a market
        ("is_minor_used_by_adult", "?"),
        ("is_new", "?"),  # in a cell, and after the run's clock
        ("age_days", "i4"),
        ("cell_ix", "i4"),
        ("cell_iy", "i4"),
    ]
)

COLUMNS = tuple(ROW.fields or ())


def encode(versions: pa.Table, placed: pd.DataFrame, words: Mapping[str, pd.Index]) -> np.ndarray:
    """Return a row for each of `versions` (id_hash, version, content).

    Parameters
    ----------
    placed : pd.DataFrame
        the other columns of `ROW`, by id_hash; an incident that is not among them does not count.
    words : Mapping[str, pd.Index]
        all values of each column of text.
    """
    rows = np.zeros(len(versions), ROW)
    at = find(versions["id_hash"].to_numpy(), placed["id_hash"].to_numpy())
    for name in COLUMNS[3:]:
        if name in words:
            rows[name] = np.append(words[name].get_indexer(pd.Index(placed[name])), -1)[at]
        else:
            rows[name][at >= 0] = placed[name].to_numpy()[at[at >= 0]]
    for name in ("id_hash", "version", "content"):
        rows[name] = versions[name]
    return rows


def decode(rows: np.ndarray, words: Mapping[str, pd.Index]) -> pd.DataFrame:
    """Return the rows that count in an area as a frame."""
    rows = rows[rows["area_id"] >= 0]
    values = {name: np.array([*words[name], None], object) for name in words}
    return pd.DataFrame({name: values[name][rows[name]] if name in words else rows[name] for name in COLUMNS})


class KnownIncidents:
    """Rows (`ROW`) of every incident; at first the last of each incident in `rows`, which ascend by `id_hash`."""

    def __init__(self, rows: np.ndarray) -> None:
        is_last = np.append(rows["id_hash"][1:] != rows["id_hash"][:-1], True)[: len(rows)]
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []  # ascending hashes, contiguous; the rows
        self._append(rows[is_last])

    def replace(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep those of `rows`, ascending by `id_hash`, that are new or newer versions.

        Returns the rows that they replace, and whether each of `rows` is kept.
        """
        is_held, is_older, replaced = np.zeros(len(rows), bool), np.zeros(len(rows), bool), [rows[:0]]
        for hashes, held in self._runs:
            at = find(rows["id_hash"], hashes)
            here, at = at >= 0, at[at >= 0]
            version, content = held["version"][at], held["content"][at]
            is_newer = rows["version"][here] > version
            is_newer |= (rows["version"][here] == version) & (rows["content"][here] > content)
            replaced.append(held[at[is_newer]])
            held[at[is_newer]] = rows[here][is_newer]
            is_held |= here
            is_older[here] = ~is_newer
        self._append(rows[~is_held])
        return np.concatenate(replaced), ~is_older

    def _append(self, rows: np.ndarray) -> None:
        if len(rows):
            self._runs.append((rows["id_hash"].copy(), rows))
        while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) > len(self._runs[-2][0]):
            merged = np.concatenate([run for _, run in self._runs[-2:]])
            merged = merged[merged["id_hash"].argsort()]
            self._runs[-2:] = [(merged["id_hash"].copy(), merged)]


def find(hashes: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the position of each hash among ascending ones, -1 where it is none of them."""
    at = among.searchsorted(hashes)
    is_found = at < len(among)
    is_found[is_found] = among[at[is_found]] == hashes[is_found]
    return np.where(is_found, at, -1)
