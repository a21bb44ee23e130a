"""External recipients: each needs an agreement and receives only the fields that the agreement names.

Kafka topics cannot distinguish readers, so each recipient has its own topic, such as `referrals.<name>`, with case ids
that no other recipient shares.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.messages.outbox import OutboxMessage, make_message

# All fields that can be shared, by topic. `person_ref` is the force's own id of a person.
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


def case_id(own_topic: str, entity_id: str) -> str:
    """Return the id of an entity on a partner's own topic."""
    topic, _, name = own_topic.partition(".")
    return hashlib.sha256(f"{name}\x1f{topic}\x1f{entity_id}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Partner:
    """A recipient: its name, its agreement, and the fields it may see by topic."""

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
        """Whether the partner has an agreement id, with a letter or digit."""
        return any(map(str.isalnum, self.agreement_id or ""))

    def own_topics(self) -> list[str]:
        """Return the partner's own topics; empty without an agreement."""
        return [f"{topic}.{self.name}" for topic in self.topics] if self.has_agreement else []

    def may_see(self, topic: str, field: str) -> bool:
        """Return whether the partner may see the field on the topic."""
        return self.has_agreement and field in self.topics.get(topic, ())

    def case_id(self, topic: str, entity_id: str) -> str:
        """Return the id of an entity on a topic, which no other partner shares."""
        return case_id(f"{topic}.{self.name}", entity_id)

    def message(self, topic: str, entity_id: str, data: Mapping[str, Any], time: datetime) -> OutboxMessage | None:
        """Return the message about an entity with only the permitted fields; None if the topic is not shared.

        `data` may hold any of FIELDS. The same content gives the same message id.
        """
        if not self.has_agreement or topic not in self.topics:
            return None
        case_id = self.case_id(topic, entity_id)
        permitted = {
            name: data[name] for name in FIELDS[topic] if name in self.topics[topic] and data.get(name) is not None
        }
        content = {"recipient": self.name, "agreement_id": self.agreement_id, "case_id": case_id, **permitted}
        return make_message(f"{topic}.{self.name}", case_id, EVENT_TYPES[topic], content, time=time)
