"""A new source is one module and one line: a folder of drops, added to a copy of the code as CONTRIBUTING.md says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import poison

ROOT = Path(__file__).resolve().parents[3]
MODULE = '''
"""A folder into which another system drops event files; each file is read once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.events.batch import Record, RecordBatch, TopicPartition
from pipeline.sources.registry import Finding, SourceKind


@dataclass(frozen=True, slots=True)
class DropSettings:
    """Where the files arrive."""

    folder: Path
    pattern: str = "*.jsonl"
    password: str = field(default="", repr=False)


class DropSource:
    """The files of the folder, in order of name; the store keeps the next line of each."""

    def __init__(self, settings: DropSettings) -> None:
        self.name = f"drop:{settings.folder}"
        self._files = sorted(settings.folder.glob(settings.pattern))
        self.topics = [file.name for file in self._files]
        self._settings = settings

    def batches(self, start: Mapping[TopicPartition, int], size: int) -> Iterator[RecordBatch]:
        """Yield the lines that no earlier read has stored."""
        if not self._settings.folder.is_dir():
            raise SourceError(f"{self._settings.folder} is no folder; correct sources.drop.folder")
        for file in self._files:
            first = start.get((file.name, 0), 0)
            lines = enumerate(file.read_bytes().splitlines())
            records = [Record(file.name, 0, number, line) for number, line in lines if number >= first]
            for at in range(0, len(records), size):
                batch = records[at : at + size]
                yield RecordBatch(batch, {(file.name, 0): batch[-1].offset + 1})

    def topic_ids(self) -> dict[str, str]:
        """Files have no ids."""
        return {}

    def check(self, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[str, str]) -> Iterator[Finding]:
        """Yield how many files no run has read."""
        unread = sum((topic, 0) not in offsets for topic in self.topics)
        yield Finding("drop", "warning" if unread else "ok", f"{unread} of {len(self.topics)} files unread", unread)


KIND = SourceKind(open=DropSource, settings=DropSettings)
'''
LINE = '    "drop": "pipeline.sources.drop_kind",\n'


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the two steps of the page."""
    copy = tmp_path_factory.mktemp("code")
    for package in ("pipeline", "geo", "models", "flows", "configs"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pipeline" / "sources" / "drop_kind.py").write_text(MODULE.lstrip())
    registry = copy / "pipeline" / "sources" / "registry.py"
    before = registry.read_text()
    registry.write_text(before.replace('kafka_kind",\n', f'kafka_kind",\n{LINE}'))
    assert registry.read_text().count("\n") == before.count("\n") + 1
    return copy


READ = """
import sys
from pathlib import Path
from flows.home.home import Home
from flows.ingest.ingest import ingest_sources
home = Home(Path(sys.argv[1]), Path(sys.argv[2]), progress=lambda text: None).ensure()
print(ingest_sources(home).stored)
"""


def run(code: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the copy of the code."""
    command, environment = [sys.executable, "-c", program, *arguments], {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, check=False)


def read(code: Path, home: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Ingest what the settings name, as the daily run does."""
    return run(code, READ, str(home), str(config))


def test_a_source_of_one_module_and_one_line_is_read_resumed_and_checked(code: Path, tmp_path: Path) -> None:
    config, drops = tmp_path / "config.yaml", tmp_path / "in"
    drops.mkdir()
    config.write_text("ingest: {sources: [drop]}\nsources: {drop: {folder: in}}\n")
    (drops / "a.jsonl").write_bytes(b"\n".join(map(poison.good, range(5))))
    assert read(code, tmp_path / "home", config).stdout == "5\n"
    (drops / "b.jsonl").write_bytes(b"\n".join(map(poison.good, range(5, 8))))
    assert read(code, tmp_path / "home", config).stdout == "3\n"
    assert read(code, tmp_path / "home", config).stdout == "0\n"
    (drops / "c.jsonl").write_bytes(poison.good(9))
    chosen = ("--home", str(tmp_path / "home"), "--config", str(config))
    done = run(code, "from flows.command import main; main()", *chosen, "doctor", "--json")
    [found] = [row for row in json.loads(done.stdout) if row["check"] == "drop"]
    assert (found["state"], found["detail"]) == ("warning", "1 of 3 files unread")


WRONG = {
    "{drop: {folder: in, patern: x}}": "0.yaml: unknown key 'sources.drop.patern'; did you mean 'pattern'?",
    "{drop: {folder: in, pattern: 5}}": "sources.drop.pattern=5: expected text",
    "{drops: {}}": "2.yaml: sources.drops: unknown source; known here: drop",
    "{drop: in}": "sources.drop is of type str: expected a section with folder, pattern",
    "{drop: {folder: absent}}": "absent is no folder; correct sources.drop.folder",
    "{drop: {folder: in, password: 271828}}": "sources.drop.password is of type int (not shown: it may be a secret)",
    "{drop: {}}": "sources.drop lacks folder",
    "{}": "sources.drop lacks folder",
}
READ_WRONG = """
import sys
from pathlib import Path
from flows.home.home import Home
from flows.ingest.ingest import ingest_sources
from pipeline.errors import HarmspotError
for config in sys.argv[2:]:
    try:
        ingest_sources(Home(Path(sys.argv[1]), Path(config), progress=lambda text: None).ensure())
    except (HarmspotError, ValueError) as error:
        print(error)
"""


def test_its_settings_are_typed(code: Path, tmp_path: Path) -> None:
    configs = [tmp_path / f"{number}.yaml" for number in range(len(WRONG))]
    for config, section in zip(configs, WRONG, strict=True):
        config.write_text(f"ingest: {{sources: [drop]}}\nsources: {section}\n")
    said = run(code, READ_WRONG, str(tmp_path / "home"), *map(str, configs)).stdout.splitlines()
    assert [words in line for words, line in zip(WRONG.values(), said, strict=True)] == [True] * len(WRONG), said
