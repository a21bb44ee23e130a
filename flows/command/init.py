"""`harmspot init`: create a home."""

from typing import TYPE_CHECKING

import click

from flows.command.asking import ask, ask_password, is_terminal
from flows.command.options import pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("init")
@click.option(
    "--same-force", is_flag=True, help="The configuration is of the home's own force, renamed or with new boundaries."
)
@click.option("--rehearsal", is_flag=True, help="A home with invented people, for good: names are typed in it.")
@pass_any_home
def command(home: "Home", same_force: bool, rehearsal: bool) -> None:
    """Create a home: its folder, key and empty store; or give a home another configuration of its force.

    `load` with --config, `new-city` and `demo` also create a home that is missing; no other verb does. A home learns
    from its areas which force it is of, and refuses the configuration of another. A force that is renamed and gets new
    boundaries at once looks like another: say then --same-force.

    On a terminal it asks for the first administrator, who adds the other users; `harmspot users add` does so later.

    \b
    Examples:
      harmspot --home city init
      harmspot --home city --config city.yaml init
      harmspot --home city --config renamed.yaml init --same-force
      harmspot --home training init --rehearsal
    """
    from flows.home.store_access import open_home_store

    home.is_same_force, home.is_for_rehearsals = same_force, rehearsal
    with home.made(), open_home_store(home):
        pass
    if not home.is_rehearsal and is_terminal() and not home.users.all():
        _add_administrator(home)
    click.echo(f"home {home.path}: store ready; next: harmspot --home {home.path} load FILE")


def _add_administrator(home: "Home") -> None:
    from flows.users.accounts import ADMINISTRATOR, add_user

    click.echo("Its first user is an administrator, who adds the others.", err=True)
    user = add_user(home, ask("Name of the administrator", "NAME"), ADMINISTRATOR, ask_password(False, is_new=True))
    click.echo(f"added {user.user_id}, {user.role}")
