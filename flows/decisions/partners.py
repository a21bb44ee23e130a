"""Messages to partners: changes of notices, and the referrals, overdose watches and safeguarding cases of a run.

Messages are written in the transaction of their cause and delivered after it. Person ids are sent only to a partner
whose agreement names them, and the access log records each disclosure first.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pandas as pd

from flows.decisions.desk import Desk
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.embargoes import embargoed_cells, is_covered, with_embargoes
from flows.human_log.ledger import ledger_of
from flows.human_log.listed_now import addressees_off, why_off
from flows.human_log.notice_records import notices_of
from models.governance.notice_lifecycle import Notice
from models.operations.history import operations_of, without_hidden_actions
from pipeline.database import DatabaseError, explained
from pipeline.errors import HarmspotError
from pipeline.messages.outbox import FilePublisher, OutboxMessage, Publisher, deliver
from pipeline.messages.partners import Partner
from pipeline.publication.publish import held, latest_usable
from pipeline.sources.kafka import KafkaPublisher
from pipeline.store.interface import Store

READER = "harmspot"
OF_LIST = {"referrals": "referral", "safeguarding": "safeguarding"}  # topic → list of the people on it
EVERY = 1_000_000  # messages
LOCK = "delivery.lock"
DELIVERY_S = 120.0  # longer than a broker that hangs is waited for
# Overdoses rise for three weeks within 500 m of a seizure (Ray et al. 2023, American Journal of Public Health).
WATCH_DAYS, WATCH_RADIUS_M = 21, 500
WATCHED = {"crackdown_start": "crackdown", "seizure": "seizure"}


def notice_messages(desk: Desk, before: Notice, after: Notice) -> list[OutboxMessage]:
    """Return the messages to partners about a notice that was served, or was served before and is now closed."""
    fields, status, at = after.fields, after.status, after.events[-1].at
    is_served = status.state == "served"
    is_news = is_served or (not after.is_open and before.status.served_on is not None)
    if status.state == before.status.state or not is_news or is_withheld(desk, after):
        return []
    data = {**fields, "state": status.state, "served_on": status.served_on, "manner": status.manner}
    messages = _messages(desk, "notices", after.notice_id, data, at, person_id=fields.get("person_id"))
    if after.kind.announces_operation and is_served:
        messages += _watch(desk, after.notice_id, "announced crackdown", fields, fields["starts_on"], at)
    return messages


def is_withheld(desk: Desk, notice: Notice) -> bool:
    """Return whether the notice is to a market under an embargo: nobody hears anything of it meanwhile."""
    return not notice.kind.is_to_person and is_covered(
        embargoed_cells(desk.ledger, desk.home.now()), notice.subject, desk.home.settings.places.cell_size_m
    )


def run_messages(
    desk: Desk, lists: Mapping[str, pd.DataFrame], actions: pd.DataFrame, at: datetime
) -> list[OutboxMessage]:
    """Return the messages to partners about a run.

    Parameters
    ----------
    desk : Desk
        Desk of the run.
    lists : mapping of str to DataFrame
        Tables `referral` and `safeguarding`, without run columns.
    actions : DataFrame
        As `models.operations.history.operations_of` takes them; a recent seizure or crackdown opens an overdose watch,
        unless it belongs to an operation under an embargo.
    at : datetime
        The run's as_of.

    Returns
    -------
    list of OutboxMessage
        One message per partner and topic that it receives.
    """
    messages: list[OutboxMessage] = []
    for topic, table in OF_LIST.items():
        for row in lists[table].to_dict("records"):
            messages += _messages(desk, topic, row["person_id"], row, at, person_id=row["person_id"])
    if cells := embargoed_cells(desk.ledger, desk.home.now()):
        operations = with_embargoes(
            operations_of(desk.store.place_actions(desk.home.now())), cells, desk.home.settings.places.cell_size_m
        )
        actions = without_hidden_actions(actions, operations)
    recent = actions[actions["kind"].isin(WATCHED) & (actions["at"] >= at - timedelta(days=WATCH_DAYS))]
    for action in recent.sort_values(["at", "action_id"]).to_dict("records"):
        day = desk.home.day_of(action["at"])
        messages += _watch(desk, action["action_id"], WATCHED[action["kind"]], action, day, at)
    return messages


def topics_with_messages(home: Home, store: Store) -> list[str]:
    """Return the partners' topics with undelivered messages."""
    topics = [topic for partner in home.settings.partners.recipients for topic in partner.own_topics()]
    return [topic for topic in topics if store.undelivered(1, topic)]


def deliver_to_partners(home: Home, topics: Sequence[str] | None = None) -> int:
    """Deliver pending messages to partners, to files or topics as set, and return the number of messages.

    `topics` are those with pending messages; by default the store is asked.

    Raises
    ------
    BrokerError, OSError
        If a publisher fails; the messages stay in the outbox.
    """
    if topics is None:
        with open_home_store(home) as store:
            topics = topics_with_messages(home, store)
    if not topics:
        return 0
    with one_delivery(home), closing(_Publishers(home)) as publisher:  # whoever is off is asked once all is ready
        with open_home_store(home) as store:
            topics = _withdraw_of_off(home, store, topics)
        return sum(deliver(partial(open_home_store, home), publisher, home.now(), topic) for topic in topics)


@contextmanager
def one_delivery(home: Home) -> Iterator[None]:
    """Let nobody else deliver, nor withdraw what may be on its way, before this is over.

    Others are not kept from the home by whoever waits.

    Raises
    ------
    PublicationError
        A delivery has been under way for DELIVERY_S.
    """
    with ExitStack() as stack:
        with home.apart():
            stack.enter_context(held(home.path / LOCK, DELIVERY_S, "a delivery to partners has been under way"))
        yield


def _withdraw_of_off(home: Home, store: Store, topics: Sequence[str]) -> list[str]:
    """Withdraw the waiting messages about whom a run now would not tell of, and return the topics to deliver now.

    Every waiting message is asked about, whichever run wrote it. While no usable run is kept, nobody can be asked
    about, and messages about people on lists wait.
    """
    is_askable, to_deliver = latest_usable(home.path) is not None, []
    for partner in home.settings.partners.recipients:
        for topic in partner.topics:
            own_topic = f"{topic}.{partner.name}"
            if own_topic not in topics or (topic in OF_LIST and not is_askable):
                continue
            to_deliver.append(own_topic)
            waiting = store.undelivered(EVERY, own_topic)
            may_go = _may_go(home, store, partner, topic, {each.key for each in waiting})
            outdated = [each.message_id for each in waiting if each.key not in may_go]
            store.withdraw_messages(outdated, home.now())
            if outdated:
                home.progress(f"{len(outdated)} messages on {own_topic} are withdrawn: a run now would not send them")
    return to_deliver


def _may_go(home: Home, store: Store, partner: Partner, topic: str, keys: Collection[str]) -> Collection[str]:
    """Return which case ids a partner may be told of now.

    Of a letter whose addressee is off the list it may if the partner was told of it before: that it ended is news.
    """
    if topic == "notices":
        notices = {partner.case_id(topic, each.notice_id): each for each in notices_of(ledger_of(home, store)).values()}
        about = {key: notices[key] for key in keys if key in notices}
        off = addressees_off(home, store, about.values())
        told = store.told_keys(f"{topic}.{partner.name}")
        return {key for key, notice in about.items() if notice.notice_id not in off or key in told}
    if topic in OF_LIST:
        people = {partner.case_id(topic, person_id): person_id for person_id in store.pseudonyms()}
        rows = pd.DataFrame({"person_id": [people[key] for key in sorted(keys) if key in people]}, dtype="str")
        why = why_off(home, store, OF_LIST[topic], rows, str(latest_usable(home.path)))
        return {partner.case_id(topic, person_id) for person_id in rows.loc[why.eq(""), "person_id"]}
    return keys  # of places


def deliver_or_log(home: Home, topics: Sequence[str] | None = None) -> None:
    """Deliver pending messages to partners; on failure, log it and leave the messages for the next delivery."""
    try:
        deliver_to_partners(home, topics)
    except (HarmspotError, OSError, DatabaseError) as error:  # what was decided before is recorded
        why = explained(error)
        home.warn(f"messages to partners are not delivered yet: {why} Deliver them later: harmspot notices deliver")


def log_partners_not_told(home: Home) -> None:
    """Log which partners have no agreement and therefore receive nothing."""
    for partner in home.settings.partners.recipients:
        if not partner.has_agreement:
            home.warn(f"partner {partner.name} has no agreement_id: nothing is sent to it")


class _Publishers:
    """Several publishers as one: a message is delivered when all of them have accepted it.

    Brokers may take long to answer or never do: they are talked to apart from what others wait for.
    """

    def __init__(self, home: Home) -> None:
        self._apart = home.apart
        with self._apart():
            self._publishers = _publishers(home)

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        with self._apart():
            for publisher in self._publishers:
                publisher.publish(messages)

    def close(self) -> None:
        with self._apart():
            for publisher in self._publishers:
                if isinstance(publisher, KafkaPublisher):
                    publisher.close()


def _publishers(home: Home) -> list[Publisher]:
    kafka = home.settings.kafka
    makers: dict[str, Callable[[], Publisher]] = {
        "files": lambda: FilePublisher(home.path / "partners"),
        "kafka": lambda: KafkaPublisher(kafka.bootstrap_servers, kafka.topic_prefix, kafka.security),
    }
    return [makers[name]() for name in home.settings.partners.to]


def _watch(
    desk: Desk, cause_id: str, cause: str, place: Mapping[Any, Any], first: date, at: datetime
) -> list[OutboxMessage]:
    last = first + timedelta(days=WATCH_DAYS - 1)
    data = {"cause": cause, "starts_on": first, "ends_on": last, "radius_m": WATCH_RADIUS_M}
    places = {name: place[name] for name in ("area_id", "area_name") if name in place}
    return _messages(desk, "watches", cause_id, {**data, **places}, at)


def _messages(
    desk: Desk, topic: str, entity_id: str, data: Mapping[Any, Any], at: datetime, person_id: str | None = None
) -> list[OutboxMessage]:
    """Return one message for each partner on the topic."""
    plain = {str(name): _plain(value) for name, value in data.items()}
    messages = []
    for partner in desk.home.settings.partners.recipients:
        reference = {"person_ref": _person_ref(desk, topic, partner, person_id)} if person_id else {}
        message = partner.message(topic, entity_id, {**plain, **reference}, at)
        messages += [message] if message else []
    return messages


def _person_ref(desk: Desk, topic: str, partner: Partner, person_id: str) -> str | None:
    if not partner.may_see(topic, "person_ref"):
        return None
    detail, purpose = {"topic": topic, "recipient": partner.name}, f"agreement {partner.agreement_id}"
    desk.home.log_access("disclose", detail, reader=READER, purpose=purpose)
    return desk.store.resolve_pseudonym(person_id)


def _plain(value: Any) -> Any:
    """Return a value as a JSON type; a missing value becomes None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple | dict) and pd.isna(value):
        return None
    return msgspec.to_builtins(value.to_pydatetime() if isinstance(value, pd.Timestamp) else value)
