"""Arrow schemas of decoded events, as every source yields and the store accepts them.

One row is one version of one entity. The envelope columns come first in every table; `person_id` is
a pseudonym in all of them; only `IDENTITY` holds the raw id. Times are UTC.
"""

import pyarrow as pa

UTC_TIME = pa.timestamp("us", tz="UTC")

# `source` and `id` of the CloudEvents envelope, its optional `time`, and the position of the record in its
# topic or file. The position is stored for tracing; it is not part of an entity's content.
ENVELOPE = [
    pa.field("event_source", pa.string(), nullable=False),
    pa.field("event_id", pa.string(), nullable=False),
    pa.field("event_time", UTC_TIME),
    pa.field("source_partition", pa.int32(), nullable=False),
    pa.field("source_offset", pa.int64(), nullable=False),
]

INVOLVEMENTS = pa.list_(pa.struct([pa.field("person_id", pa.string()), pa.field("role", pa.string())]))

INCIDENT = pa.schema(
    [
        *ENVELOPE,
        pa.field("incident_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # recorded, amended, cancelled
        pa.field("occurred_at", UTC_TIME, nullable=False),
        pa.field("occurred_precision", pa.string(), nullable=False),  # instant, day, month
        pa.field("is_ambiguous_hour", pa.bool_(), nullable=False),  # local time occurred twice; the first is used
        pa.field("reported_at", UTC_TIME),
        pa.field("offence_code", pa.string(), nullable=False),
        pa.field("discovery", pa.string(), nullable=False),  # public, police, partner, sensor
        pa.field("report_channel", pa.string()),  # call, tip, survey, officer, partner, sensor
        pa.field("reporter_ref", pa.string()),
        pa.field("report_subject", pa.string()),  # dealing, fear, paraphernalia, overdose
        pa.field("lon", pa.float64()),  # WGS84 degrees; null where only area_id is known
        pa.field("lat", pa.float64()),
        pa.field("accuracy_m", pa.float64()),
        pa.field("area_id", pa.string()),
        pa.field("is_weapon", pa.bool_(), nullable=False),
        pa.field("is_injury", pa.bool_(), nullable=False),
        pa.field("is_domestic", pa.bool_(), nullable=False),
        pa.field("drug_activity", pa.string()),  # possession, supply, production, paraphernalia
        pa.field("substance", pa.string()),
        pa.field("market_setting", pa.string()),  # open_air, house, online
        pa.field("is_minor_victim", pa.bool_(), nullable=False),
        pa.field("is_minor_used_by_adult", pa.bool_(), nullable=False),
        pa.field("is_minor_present", pa.bool_(), nullable=False),
        pa.field("involvements", INVOLVEMENTS),  # null if the source reports no people
        pa.field("is_fatal", pa.bool_()),  # true or null: stores and files from before it have no other
        pa.field("is_naloxone_given", pa.bool_()),  # true or null
        pa.field("price_per_gram", pa.float64()),
        pa.field("purity", pa.float64()),  # 0 to 1
    ]
)

PERSON = pa.schema(
    [
        *ENVELOPE,
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("birth_date", pa.date32()),
        pa.field("birth_year", pa.int32()),
        pa.field("deceased_at", UTC_TIME),
        pa.field("is_treatment_consented", pa.bool_()),
        pa.field("is_treatment_engaged", pa.bool_()),
    ]
)

SAME_PERSON = pa.schema(
    [
        *ENVELOPE,
        pa.field("person_id", pa.string(), nullable=False),  # the lesser pseudonym of the pair
        pa.field("same_person_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # joined, parted
    ]
)

CUSTODY = pa.schema(
    [
        *ENVELOPE,
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("custody_from", UTC_TIME, nullable=False),
        pa.field("custody_to", UTC_TIME),  # null while it lasts
        pa.field("kind", pa.string(), nullable=False),  # custody, prison, hospital, absence
    ]
)

WARRANT = pa.schema(
    [
        *ENVELOPE,
        pa.field("warrant_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # bench, arrest
        pa.field("issued_at", UTC_TIME, nullable=False),
        pa.field("status", pa.string(), nullable=False),  # outstanding, executed, recalled
        pa.field("underlying_offence_code", pa.string(), nullable=False),
    ]
)

STAFFING = pa.schema(
    [
        *ENVELOPE,
        pa.field("area_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("shift_start", UTC_TIME, nullable=False),
        pa.field("shift_end", UTC_TIME, nullable=False),
        pa.field("rostered_hours", pa.float64(), nullable=False),
        pa.field("available_hours", pa.float64(), nullable=False),
    ]
)

ACTION = pa.schema(
    [
        *ENVELOPE,
        pa.field("action_id", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("subject_person_id", pa.string()),  # pseudonym
        pa.field("area_id", pa.string()),
        pa.field("notice_id", pa.string()),
        pa.field("at", UTC_TIME, nullable=False),
        pa.field("hours", pa.float64()),
        pa.field("detail", pa.string()),  # free text: manner of service, reason, outcome
        pa.field("offence_code", pa.string()),  # what an arrest was for
        pa.field("party", pa.string()),  # officer, public
        pa.field("count", pa.int64()),  # null means one
        pa.field("days", pa.float64()),  # waited for treatment
    ]
)

# Entity → schema, and the columns that identify one entity (all its versions share them).
SCHEMAS: dict[str, pa.Schema] = {
    "incident": INCIDENT,
    "person": PERSON,
    "same_person": SAME_PERSON,
    "custody": CUSTODY,
    "warrant": WARRANT,
    "staffing": STAFFING,
    "action": ACTION,
}
ENTITY_KEYS: dict[str, tuple[str, ...]] = {
    "incident": ("incident_id",),
    "person": ("person_id",),
    "same_person": ("person_id", "same_person_id"),
    "custody": ("person_id", "custody_from"),
    "warrant": ("warrant_id",),
    "staffing": ("area_id", "shift_start", "shift_end"),
    "action": ("action_id",),
}
# Topic → entity; ids that are one person come on the topic of people, because `type` says what an event is.
TOPICS: dict[str, str] = {
    "incidents": "incident",
    "persons": "person",
    "custody": "custody",
    "warrants": "warrant",
    "staffing": "staffing",
    "actions": "action",
}

IDENTITY = pa.schema(
    [pa.field("person_id", pa.string(), nullable=False), pa.field("raw_person_id", pa.string(), nullable=False)]
)

DEAD_LETTER = pa.schema(
    [
        pa.field("topic", pa.string(), nullable=False),  # topic, or the file's name
        pa.field("source_partition", pa.int32(), nullable=False),
        pa.field("source_offset", pa.int64(), nullable=False),  # offset, or the row's number from 0
        pa.field("reason", pa.string(), nullable=False),  # a stable code, e.g. unknown_offence_code
        pa.field("detail", pa.string(), nullable=False),  # a sentence, free of person ids
        pa.field("mapping", pa.string()),  # name of the mapping the row came through; null for our own events
        pa.field("payload", pa.binary(), nullable=False),  # the record as it arrived, for replay
        pa.field("about", pa.string()),  # the file's column that the reason is about; null if there is none
        pa.field("value", pa.string()),  # what that column holds: times, numbers, words; never an id or free text
    ]
)
