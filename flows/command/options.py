"""Options that several verbs share, and the home they all work on."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

import click

# Options that are free words, which are logged, recorded or published: nobody is to be named in them.
WORDS = (
    "actor", "agreement_id", "breach", "by", "comparison", "detail", "found", "outcome", "purpose", "reader", "reason",
    "recipient",
)  # fmt: skip


class Day(click.ParamType):
    """A calendar date."""

    name = "DATE"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date such as 2019-12-01", param, context)


def pass_home(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give the verb its `Home` as first argument, importing what that needs only now."""

    @functools.wraps(verb)
    def with_home(*arguments: Any, **options: Any) -> Any:
        from flows.home.home import Home

        path, config_file, clock = click.get_current_context().obj
        home = Home(path, config_file, clock)
        home.refuse_mentions({f"--{name.replace('_', '-')}": options[name] for name in WORDS if name in options})
        return verb(home, *arguments, **options)

    return with_home


def json_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(verb)


def reading_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--purpose` and `--reader`, without which nothing about people is read."""
    verb = click.option("--reader", metavar="NAME", help="Who reads; required for people, and logged.")(verb)
    return click.option("--purpose", metavar="TEXT", help="Why; required for people, and logged.")(verb)


def known_at_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--known-at`."""
    from flows.command import Moment

    return click.option(
        "--known-at",
        type=Moment(),
        help="Use only what had been ingested by then (default: all of it).",
    )(verb)
