"""Enumerated values of the event contract, and their numbers in the simulator's tables (−1 for none)."""

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
SUBSTANCES = ("heroin", "crack", "cocaine", "cannabis", "fentanyl")
SETTINGS = ("open_air", "house", "online")
ROLES = ("suspect", "charged", "convicted", "no_further_action", "victim", "witness")
STATUSES = ("recorded", "amended", "cancelled")

CODE = {name: number for number, name in enumerate(CODES)}
DISCOVERY = {name: number for number, name in enumerate(DISCOVERIES)}
CHANNEL = {name: number for number, name in enumerate(CHANNELS)}
SUBJECT = {name: number for number, name in enumerate(SUBJECTS)}
ACTIVITY = {name: number for number, name in enumerate(ACTIVITIES)}
SUBSTANCE = {name: number for number, name in enumerate(SUBSTANCES)}
SETTING = {name: number for number, name in enumerate(SETTINGS)}
ROLE = {name: number for number, name in enumerate(ROLES)}
STATUS = {name: number for number, name in enumerate(STATUSES)}
NONE = -1

# Channel of the first report by kind of discovery; the public also sends tips.
FIRST_CHANNEL = (CHANNEL["call"], CHANNEL["officer"], CHANNEL["partner"], CHANNEL["sensor"])
