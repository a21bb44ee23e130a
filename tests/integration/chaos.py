"""Everything that tries to break a consumer, and after each the proof that nothing was lost and nothing doubled.

    python -m tests.integration.chaos --kills 100 --seed 1      (make chaos)

A fault is done to a real command that reads real Kafka through a proxy. Then the command is run again, as a supervisor
would, until it has caught up; nobody mends anything. Its store must then equal the one of an undisturbed run over the
same topics (every version table, EXCEPT ALL both ways; time and number of batches aside), and hold exactly the
versions and dead letters that the sender knows of.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.database import attach, connect
from pipeline.events.columns import SCHEMAS
from pipeline.privacy.keys import derive_key
from pipeline.shared_store.opening import open_store
from pipeline.shared_store.server import Database
from tests.integration.broker import Broker, own_broker, ports
from tests.integration.proxy import Proxy, running_proxy
from tests.integration.traffic import Traffic, among
from tests.integration.victim import SHARED_STEPS, STEPS, STREAM_STEPS, Victim, hold_store, run_at_once
from tests.poison import KINDS, UNHEARD_OF, UNIFORM
from tests.postgresql import PostgresServer, own_server

KEY = "5e" * 32
ASIDE = {"ingested_at", "batch_id", "resolved_at"}
POSITION = {"source_partition", "source_offset"}
HEAP_MB = 768  # the long scale sends records of 50 MB
INGEST = ("ingest",)
STREAM = ("stream", "--until-caught-up")
SESSION_S = 6  # no broker takes less
MEMBER = {"HARMSPOT__STREAM__MEMBER": "one", "HARMSPOT__STREAM__SESSION_TIMEOUT_S": str(SESSION_S)}
CODEBOOK = Path(__file__).resolve().parents[2] / "configs" / "codebooks" / "harm.csv"


@dataclass(frozen=True)
class Scale:
    """How hard to try."""

    records: int  # sent for a fault to bite on
    chunk: int  # sent before each random kill
    kills: int
    batches: int  # the first so many, in each of which every step kills
    restarts: int
    cuts: int
    good: int
    bad: int
    huge: int
    huge_bytes: int
    backlogs: tuple[int, int]


SHORT = Scale(300, 100, 2, 1, 1, 3, 5_000, 300, 1, 3_000_000, (2_000, 20_000))
LONG = Scale(2_000, 200, 100, 2, 3, 20, 100_000, 1_000, 2, 50_000_000, (50_000, 400_000))


@dataclass
class Site:
    """A home under attack, the topics it reads, and the verb that reads them."""

    folder: Path
    broker: Broker
    proxy: Proxy
    verb: tuple[str, ...] = INGEST
    seed: int = 1
    batch_size: int = 100
    server: PostgresServer | None = None  # keeps the store, in a database of the home's own
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = self.folder / "home"
        self.random = random.Random(self.seed)
        self.log = self.folder / "victim.log"
        self.traffic = Traffic(self.broker.address, f"chaos-{uuid.uuid4().hex[:8]}.", self.seed)
        self.traffic.make_topics()
        self.runs = 0
        self.aside = ASIDE
        self.shared = {}
        if self.server:
            self.shared = {
                "HARMSPOT__STORE__ENGINE": "postgresql",
                "HARMSPOT__STORE__ADDRESS": self.server.database(),
            }
        self.make(self.home, **self.shared)

    @property
    def steps(self) -> dict:
        steps = SHARED_STEPS if self.server else STEPS
        return steps if self.verb == INGEST else {**steps, **STREAM_STEPS}

    def environment(self, **changes: str) -> dict[str, str]:
        size = str(self.batch_size)
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.address,
            "HARMSPOT_KEY": KEY,
            "HARMSPOT__KAFKA__TOPIC_PREFIX": self.traffic.prefix,
            "HARMSPOT__INGEST__BATCH_SIZE": size,
            **({} if self.verb == INGEST else {**MEMBER, "HARMSPOT__STREAM__MAX_ROWS": size}),
            **changes,
        }

    def start(self, *verb: str, struck_at=None, by=signal.SIGKILL, file_limit_bytes=None, **changes: str) -> Victim:
        arguments = ["--home", str(self.home), *(verb or self.verb)]
        self.runs += 1
        environment = self.environment(**self.shared, **changes)
        return Victim(arguments, environment, self.log, struck_at=struck_at, by=by, file_limit_bytes=file_limit_bytes)

    def make(self, home: Path, **changes: str) -> None:
        run_at_once(["--home", str(home), "init"], self.environment(**changes), self.log)

    def settle(self) -> None:
        """Run the command until it says that it has caught up, as a supervisor would."""
        self.traffic.send_late()
        for _ in range(5):
            victim = self.start()
            if victim.wait() == 0:
                return
        raise AssertionError(f"five runs in a row failed; the last said:\n{victim.said()[-3000:]}")

    def audit(self) -> dict[str, int]:
        """Hold the store to an undisturbed run over the same topics and to what was sent; return what it holds."""
        oracle = self.folder / f"oracle-{uuid.uuid4().hex[:6]}"
        self.make(oracle)
        run_at_once(["--home", str(oracle), *INGEST], self.environment(HARMSPOT__INGEST__BATCH_SIZE="50000"), self.log)
        connection = connect(self.folder / "spill")
        key = derive_key(bytes.fromhex(KEY))
        copy = self.home / "copy.duckdb"
        tried = copy if self.server else self.home / "store.duckdb"
        if self.server:  # the oracle's is a file
            copy.unlink(missing_ok=True)
            with open_store(Database(self.shared["HARMSPOT__STORE__ADDRESS"], self.home), key, wait_s=10) as store:
                store.copy_to(copy, key)
        for name, path in (("tried", tried), ("oracle", oracle / "store.duckdb")):
            attach(connection, path, key.encryption, alias=name, read_only=True, wait_s=10)
        try:
            _refuse_differences(connection, self.aside)
            return self._held(connection)
        finally:
            connection.close()
            shutil.rmtree(oracle)

    def _held(self, connection) -> dict[str, int]:
        entities = " UNION ALL ".join(f"SELECT '{entity}', event_id FROM tried.{entity}_version" for entity in SCHEMAS)
        stored = connection.execute(entities).fetchall()
        letters = connection.execute(
            "SELECT topic, payload FROM tried.dead_letter WHERE resolved_at IS NULL AND reason <> 'too_large'"
        ).fetchall()
        assert sorted(stored) == sorted(self.traffic.expected), "the versions stored are not those that were sent"
        prefix, held = self.traffic.prefix, {(topic, bytes(payload)) for topic, payload in letters}
        sent = {(prefix + topic, value) for topic, value in self.traffic.poisons if len(value) <= 1 << 20}
        assert (len(letters), held) == (len(held), sent), "the dead letters are not the records that cannot be used"
        offsets = {
            (topic, partition): following
            for topic, partition, following in connection.execute("FROM tried.consumer_offset").fetchall()
        }
        ends = {place: end for place, end in self.traffic.ends().items() if end}
        assert offsets == ends, "the store's offsets are not the topics' ends"
        [(rows_in, batches)] = connection.execute(
            "SELECT sum(rows_in), count(*) FROM tried.ingest_batch WHERE source LIKE 'kafka:%'"
        ).fetchall()
        assert rows_in == sum(ends.values()), "a record was counted twice or not at all"
        return {"records": int(rows_in), "versions": len(stored), "dead letters": len(letters), "batches": batches}


def _refuse_differences(connection, aside: set[str]) -> None:
    tables = [*(f"{entity}_version" for entity in SCHEMAS), "identity", "dead_letter"]
    for table in tables:
        columns = connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = 'oracle' AND table_name = $table",
            {"table": table},
        ).fetchall()
        listed = ", ".join(f'"{name}"' for (name,) in columns if name not in aside)
        where = "WHERE resolved_at IS NULL" if table == "dead_letter" else ""
        for one, other in (("tried", "oracle"), ("oracle", "tried")):
            [(count,)] = connection.execute(
                f"SELECT count(*) FROM (SELECT {listed} FROM {one}.{table} {where} "
                f"EXCEPT ALL SELECT {listed} FROM {other}.{table} {where})"
            ).fetchall()
            assert count == 0, f"{count} rows of {table} are in {one} and not in {other}"


@dataclass(frozen=True)
class Outcome:
    """What a fault did, how often, and what the store held afterwards."""

    fault: str
    hits: str
    runs: int
    seconds: float
    held: dict[str, int]


Fault = Callable[[Site, Scale], str]


def kill_at_random(site: Site, scale: Scale) -> str:
    """Kill -9 at random moments, from the first instant of the process to after its end."""
    life_s = 5.0
    kills, moments = 0, 0
    while kills < scale.kills:
        site.traffic.send(scale.chunk)
        began, victim = time.monotonic(), site.start()
        moment_s = site.random.uniform(0, life_s)
        while victim.is_alive() and time.monotonic() - began < moment_s:
            time.sleep(0.002)
        lived_s = time.monotonic() - began
        if victim.kill():
            kills += 1
        else:
            life_s = min(life_s, lived_s)  # it ends by itself after so long
        moments += 1
        assert moments < 3 * scale.kills + 10, "the command ends before it can be killed; send more"
    return f"{kills} kills"


def kill_at_each_step(site: Site, scale: Scale) -> str:
    """Kill -9 before or after each step of a batch, at the first and at a later batch."""
    hits, reached = 0, set()
    for name, step in site.steps.items():
        for count in range(1, scale.batches + 1):
            site.traffic.send(3 * site.batch_size)
            victim = site.start(struck_at=(step, count))
            if victim.wait() == -9:
                hits += 1
                reached.add(name)
    missed = sorted(site.steps.keys() - reached)
    assert set(missed) <= {"announcements noted"}, f"never reached: {missed}"  # nothing to announce without a run
    return f"{hits} kills in {len(reached)} steps"


def restart_broker(site: Site, scale: Scale) -> str:
    """Kill the broker while it is read and start it again."""
    for _ in range(scale.restarts):
        site.traffic.send(scale.records)
        victim = site.start()
        time.sleep(site.random.uniform(0.2, 1.0))
        site.broker.kill()
        time.sleep(0.5)
        site.broker.start()
        victim.wait()
    return f"{scale.restarts} restarts"


def cut_connection(site: Site, scale: Scale) -> str:
    """Cut every connection again and again, refuse new ones for a while, and let them hang."""
    cut = 0
    while cut < scale.cuts:
        site.traffic.send(scale.records)
        victim = site.start()
        while victim.is_alive() and cut < scale.cuts:
            time.sleep(site.random.uniform(0.05, 0.4))
            site.proxy.is_open = site.random.random() > 0.2
            cut += site.proxy.cut()
        site.proxy.is_open = True
        site.proxy.hold()
        time.sleep(0.5)
        site.proxy.let_go()
        victim.wait()
    return f"{cut} connections cut"


def fill_disk(site: Site, scale: Scale) -> str:
    """Let the disk be full while batches are kept; then free it."""
    site.traffic.send(scale.records)
    with small_disk(site.home) as fill:
        site.make(site.home)  # the disk hides the one that was there
        assert site.start().wait() == 0, site.log.read_text()[-2000:]
        site.traffic.send(scale.records)
        with fill() as limit:
            victim = site.start(file_limit_bytes=limit)
            code, said = victim.wait(), victim.said()
        assert code == 1, f"a full disk went unnoticed:\n{said[-2000:]}"
        assert "Traceback" not in said and "disk" in said.splitlines()[-1], said[-2000:]
        site.settle()
        kept = shutil.copytree(site.home, site.folder / "kept")
    shutil.copytree(kept, site.home, dirs_exist_ok=True)
    return "1 full disk"


@contextmanager
def small_disk(home: Path) -> Iterator[Callable]:
    """Put `home` on a disk of 48 MB where mounting is permitted; yield what fills it, or else limits file sizes."""
    home.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", home], capture_output=True)
    try:
        yield (lambda: _filled(home)) if mounted.returncode == 0 else (lambda: _limited(home))
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", home], check=True)


@contextmanager
def _filled(home: Path) -> Iterator[None]:
    ballast = home / "ballast"
    ballast.write_bytes(b"\0" * max(shutil.disk_usage(home).free - 64 * 1024, 0))
    try:
        yield None
    finally:
        ballast.unlink()


@contextmanager
def _limited(home: Path) -> Iterator[int]:
    yield (home / "store.duckdb").stat().st_size


def lock_store(site: Site, scale: Scale) -> str:
    """Hold the store from another process: for a moment, and for longer than the command waits."""
    site.traffic.send(scale.records)
    site.settle()
    site.traffic.send(scale.records)
    holder = hold_store(site.home / "store.duckdb", KEY, 1.5, site.folder / "held-1")
    assert site.start(HARMSPOT__STORE__WAIT_S="30").wait() == 0, site.log.read_text()[-2000:]
    holder.join()
    site.traffic.send(scale.records)
    holder = hold_store(site.home / "store.duckdb", KEY, 600, site.folder / "held-2")  # until it is killed
    victim = site.start(HARMSPOT__STORE__WAIT_S="0.3")
    code, said = victim.wait(), victim.said()
    holder.kill()
    holder.join()
    assert code == 1 and f"held by process {holder.pid}" in said, said[-2000:]
    return "2 locks"


def skew_clock(site: Site, scale: Scale) -> str:
    """Let the clock leap ahead, fall back, and stand before every event; those are replayed once it is right."""
    clocks = ["2030-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2001-01-01T00:00:00Z", "2026-06-01T00:00:00Z"]
    for clock in clocks:
        site.traffic.send(scale.records)
        assert site.start(HARMSPOT_CLOCK=clock).wait() == 0, site.log.read_text()[-2000:]
    site.settle()
    site.aside = ASIDE | POSITION  # of an event sent twice the second may have been stored first
    assert site.start("replay").wait() == 0, site.log.read_text()[-2000:]
    return f"{len(clocks)} clocks"


def join_and_leave(site: Site, scale: Scale) -> str:
    """Let two consumers share the work; one is killed, another joins, one is asked to go."""
    hits = 0
    for name in ("two", "three"):
        site.traffic.send(scale.records)
        wait = {"HARMSPOT__STORE__WAIT_S": "60"}
        first = site.start(**wait)
        other = site.start(**wait, **_named(site, name))
        time.sleep(site.random.uniform(0.2, 1.5))
        hits += first.kill()
        time.sleep(site.random.uniform(0.0, 0.5))
        other.terminate()
        other.wait()
        hits += 1
    return f"{hits} left"


def restart_database(site: Site, scale: Scale) -> str:
    """Let the server of the store crash while batches are kept, and start it again; the consumer goes on by itself."""
    assert site.server
    for _ in range(scale.restarts):
        site.traffic.send(scale.records)
        victim = site.start()
        time.sleep(site.random.uniform(0.2, 2.0))
        site.server.stop()
        time.sleep(0.5)
        site.server.start()
        victim.wait()
    return f"{scale.restarts} restarts"


def cut_database(site: Site, scale: Scale) -> str:
    """End the consumer's connections to the database again and again."""
    assert site.server
    cut = 0
    for _ in range(scale.restarts):
        site.traffic.send(scale.records)
        victim = site.start()
        while victim.is_alive():
            time.sleep(site.random.uniform(0.05, 0.4))
            cut += int(
                site.server.psql(
                    "postgres",
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname LIKE 'home_%'",
                )
            )
            if cut > scale.cuts:
                break
        victim.wait()
    return f"{cut} connections cut"


def many_consumers(site: Site, scale: Scale) -> str:
    """Let four consumers commit at once; some are killed, and others take their place in the middle of a batch."""
    hits = 0
    while hits < scale.kills:
        site.traffic.send(scale.chunk)
        victims = [site.start(**_named(site, f"member-{number}")) for number in range(4)]
        until = time.monotonic() + site.random.uniform(0.5, 6.0)
        while any(victim.is_alive() for victim in victims) and time.monotonic() < until:
            time.sleep(0.01)
        for victim in site.random.sample(victims, 2):
            hits += victim.kill()
        for victim in victims:
            victim.terminate()
            if victim.is_alive():
                victim.wait()
    return f"{hits} kills of 4 consumers"


def freeze(site: Site, scale: Scale) -> str:
    """Stop a consumer in a batch until the broker has missed it and another took over; then it goes on."""
    wait = {"HARMSPOT__STORE__WAIT_S": "60"}
    for name in ("decoded", "about to commit"):  # with a batch in its hands, and with the store, too
        site.traffic.send(scale.records)
        frozen = site.start(struck_at=(site.steps[name], 1), by=signal.SIGSTOP, **wait)
        frozen.wait_until_frozen()
        other = site.start(**wait, **_named(site, "two"))
        until = time.monotonic() + 2 * SESSION_S
        while other.is_alive() and time.monotonic() < until:
            time.sleep(0.1)
        frozen.thaw()
        assert (frozen.wait(), other.wait()) == (0, 0), site.log.read_text()[-2000:]
    return "2 frozen"


def _named(site: Site, name: str) -> dict[str, str]:
    return {} if site.verb == INGEST else {"HARMSPOT__STREAM__MEMBER": name}


def poison(site: Site, scale: Scale) -> str:
    """Hide every kind of unusable record, some of them huge, among good ones; mend the codebook and replay."""
    site.batch_size = 20_000
    for number in range(scale.huge):  # one at a time, for each is in the broker's heap twice
        site.traffic.deliver([("incidents", f"{number}", b"%d" % number + b"x" * scale.huge_bytes)])
    site.traffic.deliver(list(among(scale.good, scale.bad - scale.huge)))
    victim = site.start(*site.verb, "--json")
    assert victim.wait() == 0, victim.said()[-2000:]
    counts = json.loads(victim.said()[victim.said().index("{\n") :].rpartition("peak_mb")[0])
    counts = counts.get("counts", counts)
    assert (counts["rows_in"], counts["stored"], counts["dead"]) == (scale.good + scale.bad, scale.good, scale.bad)
    codebook = site.folder / "mended.csv"
    lines = CODEBOOK.read_text().splitlines()
    codebook.write_text(
        "\n".join([*lines, *(x.replace(",robbery,", f",{UNHEARD_OF},") for x in lines if ",robbery," in x)])
    )
    replay = site.start("replay", "--json", HARMSPOT__INGEST__CODEBOOK=str(codebook))
    assert replay.wait() == 0, replay.said()[-2000:]
    replayed = json.loads(replay.said()[replay.said().index("{\n") :].rpartition("peak_mb")[0])
    assert counts["dead_by_reason"]["too_large"] >= scale.huge
    unheard_of = counts["dead_by_reason"]["unknown_offence_code"]
    assert replayed["stored"] == unheard_of, replayed
    assert "unknown_offence_code" not in replayed["dead_by_reason"]
    _print_reasons(counts, replayed)
    return (
        f"{scale.bad} of {len(KINDS) + len(UNIFORM)} kinds among {scale.good}, {scale.huge} of them of "
        f"{scale.huge_bytes // 1_000_000} MB, peak {victim.peak_mb():.0f} MB"
    )


def _print_reasons(counts: dict, replayed: dict) -> None:
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts["dead_by_reason"].items())
    print(
        f"poison: rows in {counts['rows_in']:,} = stored {counts['stored']:,} + dead letters {counts['dead']:,} "
        f"({reasons}); replay with a mended codebook stored {replayed['stored']}, {replayed['dead']} go on waiting"
    )


def overload(site: Site, scale: Scale) -> str:
    """Let the sender be far ahead; memory must not grow with the backlog."""
    site.batch_size = 5_000
    peaks = []
    for count in scale.backlogs:
        site.traffic.send(count)
        victim = site.start()
        assert victim.wait() == 0, victim.said()[-2000:]
        peaks.append(victim.peak_mb())
    return "backlog " + ", ".join(
        f"{count:,}: peak {peak:.0f} MB" for count, peak in zip(scale.backlogs, peaks, strict=True)
    )


FAULTS: dict[str, Fault] = {
    "killed at random": kill_at_random,
    "killed at each step": kill_at_each_step,
    "broker restarted": restart_broker,
    "connection cut": cut_connection,
    "disk full": fill_disk,
    "store locked": lock_store,
    "clock skewed": skew_clock,
    "two consumers": join_and_leave,
    "one frozen": freeze,
    "poison": poison,
    "overload": overload,
}
# What can be done to a store in a database alone, and what cannot be done to it.
SHARED_FAULTS: dict[str, Fault] = {
    **{name: fault for name, fault in FAULTS.items() if name not in ("disk full", "store locked")},
    "database restarted": restart_database,
    "database cut": cut_database,
    "four consumers": many_consumers,
}
HELD = ("records", "versions", "dead letters", "batches")
UNAUDITED = {"poison"}  # counts its own records


def suffer(site: Site, name: str, scale: Scale) -> Outcome:
    """Do a fault, let the command catch up, and audit its store."""
    began = time.monotonic()
    hits = {**FAULTS, **SHARED_FAULTS}[name](site, scale)
    if name in UNAUDITED:
        held = {}
    else:
        site.settle()
        held = site.audit()
    return Outcome(name, hits, site.runs, time.monotonic() - began, held)


@contextmanager
def battlefield(heap_mb: int = 256) -> Iterator[tuple[Broker, Proxy]]:
    """Yield a broker and the proxy that stands before it."""
    with ExitStack() as stack:
        (port,) = stack.enter_context(ports(1))
        proxies: list[Proxy] = []

        def stand_before(broker_port: int) -> None:
            proxies.append(stack.enter_context(running_proxy(port, broker_port)))

        broker = stack.enter_context(own_broker(port, stand_before, heap_mb))
        yield broker, proxies[0]


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    named = " ".join(f"{name.removeprefix('dead '):>9}" for name in HELD)
    print(f"{'fault':<20} {'runs':>5} {'seconds':>8} {named}  hits")
    for o in outcomes:
        numbers = [f"{o.held[name]:,}" if name in o.held else "–" for name in HELD]
        counts = " ".join(f"{number:>9}" for number in numbers)
        print(f"{o.fault:<20} {o.runs:>5} {o.seconds:>8.1f} {counts}  {o.hits}")


def main() -> None:
    """Do every fault, long, to each verb that reads topics; print a line for each; fail at the first that breaks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kills", type=int, default=LONG.kills)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="as the tests do it")
    parser.add_argument("--verb", choices=["ingest", "stream"], action="append", help="default: each there is")
    parser.add_argument("--shared", action="store_true", help="keep the stores in PostgreSQL")
    parser.add_argument("--fault", choices=list({**FAULTS, **SHARED_FAULTS}), action="append", help="default: all")
    chosen = parser.parse_args()
    scale = SHORT if chosen.short else Scale(**{**LONG.__dict__, "kills": chosen.kills})
    os.environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)  # faults are done to a broker of our own alone
    verbs = {"ingest": INGEST, "stream": STREAM}
    with (
        tempfile.TemporaryDirectory(prefix="harmspot-chaos-") as folder,
        battlefield(HEAP_MB) as (broker, proxy),
        own_server() if chosen.shared else nullcontext() as server,
    ):
        for verb in chosen.verb or list(verbs):
            outcomes = []
            for number, name in enumerate(chosen.fault or (SHARED_FAULTS if server else FAULTS)):
                at = Path(folder) / verb / str(number)
                site = Site(at, broker, proxy, verbs[verb], chosen.seed, server=server)
                with closing(site.traffic):
                    outcomes.append(suffer(site, name, scale))
                print(f"{verb}: {name}: {outcomes[-1].hits}, {outcomes[-1].seconds:.1f} s", flush=True)
            print(f"\nharmspot {' '.join(verbs[verb])}, seed {chosen.seed}: every store as from an undisturbed run")
            print_outcomes(outcomes)


if __name__ == "__main__":
    main()
