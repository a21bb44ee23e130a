"""Anchors: the position that the access log has reached, signed, for a place where nobody of the home can change it.

Against an anchor, the log proves that it still has every entry that it had then, whatever became of home and store.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import rfc8785

from flows.home.home import Home
from flows.human_log.integrity import check_log
from pipeline.errors import StoreError
from pipeline.messages.outbox import make_message
from pipeline.privacy.access_log import LogMark

KIND = "harmspot.access_log.anchored.v1"
TOPIC, SYSLOG = "topic:", "syslog"  # where an anchor goes; anything else is a file


def write_anchor(home: Home, out: str) -> LogMark:
    """Append the anchor of now to a file, or send it to `topic:NAME` or to `syslog`; return the mark in it.

    Raises
    ------
    StoreError
        The log is cut off, rewritten or broken: an anchor made now would vouch for what is left of it.
    OSError
        The file cannot be written.
    BrokerError
        The broker does not take it.
    """
    if problems := check_log(home):
        raise StoreError(
            f"nothing is anchored: {problems[0]}. Restore the log from a backup, check it with: harmspot audit verify"
        )
    mark, at = home.access_log.mark(), home.now()
    data = {"home": home.key.home_name, "at": at.isoformat(), **mark._asdict()}
    data["signature"] = _signature(home, data)
    name = out.removeprefix(TOPIC)
    message = make_message(name, home.key.home_name, KIND, data, time=at)
    if out.startswith(TOPIC):
        from pipeline.sources.kafka import KafkaPublisher

        kafka = home.settings.kafka
        with closing(KafkaPublisher(kafka.bootstrap_servers, kafka.topic_prefix, kafka.security)) as publisher:
            publisher.publish([message])
    elif out == SYSLOG:
        import syslog

        syslog.syslog(syslog.LOG_AUTH | syslog.LOG_NOTICE, f"harmspot {message.payload.decode()}")
    else:
        with Path(out).open("ab") as file:
            file.write(message.payload + b"\n")
            file.flush()
            os.fsync(file.fileno())
    return mark


def anchor_problems(home: Home, path: Path) -> list[str]:
    """Return what contradicts the anchors in a file: one that was altered, or entries that the log lacks or changed.

    Raises
    ------
    StoreError
        The file has no anchor of this home.
    """
    anchors = [data for data in _anchors(path) if data.get("home") == home.key.home_name]
    if not anchors:
        raise StoreError(f"{path} has no anchor of home {home.path}; write one with: harmspot audit anchor --out FILE")
    problems = []
    for data in anchors:
        if not _is_signed(home, data):
            problems.append(f"{path}: the anchor of {data.get('at')} was altered, or is not of this home's key")
        elif not home.access_log.holds(mark := LogMark(data["size_bytes"], data["entry_hash"])):
            problems += [f"{said} (anchored at {data['at']})" for said in home.access_log.verify(mark)]
    return problems


def _anchors(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the anchors in the lines of a file, such as a log of the system or the messages of a topic."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line[line.index("{") :])
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("type") == KIND and isinstance(event.get("data"), dict):
            yield event["data"]


def _is_signed(home: Home, data: dict[str, Any]) -> bool:
    unsigned = {name: value for name, value in data.items() if name != "signature"}
    return hmac.compare_digest(str(data.get("signature")), _signature(home, unsigned))


def _signature(home: Home, data: dict[str, Any]) -> str:
    return hmac.new(home.key.log, rfc8785.dumps({"anchor": data}), hashlib.sha256).hexdigest()
