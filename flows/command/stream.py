"""`harmspot stream`: topics into the store, continuously."""

import gc
import signal
import sys
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_object

if TYPE_CHECKING:
    from flows.home.home import Home

_GARBAGE_AFTER = 100_000  # objects
_TURN_S = 0.0005


@click.command("stream")
@click.option("--max-seconds", type=click.FloatRange(min=0), help="Stop after so long (default: never).")
@click.option("--until-caught-up", is_flag=True, help="Stop once everything that the topics hold is stored.")
@click.option(
    "--forget-offset",
    "forgotten",
    multiple=True,
    metavar="TOPIC[PARTITION]",
    help="Forget how far a topic, or one partition of it, was read, and end: it is then read from its first record.",
)
@json_option
@pass_home
def command(
    home: "Home", max_seconds: float | None, until_caught_up: bool, forgotten: tuple[str, ...], as_json: bool
) -> None:
    """Consume the Kafka topics into the store until stopped (Ctrl-C or SIGTERM end it after the current batch).

    Start it several times to share the partitions. A batch's rows, offsets and announcements are one transaction, so
    it may be killed at any moment.

    \b
    Examples:
      KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 harmspot --home town stream
      harmspot --home town stream --until-caught-up --json
      harmspot --home town stream --forget-offset 'incidents[0]'
    """
    from flows.ingest.offsets import forget_offset
    from flows.ingest.stream import StreamLimits, stream

    if forgotten:
        for named in forgotten:
            forget_offset(home, named)
        return
    _take_long_turns()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    summary = stream(home.ensure(), StreamLimits(max_seconds, until_caught_up), until=stop)
    counts = summary.counts
    lines = [
        f"rows in {counts.rows_in:,} = versions stored {counts.stored:,} + duplicates {counts.duplicates:,} "
        f"+ dead letters {counts.dead:,}, in {summary.batches:,} batches; {summary.announced:,} changes announced"
    ]
    print_object(asdict(summary), lines, as_json=as_json)


def _take_long_turns() -> None:
    """Let this process look for garbage seldom, and hand Python's lock over soon.

    After every 700 objects it would look through more and more of what it holds; what is there before the stream begins
    is never garbage. A thread back from DuckDB, or from 4 KiB of the network, would wait 5 ms for its turn.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    sys.setswitchinterval(_TURN_S)
