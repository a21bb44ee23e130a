"""Coverage-guided bytes for the readers that meet foreign input: `python -m tests.fuzz mapping 1800` runs half an hour.

It needs the package atheris, which nothing else does: `pip install atheris`. What it finds is kept as a file `crash-…`.
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path


def decoder() -> Callable[[bytes], None]:
    """Any bytes are one row or one dead letter."""
    from pipeline.events.batch import Record
    from pipeline.events.decoder import Decoder

    made = Decoder(frozenset({"robbery"}), lambda raw: raw, datetime(2027, 1, 1, tzinfo=UTC), timedelta(minutes=10))

    def one(data: bytes) -> None:
        batch = made.decode([Record("topic", 0, 0, data)])
        assert sum(table.num_rows for table in batch.tables.values()) + batch.dead_letters.num_rows == 1

    return one


def mapping() -> Callable[[bytes], None]:
    """Any mapping and table of offences are read, or refused by a MappingError; a zero byte parts the two files."""
    from pipeline.errors import MappingError
    from pipeline.mapped.mapping_file import read_mapping

    folder = Path(tempfile.mkdtemp())

    def one(data: bytes) -> None:
        document, _, table = data.partition(b"\0")
        (folder / "mapping.yaml").write_bytes(document)
        (folder / "offences.csv").write_bytes(table)
        try:
            read_mapping(folder / "mapping.yaml")
        except MappingError:
            return

    return one


TARGETS = {"decoder": decoder, "mapping": mapping}

if __name__ == "__main__":
    import atheris  # type: ignore[import-not-found, unused-ignore]

    name, seconds, *corpus = sys.argv[1:]
    with atheris.instrument_imports(include=["pipeline", "yaml", "pandas.io"]):
        run = TARGETS[name]()
    atheris.Setup([sys.argv[0], *corpus, f"-max_total_time={seconds}", "-max_len=8192", "-timeout=60"], run)
    atheris.Fuzz()
