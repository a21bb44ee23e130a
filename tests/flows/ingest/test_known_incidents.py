"""The latest version of each incident is kept, in whatever order the versions come."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.ingest.known_incidents import ROW, KnownIncidents

VERSIONS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3), st.integers(0, 2)), max_size=40)


def rows_of(versions: list[tuple[int, int, int]], marks: list[int]) -> np.ndarray:
    """Rows by id_hash, version and content; `age_days` marks which is which."""
    rows = np.zeros(len(versions), ROW)
    for row, (id_hash, version, content), mark in zip(rows, versions, marks, strict=True):
        row["id_hash"], row["version"], row["content"], row["age_days"] = id_hash, version, content, mark
    return rows


@settings(deadline=None)
@given(first=VERSIONS, batches=st.lists(VERSIONS, max_size=6))
def test_a_newer_version_replaces_the_one_before_it(
    first: list[tuple[int, int, int]], batches: list[list[tuple[int, int, int]]]
) -> None:
    first = sorted(first)
    known = KnownIncidents(rows_of(first, [-1 - at for at in range(len(first))]))
    expected = {version[0]: (version[1:], -1 - at) for at, version in enumerate(first)}
    for number, versions in enumerate(batches):
        latest = sorted({version[0]: version for version in sorted(versions)}.values())
        marks = [100 * number + at for at in range(len(latest))]
        replaced, is_newer = known.replace(rows_of(latest, marks))
        gone = []
        for (id_hash, *version), mark, newer in zip(latest, marks, is_newer, strict=True):
            before = expected.get(id_hash)
            assert newer == (before is None or tuple(version) > before[0])
            if newer:
                gone += [before[1]] if before else []
                expected[id_hash] = (tuple(version), mark)
        assert sorted(replaced["age_days"]) == sorted(gone)
