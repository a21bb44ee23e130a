"""Roles of users, and the table of who may do what: one row for each verb of the command.

A row may name a part of a verb: with a word (`show people`) or a flag (`show --resolve`). Whoever uses the part must be
in its row and in that of the verb.
"""

from collections.abc import Iterable, Mapping

ROLES = ("reader", "planner", "supervisor", "auditor", "administrator")
Roles = tuple[str | None, ...]  # None: somebody who is not logged in

ANYONE: Roles = (None, *ROLES)
READS: Roles = ("reader", "planner", "supervisor", "auditor")
PLANS: Roles = ("planner", "supervisor")
STOPS: Roles = ("planner", "supervisor", "auditor")  # takes enforcement back, or must know of it
DECIDES: Roles = ("supervisor",)
ERASES: Roles = ("supervisor", "auditor")
AUDITS: Roles = ("auditor",)
WATCHES: Roles = ("supervisor", "auditor", "administrator")
ADMINISTERS: Roles = ("administrator",)

# Lists of people and other tables about them, as `show` names them.
LIST_TABLES = ("people", "warrants", "dealers", "call-in", "referrals", "safeguarding")
PEOPLE_TABLES = (*LIST_TABLES, "person-notices", "person-notice-states", "person-changes")

MAY: Mapping[str, Roles] = {
    # Places, and what a service does unattended: nobody is shown.
    **dict.fromkeys(("demo", "init", "upgrade", "new-city", "simulate", "doctor", "web", "login", "logout"), ANYONE),
    **dict.fromkeys(
        ("load", "ingest", "stream", "run", "backfill", "late", "schedule", "replay", "layers", "brief"), ANYONE
    ),
    **dict.fromkeys(("backup", "restore", "compact", "store move"), ANYONE),  # nobody is shown, the key stays
    **dict.fromkeys(("forecast", "promises", "dead-letters", "audit draft", "audit register"), ANYONE),
    **dict.fromkeys(
        (f"evaluate {each}" for each in ("areas", "forecast", "near-repeat", "nij", "operation", "outcomes", "people")),
        ANYONE,
    ),
    **dict.fromkeys((f"explain {each}" for each in ("area", "cell", "incident")), ANYONE),
    **dict.fromkeys((f"plan {each}" for each in ("areas", "benefit", "crackdowns", "focus", "visits")), ANYONE),
    **dict.fromkeys(("plan sheet", "plan rehearse", "show", "notices list"), ANYONE),
    # People.
    **dict.fromkeys((f"show {table}" for table in PEOPLE_TABLES), READS),
    "show --resolve": DECIDES,
    "explain person": READS,
    "notices list --people": READS,
    "notices show": READS,
    **dict.fromkeys(("lists show", "lists effects", "audit status", "audit export"), READS),
    "lists open": PLANS,  # whoever opens a list is one of the two people who decide on it
    **dict.fromkeys(("lists register", "lists evaluate", "lists approve", "lists override", "lists export"), DECIDES),
    "lists revoke": STOPS,
    # Notices and operations.
    **dict.fromkeys((f"notices {each}" for each in ("review", "serve", "keep", "fail", "deliver")), PLANS),
    **dict.fromkeys((f"notices {each}" for each in ("represent", "contest", "withdraw")), STOPS),
    "notices approve": DECIDES,
    **dict.fromkeys(("plan register", "plan record", "plan evaluate"), PLANS),
    **dict.fromkeys(("plan embargo", "plan lift"), DECIDES),
    "plan embargoes": STOPS,
    # Audits.
    **dict.fromkeys(("audit record", "audit draft fairness"), AUDITS),
    "evaluate grade": PLANS,
    "audit embargoes": ERASES,
    **dict.fromkeys(("audit erase", "audit subject"), ERASES),
    **dict.fromkeys(("audit verify", "audit anchor", "retain"), WATCHES),
    "audit clock": ADMINISTERS,
    # Users.
    **dict.fromkeys((f"users {each}" for each in ("add", "role", "disable", "reset", "token")), ADMINISTERS),
    "users list": ("auditor", "administrator"),
    "users password": ROLES,
    "rotate-key": ADMINISTERS,
}
# A purpose is stated for each list; for the rest, that of the session counts.
OWN_PURPOSE = frozenset({"lists open", "lists export", *(f"show {table}" for table in LIST_TABLES)})
# What a service does with a token, which is no person: it reads, exports, and takes enforcement back.
UNATTENDED = frozenset(
    {"lists export", "notices deliver", "users list"}
    | {verb for verb, roles in MAY.items() if roles in (READS, STOPS, WATCHES)}
)


def may(role: str | None, verbs: Iterable[str]) -> bool:
    """Return whether a role (None: nobody is logged in) may do all of the verbs; KeyError if the table lacks one."""
    return all(role in MAY[verb] for verb in verbs)


def need_a_person(verbs: Iterable[str]) -> list[str]:
    """Return the verbs that somebody who has logged in with a password does, not whoever has a token."""
    return [verb for verb in verbs if MAY[verb] is not ANYONE and verb not in UNATTENDED]
