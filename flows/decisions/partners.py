"""Messages to partners: changes of notices, and the referrals, overdose watches and safeguarding cases of a run.

Messages are written in the transaction of their cause and delivered after it. Person ids are sent only to a partner
whose agreement names them, and the access log records each disclosure first.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store
from models.governance.notice_lifecycle import CLOSED, NoticeStatus
from pipeline.errors import SourceError
from pipeline.messages.outbox import FilePublisher, OutboxMessage, Publisher, deliver
from pipeline.messages.partners import Partner
from pipeline.sources.kafka import KafkaPublisher
from pipeline.store.interface import Store

READER = "harmspot"
# Overdoses rise for three weeks within 500 m of a seizure (Ray et al. 2023, American Journal of Public Health).
WATCH_DAYS, WATCH_RADIUS_M = 21, 500
WATCHED = {"crackdown_start": "crackdown", "seizure": "seizure"}


def notice_messages(
    home: Home, store: Store, fields: Mapping[str, Any], before: NoticeStatus, after: NoticeStatus, at: datetime
) -> list[OutboxMessage]:
    """Return the messages to partners about a notice that was served, or was served before and is now closed."""
    is_news = after.state != before.state and (after.state == "served" or (after.state in CLOSED and before.served_on))
    if not is_news:
        return []
    data = {**fields, "state": after.state, "served_on": after.served_on, "manner": after.manner}
    messages = _messages(home, store, "notices", fields["notice_id"], data, at, person_id=fields.get("person_id"))
    if fields["kind"] == "area" and after.state == "served":
        messages += _watch(home, store, fields["notice_id"], "announced crackdown", fields, fields["starts_on"], at)
    return messages


def run_messages(
    home: Home, store: Store, lists: Mapping[str, pd.DataFrame], actions: pd.DataFrame, at: datetime
) -> list[OutboxMessage]:
    """Return the messages to partners about a run.

    Parameters
    ----------
    home : Home
        Home of the run.
    store : Store
        Open store of the home.
    lists : mapping of str to DataFrame
        Tables `referral` and `safeguarding`, without run columns.
    actions : DataFrame
        Columns kind, action_id, area_id and at of recent actions; a seizure or crackdown opens an overdose watch.
    at : datetime
        The run's as_of.

    Returns
    -------
    list of OutboxMessage
        One message per partner and topic that it receives.
    """
    messages: list[OutboxMessage] = []
    for topic, table in (("referrals", "referral"), ("safeguarding", "safeguarding")):
        for row in lists[table].to_dict("records"):
            messages += _messages(home, store, topic, row["person_id"], row, at, person_id=row["person_id"])
    recent = actions[actions["kind"].isin(WATCHED) & (actions["at"] >= at - timedelta(days=WATCH_DAYS))]
    for action in recent.sort_values(["at", "action_id"]).to_dict("records"):
        day = home.day_of(action["at"])
        messages += _watch(home, store, action["action_id"], WATCHED[action["kind"]], action, day, at)
    return messages


def deliver_to_partners(home: Home) -> int:
    """Deliver pending messages to partners, to files or topics as set, and return the number of messages.

    Raises
    ------
    BrokerError, OSError
        If a publisher fails; the messages stay in the outbox.
    """
    topics = [topic for partner in home.settings.partners.recipients for topic in partner.own_topics()]
    open_store = partial(open_home_store, home)
    with open_store() as store:
        waiting = [topic for topic in topics if store.undelivered(1, topic)]
    if not waiting:
        return 0
    with closing(_publisher(home)) as publisher:
        return sum(deliver(open_store, publisher, home.now(), topic) for topic in waiting)


def deliver_or_log(home: Home) -> None:
    """Deliver pending messages to partners; on failure, log it and leave the messages for the next delivery."""
    try:
        deliver_to_partners(home)
    except (SourceError, OSError) as error:
        home.progress(
            f"messages to partners are not delivered yet: {error} Deliver them later: harmspot notices deliver"
        )


def log_partners_not_told(home: Home) -> None:
    """Log which partners have no agreement and therefore receive nothing."""
    for partner in home.settings.partners.recipients:
        if not partner.has_agreement:
            home.progress(f"partner {partner.name} has no agreement_id: nothing is sent to it")


class _Publishers:
    """Several publishers as one: a message is delivered when all of them have accepted it."""

    def __init__(self, publishers: Sequence[Publisher]) -> None:
        self._publishers = publishers

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        for publisher in self._publishers:
            publisher.publish(messages)

    def close(self) -> None:
        for publisher in self._publishers:
            if isinstance(publisher, KafkaPublisher):
                publisher.close()


def _publisher(home: Home) -> _Publishers:
    kafka = home.settings.kafka
    makers: dict[str, Callable[[], Publisher]] = {
        "files": lambda: FilePublisher(home.path / "partners"),
        "kafka": lambda: KafkaPublisher(kafka.bootstrap_servers, kafka.topic_prefix, kafka.security),
    }
    return _Publishers([makers[name]() for name in home.settings.partners.to])


def _watch(
    home: Home, store: Store, cause_id: str, cause: str, place: Mapping[Any, Any], first: date, at: datetime
) -> list[OutboxMessage]:
    last = first + timedelta(days=WATCH_DAYS - 1)
    data = {"cause": cause, "starts_on": first, "ends_on": last, "radius_m": WATCH_RADIUS_M}
    places = {name: place[name] for name in ("area_id", "area_name") if name in place}
    return _messages(home, store, "watches", cause_id, {**data, **places}, at)


def _messages(
    home: Home,
    store: Store,
    topic: str,
    entity_id: str,
    data: Mapping[Any, Any],
    at: datetime,
    person_id: str | None = None,
) -> list[OutboxMessage]:
    """Return one message for each partner on the topic."""
    plain = {str(name): _plain(value) for name, value in data.items()}
    messages = []
    for partner in home.settings.partners.recipients:
        reference = {"person_ref": _person_ref(home, store, topic, partner, person_id)} if person_id else {}
        message = partner.message(topic, entity_id, {**plain, **reference}, at)
        messages += [message] if message else []
    return messages


def _person_ref(home: Home, store: Store, topic: str, partner: Partner, person_id: str) -> str | None:
    if not partner.may_see(topic, "person_ref"):
        return None
    home.access_log.append(
        reader=READER,
        purpose=f"agreement {partner.agreement_id}",
        action="disclose",
        detail={"topic": topic, "recipient": partner.name},
        now=home.now(),
    )
    return store.resolve_pseudonym(person_id)


def _plain(value: Any) -> Any:
    """Return a value as a JSON type; a missing value becomes None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple | dict) and pd.isna(value):
        return None
    return msgspec.to_builtins(value.to_pydatetime() if isinstance(value, pd.Timestamp) else value)
