"""`harmspot stream`: consume the Kafka topics into the store continuously."""

import gc
import signal
import sys
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, metrics_option, pass_home
from flows.command.printing import print_object

if TYPE_CHECKING:
    from flows.home.home import Home
    from flows.ingest.stream import StreamLimits, StreamSummary

_GC_THRESHOLD = 100_000  # objects
_SWITCH_INTERVAL_S = 0.0005


@click.command("stream")
@click.option("--max-seconds", type=click.FloatRange(min=0), help="Stop after this many seconds (default: never).")
@click.option("--until-caught-up", is_flag=True, help="Stop once all records of the topics are stored.")
@click.option(
    "--forget-offset",
    "forgotten",
    multiple=True,
    metavar="TOPIC[PARTITION]",
    help="Delete the stored offsets of a topic or one partition and exit; it is then read from its first record.",
)
@metrics_option
@json_option
@pass_home
def command(
    home: "Home",
    max_seconds: float | None,
    until_caught_up: bool,
    forgotten: tuple[str, ...],
    listening: tuple[str, int] | None,
    as_json: bool,
) -> None:
    """Consume the Kafka topics into the store until stopped (Ctrl-C or SIGTERM end it after the current batch).

    Several processes share the partitions. A batch's rows, offsets and change messages are one transaction, so a
    process may be killed at any moment.

    \b
    Examples:
      KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 harmspot --home town stream
      harmspot --home town stream --until-caught-up --json
      harmspot --home town stream --metrics-port 9108
      harmspot --home town stream --forget-offset 'incidents[0]'
    """
    from flows.ingest.offsets import forget_offset
    from flows.ingest.stream import StreamLimits, stream

    if forgotten:
        for partition in forgotten:
            forget_offset(home, partition)
        return
    _tune_interpreter()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    limits = StreamLimits(max_seconds, until_caught_up)
    summary = _watched(home, limits, stop, *listening) if listening else stream(home, limits, until=stop)
    text = f"{summary.counts.text()}, in {summary.batches:,} batches; {summary.announced:,} changes announced"
    print_object(asdict(summary), [text], as_json=as_json)


def _watched(home: "Home", limits: "StreamLimits", stop: Event, host: str, port: int) -> "StreamSummary":
    """Stream, and answer whoever watches."""
    from functools import partial

    from prometheus_client import CollectorRegistry

    from flows.health.metrics_server import problem_of, serving
    from flows.health.stream_metrics import StreamMetrics
    from flows.ingest.stream import stream

    registry = CollectorRegistry()
    metrics = StreamMetrics(home, registry)
    with serving(host, port, registry, partial(problem_of, home), metrics.problem) as address:
        home.progress(f"metrics at {address}/metrics")
        return stream(home, limits, metrics.step, stop, metrics)


def _tune_interpreter() -> None:
    """Run the garbage collector rarely, and shorten the thread switch interval.

    By default every 700 new objects trigger a collection over ever more objects; those that exist before the stream
    starts are never garbage. A thread that returns from DuckDB or a 4 KiB network read would wait 5 ms for the GIL.
    """
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
