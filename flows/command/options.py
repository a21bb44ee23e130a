"""Options shared by several verbs, and the decorator that passes the home."""

import functools
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.command.who_may import admit, marking_reads
from flows.home import log
from pipeline.errors import HarmspotError, SettingsError
from pipeline.local_time import reading_in
from pipeline.near_words import did_you_mean

if TYPE_CHECKING:
    from flows.home.home import Home

# Free-text options, which are logged, recorded or published: they must not name a person.
FREE_TEXT = (
    "actor", "agreement_id", "breach", "by", "comparison", "detail", "found", "outcome", "purpose", "reader", "reason",
    "recipient",
)  # fmt: skip


FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
PATH = click.Path(path_type=Path)
COUNT = click.IntRange(1)
ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


class NearGroup(click.Group):
    """A group that names the nearest verb to an unknown one."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named verb; fail with the nearest one."""
        if args and not args[0].startswith("-") and self.get_command(context, args[0]) is None:
            near = did_you_mean(args[0], self.list_commands(context), listing="verbs are")
            context.fail(f"no verb {args[0]!r}; {near}")
        return super().resolve_command(context, args)


class NearChoice(click.Choice):
    """A choice that names the nearest word to an unknown one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is said of a word that is none of the choices."""
        return f"{value!r} is not known; {did_you_mean(str(value), map(str, self.choices), listing='choose from')}"


class Amount(click.FloatRange):
    """A finite number from zero up: click's range lets `nan` pass."""

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> float:
        """Return the number; fail if it is negative or not finite."""
        amount = float(super().convert(value, param, context))  # type: ignore[arg-type] # click's own takes any value
        if not math.isfinite(amount):
            self.fail(f"{value!r} is not a finite number", param, context)
        return amount


class Day(click.ParamType):
    """A calendar date."""

    name = "DATE"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> date:
        """Return the date; fail if the value is not an ISO 8601 date."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2019-12-01", param, context)


class Moment(click.ParamType):
    """An ISO 8601 date-time with a time zone."""

    name = "ISO8601"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> datetime:
        """Return the time in UTC; fail if it cannot be parsed or has no time zone."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time such as 2019-12-01T05:00:00Z", param, context)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone; add Z or an offset such as +01:00", param, context)
        return moment.astimezone(UTC)


class Listening(click.ParamType):
    """A port to listen on, on loopback unless a host stands before it."""

    name = "[HOST:]PORT"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> tuple[str, int]:
        """Return host and port."""
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not a port such as 9108 or 0.0.0.0:9108", param, context)
        return host.strip("[]") or "127.0.0.1", int(port)


def pass_home(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Pass a `Home` to the verb as its first argument; refuse a home that is missing or of another force.

    A verb that reads a run is refused one of another home, and preceded by a warning if the run is unusable.

    Its modules are imported only when the verb is called.
    """
    return _passing(verb, is_needed=True)


def pass_any_home(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Pass a `Home` that may be missing: to a verb that makes it, or that takes only settings and clock from it."""
    return _passing(verb, is_needed=False)


def _passing(verb: Callable[..., Any], *, is_needed: bool) -> Callable[..., Any]:
    @functools.wraps(verb)
    def with_home(*arguments: Any, **options: Any) -> Any:
        home = _chosen_home()
        with reading_in(lambda: _zone_of(home)):
            return in_zone(home, arguments, options)

    def in_zone(home: "Home", arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        with suppress(SettingsError):  # the verb says what is wrong with the settings
            _ = home.settings
        if "settings" in vars(home):
            log.follow(home.settings.log)
        if is_needed:
            home.require()
        options = admit(home, options)
        home.refuse_mentions({f"--{name.replace('_', '-')}": options[name] for name in FREE_TEXT if name in options})
        if "run_id" in options:
            from flows.command.printing import say_unusable

            home.refuse_foreign_publication()
            say_unusable(home, options["run_id"])
        with marking_reads(home):
            return verb(home, *arguments, **options)

    with_home.asks_who = True  # type: ignore[attr-defined] # a test looks for verbs that ask nobody
    return with_home


def _zone_of(home: "Home") -> tzinfo:
    """Return the zone of a home's force; UTC where its settings cannot be read."""
    try:
        return home.settings.force.zone
    except HarmspotError:
        return UTC


def _chosen_home() -> "Home":
    from flows.home.home import Home

    path, config_file, clock = click.get_current_context().obj
    return Home(path, config_file, clock)


def prefect_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--without-prefect`; else start the home's Prefect server before the verb imports anything.

    The verb gets `wait_for_server`, which waits until the server answers; None without Prefect. It imports Prefect's
    flows, which read the server's address when they are imported, and then waits. Where the home or a named
    configuration is missing, the verb is called without a server, and says so.
    """

    @click.option("--without-prefect", is_flag=True, help="Call the stages directly, without Prefect flow records.")
    @functools.wraps(verb)
    def with_server(*arguments: Any, without_prefect: bool, **options: Any) -> Any:
        path, config_file, _ = click.get_current_context().obj
        is_in_place = (path / "store.duckdb").exists() and (config_file is None or config_file.is_file())
        if without_prefect or not is_in_place:
            return verb(*arguments, wait_for_server=None, **options)
        from flows.schedule.prefect_server import prefect_server

        if config_file is not None:
            _chosen_home().require()  # before the server makes its folder
        with prefect_server(path) as wait_for_server:
            return verb(*arguments, wait_for_server=wait_for_server, **options)

    return with_server


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
run_option = click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
area_set_option = click.option(
    "--set", "area_set", metavar="NAME", help="Set of areas, such as beat (default: the main one)."
)
limit_option = click.option("--limit", type=COUNT, default=20, help="Rows printed; --json prints all.")
page_option = click.option("--out", type=FILE, help="Page with plots to write.")
known_at_option = click.option(
    "--known-at", type=Moment(), help="Use only data ingested by this time (default: all data)."
)


metrics_option = click.option(
    "--metrics-port", "listening", type=Listening(), help="Answer /metrics, /livez and /readyz there (0: a free port)."
)
password_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
reason_option = click.option("--reason", metavar="TEXT", required=True, help="Reason, in a sentence.")


def acting_option(name: str = "--by") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that names who acts; required in rehearsals, and refused elsewhere (`who_may.admit`)."""
    return click.option(name, metavar="NAME", help="Who is accountable: in rehearsals; else it is who is logged in.")


by_option = acting_option()


def reading_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--purpose` and `--reader`, which every read of data about people requires."""
    verb = click.option("--reader", metavar="NAME", help="Who reads: in rehearsals; else it is who is logged in.")(verb)
    return click.option(
        "--purpose", metavar="TEXT", help="Purpose of the read, logged; of a list its own, else that of the session."
    )(verb)
