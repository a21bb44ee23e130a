"""`harmspot ingest`: read the Kafka topics into the store."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_counts

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("ingest")
@json_option
@pass_home
def command(home: "Home", as_json: bool) -> None:
    """Consume the Kafka topics from the stored offsets until caught up, then stop.

    Brokers come from kafka.bootstrap_servers or KAFKA_BOOTSTRAP_SERVERS.

    \b
    Example:
      KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 harmspot --home town ingest
    """
    from flows.ingest.ingest import ingest_named

    counts = ingest_named(home, "kafka")
    home.remember()
    print_counts(counts, as_json=as_json)
