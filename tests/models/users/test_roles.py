"""The table of roles: every verb of the command has a row, and every row is a verb."""

from collections.abc import Iterator

import click
import pytest

from flows.command import cli
from flows.command.show import TABLES, shown_table
from models.users.roles import ANYONE, LIST_TABLES, MAY, OWN_PURPOSE, PEOPLE_TABLES, ROLES, may, need_a_person


def verbs(command: click.Command = cli, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """The verbs of the command tree."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from verbs(command.get_command(context, name), (*words, name))  # type: ignore[arg-type]
    else:
        yield " ".join(words), command


VERBS = dict(verbs())


def test_every_verb_has_a_row_and_every_row_is_a_verb_or_a_part_of_one() -> None:
    assert VERBS.keys() <= MAY.keys()
    for row in MAY.keys() - VERBS.keys():
        verb, part = row.rsplit(" ", 1)
        flags = [flag for param in VERBS[verb].params for flag in param.opts]
        kinds = [kind for param in VERBS[verb].params for kind in getattr(param.type, "choices", ())]
        assert part in (*flags, *kinds) or (verb == "show" and part in TABLES), row
    assert {role for roles in MAY.values() for role in roles} == {None, *ROLES}


def test_every_verb_that_needs_a_user_asks_who_it_is() -> None:
    asking = {name for name, command in VERBS.items() if getattr(command.callback, "asks_who", False)}
    assert {name for name in VERBS if MAY[name] is not ANYONE} <= asking
    assert {*VERBS} - asking == {"demo", "new-city"}  # which make homes of their own


def test_every_verb_that_names_who_acts_or_reads_needs_a_user() -> None:
    naming = {name for name, command in VERBS.items() if {"by", "actor", "reader"} & {p.name for p in command.params}}
    of_places_too = {"show", "notices list", "audit draft"}  # people have rows of parts
    assert {name for name in naming if MAY[name] is ANYONE} == of_places_too


def test_every_table_of_people_has_a_row() -> None:
    assert {name for name in TABLES if shown_table(name).is_about_people} == set(PEOPLE_TABLES)
    assert {f"show {name}" for name in LIST_TABLES} <= OWN_PURPOSE <= MAY.keys()


def test_nobody_reads_people_or_decides_on_them_without_a_role() -> None:
    places = {row for row in MAY if None in MAY[row]}
    assert not {row for row in places if row.split()[0] in ("lists", "users")}
    assert {row for row in places if row.split()[0] in ("audit", "notices")} == {
        "audit draft",
        "audit register",
        "notices list",
    }


@pytest.mark.parametrize(
    ("role", "allowed", "forbidden"),
    [
        (None, ["show", "run", "login"], ["show people", "lists show", "explain person", "users list", "audit verify"]),
        ("reader", ["show people", "explain person", "audit export"], ["lists open", "notices review", "plan record"]),
        ("planner", ["lists open", "notices review"], ["lists approve", "notices approve", "audit erase"]),
        ("supervisor", ["lists approve", "lists export", "plan embargo"], ["users add", "audit record", "users list"]),
        ("auditor", ["audit record", "users list", "audit erase"], ["lists approve", "lists export", "notices review"]),
        ("administrator", ["users add", "audit verify"], ["show people", "explain person", "lists approve"]),
    ],
)  # fmt: skip
def test_what_a_role_may(role: str | None, allowed: list[str], forbidden: list[str]) -> None:
    assert all(may(role, [verb]) for verb in allowed)
    assert not any(may(role, [verb]) for verb in forbidden)


def test_a_part_needs_its_own_row_and_that_of_its_verb() -> None:
    assert not may("reader", ["show", "show people", "show --resolve"])
    assert may("supervisor", ["show", "show people", "show --resolve"])
    with pytest.raises(KeyError):
        may("supervisor", ["a verb of tomorrow"])


def test_whoever_decides_is_a_person() -> None:
    """A token is of a service, and whoever made it knows it: a second person it is not."""
    decides = {
        row
        for row in MAY
        if row.split()[0] in ("lists", "notices", "plan", "audit", "users")
        and row.split()[-1] in ("open", "approve", "register", "evaluate", "override", "review", "serve", "record")
        and MAY[row] is not ANYONE
    }
    assert {"lists open", "notices review", "audit record"} < decides
    further = {"users add", "users token", "users reset", "audit erase", "plan embargo", "plan lift", "show --resolve"}
    for row in decides | further:
        assert need_a_person([row]) == [row]
    assert not need_a_person(["show", "show people", "lists export", "lists revoke", "run"])


def test_groups_are_joined_to_people_by_auditors_alone() -> None:
    assert {role for role in (None, *ROLES) if may(role, ["audit draft", "audit draft fairness"])} == {"auditor"}
    assert need_a_person(["audit draft", "audit draft fairness"]) == ["audit draft fairness"]
