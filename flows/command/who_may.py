"""Who may call a verb: the one place where each call is let in or refused.

On a home for rehearsals names are typed. On every other home the user who is logged in acts, as far as the role goes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import AccessError

if TYPE_CHECKING:
    from flows.home.home import Home
    from pipeline.users.session import Session

NAMES = ("by", "actor", "reader")  # options that name who acts or reads
ACTORS = ("by", "actor")
OF_SESSIONS = ("login", "logout")


def admit(home: "Home", options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the verb that is called, completed with who acts; `home.session` is then the user's.

    Raises
    ------
    AccessError
        Nobody is logged in who may call it, a name is typed that may not be, or a text says nothing.
    """
    from flows.users.admission import refuse_empty_words
    from models.users.roles import ANYONE, MAY

    context = click.get_current_context()
    verbs = asked(context, options)
    needs_user = any(MAY[verb] is not ANYONE for verb in verbs)
    refuse_empty_words(options, "--{}")
    if home.is_rehearsal:
        return _rehearsed(context, home, options, needs_user=needs_user)
    _refuse_typed(home, options)
    if needs_user or verbs[0] in OF_SESSIONS:
        _refuse_clock(home)
    if not needs_user:
        return options
    home.session = _let_in(home, verbs, options)
    own = {name: home.session.user_id for name in NAMES if name in options}
    return options | own | _purpose(verbs, options, home.session)


@contextmanager
def marking_reads(home: "Home") -> Iterator[None]:
    """Log and mark what the verb that is called reads, or why a rule refused it."""
    from flows.users import admission

    with admission.marking_reads(home, verb_of(click.get_current_context())):
        yield


def asked(context: click.Context, options: Mapping[str, Any]) -> list[str]:
    """Return the rows of the table of roles that a call asks for: its verb, and its parts that have a row."""
    from models.users.roles import MAY

    verb = verb_of(context)
    parts = []
    for param in context.command.params:
        value = options.get(param.name or "")
        if isinstance(param, click.Argument) and isinstance(value, str):
            parts.append(f"{verb} {value}")
        elif value is True:
            parts += [f"{verb} {flag}" for flag in param.opts]
    return [verb, *(part for part in parts if part in MAY)]


def verb_of(context: click.Context) -> str:
    """Return the words of a verb, such as `lists open`."""
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(words)


def _rehearsed(context: click.Context, home: "Home", options: dict[str, Any], *, needs_user: bool) -> dict[str, Any]:
    """Return the options as typed, their names checked; say that it is a rehearsal where people are concerned."""
    from flows.users.admission import refuse_odd_name

    for name in ACTORS:
        if name in options and options[name] is None:
            raise click.UsageError(f"Missing option '--{name}'.", context)
    for name in NAMES:
        typed = options.get(name)
        if typed:
            refuse_odd_name(typed, f"--{name}")
    if not options.get("as_json") and (needs_user or verb_of(context) in FEEDS):
        said = REHEARSAL if needs_user else INVENTED
        click.secho(said.format(home=home.path), fg="yellow", err=True)
    return options


FEEDS = ("load", "ingest", "stream")
INVENTED = "REHEARSAL: home {home} is for invented people; load no real ones"
REHEARSAL = "REHEARSAL: home {home} has invented people, and names are typed; nothing in it may be used"


def _refuse_typed(home: "Home", options: Mapping[str, Any]) -> None:
    for name in NAMES:
        if options.get(name):
            raise AccessError(
                f"--{name} is for rehearsals (init --rehearsal); in home {home.path} it is who is logged in: "
                f"harmspot --home {home.path} login NAME"
            )


def _refuse_clock(home: "Home") -> None:
    if home.clock is not None:
        raise AccessError(
            f"--clock (HARMSPOT_CLOCK) is for places and rehearsals; in home {home.path} people are read and decided "
            "on by the clock of the system: leave it out"
        )


def _let_in(home: "Home", verbs: list[str], options: Mapping[str, Any]) -> "Session":
    """Return the session of the user who calls; AccessError, logged, if there is none who may."""
    from flows.users.accounts import HOLDER
    from flows.users.admission import let_in
    from flows.users.login import UNKNOWN, refused
    from flows.users.session_file import read_token

    has_users = home.has_users
    if options.get("with_key") or (verbs[0] == "users add" and not has_users):
        return HOLDER
    if not has_users:
        raise AccessError(
            f"home {home.path} has no users, and people are read and decided on by users. The first administrator, "
            f"with the home's key: harmspot --home {home.path} users add NAME --role administrator. (In "
            "rehearsals, init --rehearsal, names are typed instead: --by or --reader, with --purpose.)"
        )
    token = read_token(home)
    if token is None:
        why = f"nobody is logged in; harmspot --home {home.path} login NAME"
        raise refused(home, UNKNOWN, why)
    return let_in(home, token, verbs)


def _purpose(verbs: list[str], options: Mapping[str, Any], session: "Session") -> dict[str, Any]:
    """Return the purpose of the session, where none is typed and the verb needs none of its own."""
    from models.users.roles import OWN_PURPOSE

    if "purpose" not in options or options["purpose"] or OWN_PURPOSE & set(verbs):
        return {}
    return {"purpose": session.purpose}
