"""Checks of the event stream: lag by partition, throughput, dead letters, undelivered messages and the clock.

Each check yields findings with a name, state, detail and value; `flows.health.doctor` shows them.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pandas as pd

from flows.home.home import Home
from flows.human_log.integrity import clock_leap
from flows.human_log.ledger import read_ledger
from flows.ingest.dead_letters import UNCHECKED_WORD, UNKNOWN_WORD, by_reason, waiting_letters
from flows.ingest.ingest import open_source
from flows.ingest.live import CHANGES, latest_run, live_file
from pipeline.errors import SourceError
from pipeline.publication.publish import runs
from pipeline.sources.kafka import read_bounds
from pipeline.sources.kafka_kind import CHECK_TIMEOUT_S
from pipeline.sources.registry import KINDS, Finding, State
from pipeline.store.interface import StoreHealth

WORDS_NAMED = 5  # offence words that a finding names
CLOCK_TOLERANCE = timedelta(seconds=2)
CLOCK_FAULT = timedelta(hours=1)
WAY_OUT = "restore the home from a backup of before it"


def waiting(home: Home, health: StoreHealth) -> Iterator[Finding]:
    """Yield the dead letters by reason, and the undelivered messages by topic."""
    examples = _examples(home) if health.dead_letters else {}
    for reason, count in health.dead_letters.items():
        detail = f"{count:,} pending{examples.get(reason, '')}: {_remedy(home, reason, health.offence_words)}"
        yield Finding(f"dead letters: {reason}", "warning", detail, count)
    if not health.dead_letters:
        yield Finding("dead letters", "ok", "none", 0)
    for topic, (messages, oldest_at) in health.undelivered.items():
        detail = (
            f"{messages:,} not delivered, the oldest since {home.local_text(oldest_at)}; the next delivery sends them"
        )
        yield Finding(f"outbox: {topic}", "warning", detail, messages)
    if not health.undelivered:
        yield Finding("outbox", "ok", "all messages are delivered", 0)


def _examples(home: Home) -> dict[str, str]:
    """Return the first dead letter of each reason in words: file, line, column and value."""
    found = by_reason(waiting_letters(home)).drop_duplicates("reason")
    return {reason: f", such as {example}" for reason, example in zip(found["reason"], found["example"], strict=True)}


def _remedy(home: Home, reason: str, words: dict[str, int]) -> str:
    command = f"harmspot --home {home.path}"
    if reason == "too_large":
        return "the source has to send smaller records"
    if reason in (UNKNOWN_WORD, UNCHECKED_WORD) and words:
        named = ", ".join(f"{word} ({rows:,})" for word, rows in islice(words.items(), WORDS_NAMED))
        return (
            f"{named}; map them in the mapping's table of offences, then `{command} replay`; `{command} dead-letters`"
        )
    return f"fix their cause (`{command} dead-letters`, docs/events.md), then `{command} replay`"


def clock(home: Home, health: StoreHealth) -> Iterator[Finding]:
    """Yield whether the clock is behind what the home has seen: its last batch, decision, logged read and run.

    Each of them blocks later acts until its time has come, as after one run under a clock that was ahead.
    """
    known = runs(home.path)["known_at"]
    seen = {
        "the store's last batch": health.last_ingested_at,
        "the last decision": max((event.at for event in read_ledger(home).events), default=None),
        "the last entry of the access log": home.access_log.last_at(),
        "what the newest run knew": None if known.empty else known.max().to_pydatetime(),
    }
    dated = {what: at for what, at in seen.items() if at is not None}
    if not dated:
        return
    if recorded := clock_leap(home):
        days = (home.now() - recorded).days
        detail = (
            f"the clock is {days} days after the last record of the home ({home.local_text(recorded)}): correct it; "
            f"if it is right, `harmspot --home {home.path} audit clock --reason TEXT`"
        )
        yield Finding("clock", "fault", detail, -float(days * 86400))
        return
    what, at = max(dated.items(), key=lambda each: each[1])
    ahead, last = at - home.now(), home.local_text(at)
    if ahead <= CLOCK_TOLERANCE:
        yield Finding("clock", "ok", f"the last of what is dated is {what}, {last}", 0.0)
        return
    state: State = "fault" if ahead > CLOCK_FAULT else "warning"
    detail = f"the clock is {ahead} behind {what} ({last}): correct the clock; if that time is wrong, {WAY_OUT}"
    yield Finding("clock", state, detail, ahead.total_seconds())


def live_figures(home: Home) -> tuple[State, str]:
    """Return the run and age of `live.parquet`; a stream replaces it with every batch that changes an incident."""
    header = live_file(home)
    if header is None:
        return "ok", "none written"
    run_id, written_at = header
    age = f"written {home.now() - written_at} ago"
    if run_id != latest_run(home):
        return "warning", f"{home.live_figures.name} is of run {run_id}, which is not the latest: do not use it; {age}"
    if runs(home.path)["valid_to"].iloc[-1] <= pd.Timestamp(home.now()):
        return "warning", f"{home.live_figures.name} is of run {run_id}, which has expired: do not use it; {age}"
    return "ok", f"of run {run_id}, {age}"


def sources(home: Home, health: StoreHealth | None) -> Iterator[Finding]:
    """Yield what each source reports that settings name or the store has read, and the throughput."""
    for name in KINDS:
        yield from _source(home, name, health)
    if health and health.rows_per_s is not None:
        yield Finding("throughput", "ok", f"{health.rows_per_s:,.0f} rows/s over the latest batches", health.rows_per_s)


def _source(home: Home, name: str, health: StoreHealth | None) -> Iterator[Finding]:
    source = open_source(home, name)
    offsets, topic_ids = (health.offsets, health.topic_ids) if health else ({}, {})
    if name not in home.settings.ingest.sources and not {topic for topic, _ in offsets} & {*source.topics}:
        yield Finding(name, "ok", "not among ingest.sources")
        return
    yield from source.check(offsets, topic_ids)
    if name == "kafka" and home.settings.stream.live:
        yield _changes_topic(home)


def _changes_topic(home: Home) -> Finding:
    """Return whether the topic for change messages exists; only a stream needs it."""
    kafka, topic = home.settings.kafka, home.settings.kafka.topic_prefix + CHANGES
    try:
        read_bounds(kafka.bootstrap_servers, [topic], kafka.security, timeout_s=CHECK_TIMEOUT_S)
    except SourceError as error:
        return Finding(
            f"topic: {topic}", "warning", f"`harmspot stream` cannot start while stream.live is set: {error}"
        )
    return Finding(f"topic: {topic}", "ok", "exists; change messages go there")
