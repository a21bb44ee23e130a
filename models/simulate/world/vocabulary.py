"""The words of the event contract, and their numbers in the simulator's tables (−1 where there is none)."""

CODES = (
    "homicide",
    "attempted_murder",
    "rape",
    "wounding_with_intent",
    "violence_with_injury",
    "violence_without_injury",
    "stalking_harassment",
    "other_sexual",
    "kidnapping",
    "robbery",
    "family_offence",
    "weapons_possession",
    "child_criminal_exploitation",
    "supply_using_minor",
    "arson",
    "criminal_damage",
    "public_order",
    "antisocial_behaviour",
    "drug_dealing_report",
    "public_drunkenness",
    "burglary_residential",
    "burglary_non_residential",
    "vehicle_theft",
    "theft_from_vehicle",
    "theft_from_person",
    "bicycle_theft",
    "shoplifting",
    "theft_other",
    "fraud_forgery",
    "handling_stolen_goods",
    "drink_driving",
    "drug_supply",
    "drug_possession",
    "drug_paraphernalia",
    "overdose",
    "contact_stop",
    "other_offence",
)
DISCOVERIES = ("public", "police", "partner", "sensor")
CHANNELS = ("call", "tip", "survey", "officer", "partner", "sensor")
SUBJECTS = ("dealing", "fear", "paraphernalia", "overdose")
ACTIVITIES = ("possession", "supply", "production", "paraphernalia")
SUBSTANCES = ("heroin", "crack", "cocaine", "cannabis")
SETTINGS = ("open_air", "house", "online")
ROLES = ("suspect", "charged", "convicted", "no_further_action", "victim", "witness")
STATUSES = ("recorded", "amended", "cancelled")

CODE = {word: number for number, word in enumerate(CODES)}
DISCOVERY = {word: number for number, word in enumerate(DISCOVERIES)}
CHANNEL = {word: number for number, word in enumerate(CHANNELS)}
SUBJECT = {word: number for number, word in enumerate(SUBJECTS)}
ACTIVITY = {word: number for number, word in enumerate(ACTIVITIES)}
SETTING = {word: number for number, word in enumerate(SETTINGS)}
ROLE = {word: number for number, word in enumerate(ROLES)}
STATUS = {word: number for number, word in enumerate(STATUSES)}
NONE = -1

# The channel through which each kind of discovery is first told; the public also sends tips.
FIRST_CHANNEL = (CHANNEL["call"], CHANNEL["officer"], CHANNEL["partner"], CHANNEL["sensor"])
