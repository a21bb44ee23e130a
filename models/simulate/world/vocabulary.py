"""Enumerated values of the event contract, and their numbers in the simulator's tables (−1 for none)."""

from importlib import resources

import pandas as pd


def read_table(name: str) -> pd.DataFrame:
    """Return a table of `tables/`; an empty cell is an empty text."""
    with (resources.files("models.simulate.world") / "tables" / f"{name}.csv").open() as file:
        return pd.read_csv(file, keep_default_na=False)


# By code: share with a victim, what a correction makes of it, drug activity, and its share in each rate of people.
OFFENCES = read_table("offences")
CODES: tuple[str, ...] = tuple(OFFENCES["code"])
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
