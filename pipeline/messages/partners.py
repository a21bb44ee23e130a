"""Who outside the force is told what: nobody without an agreement, and nobody more than it names.

A topic of Kafka cannot tell its readers apart, so each recipient has a topic of its own, `referrals.<name>`, and is
known there by a case number that no other recipient shares.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.messages.outbox import OutboxMessage, make_message

# Every field a recipient may be allowed, by topic. `person_ref` is the force's own id of a person.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "notices": (
        "kind", "state", "language", "area_id", "area_name", "behaviours", "serve_by", "starts_on", "ends_on",
        "respond_by", "served_on", "manner", "help_contact", "person_ref",
    ),
    "referrals": ("route", "rule", "offered_at", "started_at", "person_ref"),
    "watches": ("cause", "area_id", "area_name", "starts_on", "ends_on", "radius_m"),
    "safeguarding": ("reason", "is_used_by_adult", "rule", "evidence_ids", "person_ref"),
}  # fmt: skip
EVENT_TYPES = {
    "notices": "harmspot.notice.changed.v1",
    "referrals": "harmspot.referral.proposed.v1",
    "watches": "harmspot.watch.opened.v1",
    "safeguarding": "harmspot.safeguarding.raised.v1",
}


@dataclass(frozen=True, slots=True)
class Partner:
    """A recipient: its name, the agreement under which it is told, and the fields it may see by topic."""

    name: str
    topics: Mapping[str, Sequence[str]]
    agreement_id: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise ValueError(f"partners: name {self.name!r}: expected lower-case letters, digits and hyphens")
        for topic, fields in self.topics.items():
            if topic not in FIELDS:
                raise ValueError(f"partners: {self.name}: no topic {topic!r}; there are {', '.join(FIELDS)}")
            if unknown := sorted(set(fields) - set(FIELDS[topic])):
                raise ValueError(
                    f"partners: {self.name}: {topic} has no {', '.join(unknown)}; it may see {', '.join(FIELDS[topic])}"
                )

    @property
    def has_agreement(self) -> bool:
        return bool(self.agreement_id and self.agreement_id.strip())

    def own_topics(self) -> list[str]:
        """Return the topics of its own on which it is told, none without an agreement."""
        return [f"{topic}.{self.name}" for topic in self.topics] if self.has_agreement else []

    def may_see(self, topic: str, field: str) -> bool:
        return self.has_agreement and field in self.topics.get(topic, ())

    def message(self, topic: str, entity_id: str, data: Mapping[str, Any], time: datetime) -> OutboxMessage | None:
        """Return what it is told of an entity, its own fields alone; None where it is told nothing.

        `data` may hold any of FIELDS. The same told again is the same message.
        """
        if not self.has_agreement or topic not in self.topics:
            return None
        case_id = hashlib.sha256(f"{self.name}\x1f{topic}\x1f{entity_id}".encode()).hexdigest()[:24]
        seen = {name: data[name] for name in FIELDS[topic] if name in self.topics[topic] and data.get(name) is not None}
        told = {"recipient": self.name, "agreement_id": self.agreement_id, "case_id": case_id, **seen}
        return make_message(f"{topic}.{self.name}", case_id, EVENT_TYPES[topic], told, time=time)
