"""The seven events that harmspot ingests: CloudEvents 1.0 envelopes (structured JSON mode) around typed data.

`type` decides what an event is. Unknown keys in `data` are refused, so that a misspelt safeguard is never silently
dropped; extension attributes beside `data` are allowed, as the CloudEvents specification requires. An absent optional
key and a null one mean the same, except for flags, which are true or false. A time is RFC 3339.

`SCHEMA_VERSION` rises with every optional key or value that is added; what an earlier version allowed stays allowed, so
that `type` remains `.v1`.

Standard: CloudEvents 1.0.2, https://github.com/cloudevents/spec.
"""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

MAX_EVENT_BYTES = 1024 * 1024
SCHEMA_VERSION = "1.1"

Id = Annotated[str, Meta(min_length=1, max_length=256)]
PersonId = Annotated[Id, Meta(description="The source's own id of a person; harmspot keeps it apart, as a pseudonym.")]
Version = Annotated[
    int, Meta(ge=0, le=2**63 - 1, description="Rises with every change of the entity; the greatest one holds.")
]
OffenceCode = Annotated[str, Meta(max_length=256, description="A code of the offence codebook.")]
Time = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]
Hours = Annotated[float, Meta(ge=0, le=1e9)]

IncidentStatus = Literal["recorded", "amended", "cancelled"]
Precision = Literal["instant", "day", "month"]
Discovery = Literal["public", "police", "partner", "sensor"]
ReportChannel = Literal["call", "tip", "survey", "officer", "partner", "sensor"]
ReportSubject = Literal["dealing", "fear", "paraphernalia", "overdose"]
DrugActivity = Literal["possession", "supply", "production", "paraphernalia"]
MarketSetting = Literal["open_air", "house", "online"]
Role = Literal["suspect", "charged", "convicted", "no_further_action", "victim", "witness"]
CustodyKind = Literal["custody", "prison", "hospital", "absence"]
WarrantKind = Literal["bench", "arrest"]
WarrantStatus = Literal["outstanding", "executed", "recalled"]
SameStatus = Literal["joined", "parted"]
ActionKind = Literal[
    "registration",
    "partners_told",
    "announcement",
    "crackdown_start",
    "crackdown_end",
    "evaluation",
    "visit",
    "outreach",
    "arrest",
    "seizure",
    "sanction",
    "referral_offered",
    "referral_accepted",
    "referral_started",
    "referral_retained",
    "notice_reviewed",
    "notice_approved",
    "notice_served",
    "notice_withdrawn",
    "override",
    "representation",
    "contest",
    "complaint",
    "injury",
    "death",
    "treatment_wait",
    "treatment_left",
    "needle_exchange",
    "naloxone_given",
]
Party = Literal["officer", "public"]


class _Data(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Base of every part of `data`: immutable, no unknown keys, and keys with default values are not written."""


class Report(_Data, frozen=True, kw_only=True):
    """How the incident came to be known."""

    channel: Annotated[ReportChannel | None, Meta(description="The way the report came in.")] = None
    reporter_ref: Annotated[
        Id | None, Meta(description="The source's pseudonym of the reporter; counts distinct callers, names nobody.")
    ] = None
    subject: Annotated[ReportSubject | None, Meta(description="What was reported, where drugs or fear are.")] = None


class Location(_Data, frozen=True, kw_only=True):
    """Where it happened: `lon` and `lat`, or `area_id`, or both."""

    lon: Annotated[Annotated[float, Meta(ge=-180, le=180)] | None, Meta(description="WGS84 degrees east.")] = None
    lat: Annotated[Annotated[float, Meta(ge=-90, le=90)] | None, Meta(description="WGS84 degrees north.")] = None
    accuracy_m: Annotated[
        Annotated[float, Meta(ge=0, le=1e8)] | None, Meta(description="Radius of uncertainty in metres.")
    ] = None
    area_id: Annotated[Id | None, Meta(description="Area of the boundary file, where no point is known.")] = None


class Flags(_Data, frozen=True, kw_only=True):
    """What made it worse."""

    weapon: Annotated[bool, Meta(description="A weapon was used or shown.")] = False
    injury: Annotated[bool, Meta(description="Somebody was hurt.")] = False
    domestic: Annotated[bool, Meta(description="Between partners or family.")] = False
    fatal: Annotated[bool, Meta(description="Somebody died.")] = False
    naloxone: Annotated[bool, Meta(description="Naloxone was given.")] = False


class Drugs(_Data, frozen=True, kw_only=True):
    """The drug side of an incident."""

    activity: Annotated[DrugActivity | None, Meta(description="What was done with drugs.")] = None
    substance: Annotated[Id | None, Meta(description="Name of the drug in the source's words.")] = None
    price_per_gram: Annotated[
        Annotated[float, Meta(ge=0, le=1e9)] | None,
        Meta(description="Street price of a gram, in the force's currency."),
    ] = None
    purity: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Share of the drug in what was tested, from 0 to 1."),
    ] = None


class Market(_Data, frozen=True, kw_only=True):
    """The retail market an incident belongs to."""

    setting: Annotated[MarketSetting | None, Meta(description="Where sellers and buyers meet.")] = None


class Minors(_Data, frozen=True, kw_only=True):
    """Whether anyone under 18 was there, harmed or used."""

    victim: Annotated[bool, Meta(description="A minor was the victim.")] = False
    used_by_adult: Annotated[bool, Meta(description="An adult used a minor to commit it.")] = False
    present: Annotated[bool, Meta(description="A minor was there.")] = False


class Involvement(_Data, frozen=True, kw_only=True):
    """One person's role in one incident; somebody may hold several."""

    person_id: PersonId
    role: Annotated[Role, Meta(description="The person's role in this incident.")]


class Incident(_Data, frozen=True, kw_only=True):
    """One version of an incident; a later version amends or cancels it."""

    incident_id: Annotated[Id, Meta(description="The source's own id of the incident.")]
    version: Version
    status: Annotated[IncidentStatus, Meta(description="What this version does to the incident.")]
    occurred_at: Annotated[Time, Meta(description="When it happened, or the best time known.")]
    occurred_precision: Annotated[
        Precision, Meta(description="`day` and `month`: only the date, or only the month, of `occurred_at` is known.")
    ] = "instant"
    reported_at: Annotated[Time | None, Meta(description="When it was reported.")] = None
    offence_code: OffenceCode
    discovery: Annotated[
        Discovery, Meta(description="Who found it; what police discover themselves can raise no score.")
    ]
    report: Annotated[Report | None, Meta(description="How it came to be known.")] = None
    location: Annotated[Location, Meta(description="`lon` and `lat`, or `area_id`.")]
    flags: Annotated[Flags | None, Meta(description="What made it worse.")] = None
    drugs: Annotated[Drugs | None, Meta(description="Drugs in the incident.")] = None
    market: Annotated[Market | None, Meta(description="The retail market it belongs to.")] = None
    minors: Annotated[Minors | None, Meta(description="Minors in the incident.")] = None
    involvements: Annotated[
        tuple[Involvement, ...] | None, Meta(description="People and their roles; absent where the source knows none.")
    ] = None


class Treatment(_Data, frozen=True, kw_only=True):
    """What a person agreed to let the force know; it can only lower enforcement priority."""

    consent: Annotated[bool | None, Meta(description="The person agreed that the force may know of it.")] = None
    engaged: Annotated[bool | None, Meta(description="The person is in treatment.")] = None


class Person(_Data, frozen=True, kw_only=True):
    """One version of what is known of a person: age, death, treatment. Names are never taken in."""

    person_id: PersonId
    version: Version
    birth_date: Annotated[date | None, Meta(description="Date of birth; without it the person is never listed.")] = None
    birth_year: Annotated[
        Annotated[int, Meta(ge=1880, le=2200)] | None,
        Meta(description="Year of birth where the date is unknown; counts as 31 December."),
    ] = None
    deceased_at: Annotated[Time | None, Meta(description="When the person died.")] = None
    treatment: Annotated[Treatment | None, Meta(description="Treatment, with consent.")] = None


class SamePerson(_Data, frozen=True, kw_only=True):
    """One version of what is known of two ids: whether they are one person. The pair identifies it, in either order."""

    person_id: PersonId
    same_as: Annotated[PersonId, Meta(description="Another of the source's ids of a person.")]
    version: Version
    status: Annotated[
        SameStatus, Meta(description="`joined`: both are one person; `parted`: they are not, and were joined in error.")
    ]


class Custody(_Data, frozen=True, kw_only=True):
    """One version of a stay in custody, prison or hospital, or an absence; person and `from` identify the stay."""

    person_id: PersonId
    version: Version
    custody_from: Annotated[Time, Meta(description="When it began.")] = msgspec.field(name="from")
    custody_to: Annotated[Time | None, Meta(description="When it ended or will end; absent while open.")] = (
        msgspec.field(name="to", default=None)
    )
    kind: Annotated[CustodyKind, Meta(description="Why the person was away.")] = "custody"


class Warrant(_Data, frozen=True, kw_only=True):
    """One version of a warrant."""

    warrant_id: Annotated[Id, Meta(description="The source's own id of the warrant.")]
    version: Version
    person_id: PersonId
    kind: Annotated[WarrantKind, Meta(description="`bench`: issued by a court for not appearing or obeying.")]
    issued_at: Annotated[Time, Meta(description="When it was issued.")]
    status: Annotated[WarrantStatus, Meta(description="What became of it.")]
    underlying_offence_code: OffenceCode


class Staffing(_Data, frozen=True, kw_only=True):
    """Officer hours of one shift in one area; area, start and end identify the shift."""

    area_id: Annotated[Id, Meta(description="Area of the boundary file.")]
    version: Version = 1
    shift_start: Annotated[Time, Meta(description="Start of the shift.")]
    shift_end: Annotated[Time, Meta(description="End of the shift, after its start.")]
    rostered_hours: Annotated[Hours, Meta(description="Officer hours planned.")]
    available_hours: Annotated[Hours, Meta(description="Officer hours left after abstractions.")]


class Action(_Data, frozen=True, kw_only=True):
    """One version of what people did: announcements, operations, visits, offers, notices and answers to them."""

    action_id: Annotated[Id, Meta(description="The source's own id of the action.")]
    version: Version
    kind: Annotated[ActionKind, Meta(description="What was done.")]
    actor: Annotated[Id, Meta(description="Who did it: a named officer, team or partner.")] = "unstated"
    subject: Annotated[PersonId | None, Meta(description="The person it was done to, if any.")] = None
    area: Annotated[Id | None, Meta(description="The `area_id` it was done in, if any.")] = None
    notice_id: Annotated[Id | None, Meta(description="The notice it belongs to, if any.")] = None
    at: Annotated[Time, Meta(description="When it was done.")]
    hours: Annotated[
        Hours | None, Meta(description="Hours it took: of officers, and of health partners where kind is `outreach`.")
    ] = None
    detail: Annotated[
        str | None, Meta(description="Free words: manner of service, reason, outcome. Never a name or a person id.")
    ] = None
    offence_code: Annotated[OffenceCode | None, Meta(description="Of an `arrest`: the offence it was for.")] = None
    party: Annotated[Party | None, Meta(description="Of an `injury` or a `death`: on whose side it was.")] = None
    count: Annotated[
        Annotated[int, Meta(ge=1, le=10**9)] | None,
        Meta(
            description="How many the event sums up, such as visits to a needle exchange in a week; absent means one."
        ),
    ] = None
    days: Annotated[
        Annotated[float, Meta(ge=0, le=1e5)] | None,
        Meta(description="Of a `treatment_wait`: days from referral to treatment."),
    ] = None


class _Envelope(Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True, kw_only=True):
    """The CloudEvents context attributes; `source` and `id` together are the idempotency key."""

    topic: ClassVar[str]
    entity: ClassVar[str]
    key: ClassVar[str]

    specversion: Annotated[Literal["1.0"], Meta(description="Version of CloudEvents.")]
    id: Annotated[Id, Meta(description="Unique among the events of one source.")]
    source: Annotated[Id, Meta(description="URI of the system that made the event.")]
    time: Annotated[Time | None, Meta(description="When the event was made.")] = None
    subject: Annotated[str | None, Meta(description="CloudEvents' subject; not used.")] = None
    datacontenttype: Annotated[str | None, Meta(description="Media type of `data`: application/json.")] = None


class IncidentRecorded(_Envelope, frozen=True, kw_only=True, tag="harmspot.incident.recorded.v1"):
    """An incident was recorded, amended or cancelled."""

    topic, entity, key = "incidents", "incident", "incident_id"
    data: Incident


class PersonUpdated(_Envelope, frozen=True, kw_only=True, tag="harmspot.person.updated.v1"):
    """What is known of a person changed."""

    topic, entity, key = "persons", "person", "person_id"
    data: Person


class PersonSame(_Envelope, frozen=True, kw_only=True, tag="harmspot.person.same.v1"):
    """Two ids were found to be one person, or not to be."""

    topic, entity, key = "persons", "same_person", "person_id"
    data: SamePerson


class CustodyChanged(_Envelope, frozen=True, kw_only=True, tag="harmspot.custody.changed.v1"):
    """A stay away from liberty began, ended or was corrected."""

    topic, entity, key = "custody", "custody", "person_id"
    data: Custody


class WarrantChanged(_Envelope, frozen=True, kw_only=True, tag="harmspot.warrant.changed.v1"):
    """A warrant was issued, executed or recalled."""

    topic, entity, key = "warrants", "warrant", "warrant_id"
    data: Warrant


class StaffingReported(_Envelope, frozen=True, kw_only=True, tag="harmspot.staffing.reported.v1"):
    """A shift's officer hours were reported or corrected."""

    topic, entity, key = "staffing", "staffing", "area_id"
    data: Staffing


class ActionRecorded(_Envelope, frozen=True, kw_only=True, tag="harmspot.action.recorded.v1"):
    """Something was done, or corrected."""

    topic, entity, key = "actions", "action", "action_id"
    data: Action


Event: TypeAlias = (
    IncidentRecorded | PersonUpdated | PersonSame | CustodyChanged | WarrantChanged | StaffingReported | ActionRecorded
)
EVENT_TYPES: tuple[type[Event], ...] = (
    IncidentRecorded,
    PersonUpdated,
    PersonSame,
    CustodyChanged,
    WarrantChanged,
    StaffingReported,
    ActionRecorded,
)

_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def decode_event(value: bytes) -> Event:
    """Decode one event from JSON; raise ValueError (or msgspec's subclass) or RecursionError if it is not an event."""
    return _decoder.decode(value)


def encode_event(event: Event) -> bytes:
    """Encode one event as JSON; `decode_event` returns an equal event."""
    return _encoder.encode(event)


def entity_id(event: Event) -> str:
    """Return the key of the event on its topic, which keeps an entity's versions in one partition, in order."""
    return getattr(event.data, event.key)
