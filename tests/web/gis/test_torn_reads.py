"""A run is published and replaced while readers ask: each answer is of one run, and so is a whole read by paging."""

import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from flows.home.home import Home
from pipeline.publication.duckdb_file import put_in_place, write_file
from pipeline.publication.publish import PUBLISHED
from pipeline.publication.tables import read_tables
from tests.soak import sample
from tests.web.gis.conftest import client_of

READERS = 4
PER_PUBLICATION = sample(10, whole=100)  # answers between two publications
PATHS = (
    "/gis/collections/areas/items",
    "/gis/collections/cells/items?limit=20&filter=rank<50",
    "/gis/collections/hotspots",
    "/gis/collections",
    "/gis/",
    "/gis/collections/areas/tiles/WebMercatorQuad/9/164/257",
)


@pytest.mark.sampled
def test_each_answer_is_of_one_run(two_days: tuple[Home, str, str], tmp_path: Path) -> None:
    original, first, second = two_days
    folder = Path(shutil.copytree(original.path, tmp_path / "home"))
    home = Home(folder, original.config_file, original.clock, lambda text: None)
    tables, published = read_tables().published, folder / PUBLISHED
    schemas = {name: pa.schema([(c.name, c.arrow_type) for c in table.columns]) for name, table in tables.items()}
    empty = {name: schema.empty_table() for name, schema in schemas.items()}
    versions = [tmp_path / "first", tmp_path / "both"]
    write_file(versions[0], tables, empty, history=published, kept_run_ids=[first], encryption_key=None)
    shutil.copyfile(published, versions[1])

    def publish(version: Path) -> None:
        put_in_place(Path(shutil.copyfile(version, folder / "fresh")), published)

    client, expected = client_of(home), dict[str, dict[str, bytes]]()
    for version in versions:
        publish(version)
        for path in PATHS:
            answer = client.get(path)
            expected.setdefault(path, {})[answer.headers["harmspot-run-id"]] = answer.content
    assert all(set(bodies) == {first, second} for bodies in expected.values())
    is_over, count, answered = threading.Event(), sample(40, whole=10_000), threading.Semaphore(0)

    def publish_on() -> None:
        for turn in itertools.cycle((0, 1)):
            for _ in range(PER_PUBLICATION):
                answered.acquire()
            if is_over.is_set():
                return
            publish(versions[turn])

    def read(reader: int) -> set[str]:
        asking, seen = client_of(home), set()
        for turn in range(count // READERS):
            path = PATHS[(turn + reader) % len(PATHS)]
            answer = asking.get(path)
            assert answer.status_code == 200, answer.text
            run = answer.headers["harmspot-run-id"]
            assert answer.content == expected[path][run], path
            seen.add(run)
            answered.release()
        return seen

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    try:
        with ThreadPoolExecutor(READERS) as readers:
            seen = set().union(*readers.map(read, range(READERS)))
        pages = client.whole("/collections/cells/items", run=first, limit=100)
    finally:
        is_over.set()
        answered.release(PER_PUBLICATION)
        publisher.join()
    assert seen == {first, second}
    assert {feature["properties"]["run_id"] for feature in pages} == {first}
