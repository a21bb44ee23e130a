"""`harmspot logout`: end a session."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("logout")
@pass_home
def command(home: "Home") -> None:
    """End your session, here and in the home.

    \b
    Example:
      harmspot --home city logout
    """
    from flows.users.login import log_out
    from flows.users.session_file import file_of, read_token

    if token := read_token(home):
        log_out(home, token)
    file_of(home).unlink(missing_ok=True)
    click.echo("logged out")
