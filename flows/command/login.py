"""`harmspot login`: begin the session of a user."""

from typing import TYPE_CHECKING

import click

from flows.command.options import pass_home, password_option

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("login")
@click.argument("name")
@click.option("--purpose", metavar="TEXT", help="What you are going to do, in some words; logged with every read.")
@password_option
@pass_home
def command(home: "Home", name: str, purpose: str | None, password_stdin: bool) -> None:
    """Begin a session of 12 hours as the user NAME; it is kept beside your own configuration, for you alone.

    Lists of people ask for a purpose of their own. An unattended service has a token instead: HARMSPOT_TOKEN, or
    HARMSPOT_TOKEN_FILE with the path of a file that its owner alone can read (`harmspot users token`).

    \b
    Example:
      harmspot --home city login "J. Reyes" --purpose "morning tasking"
    """
    from flows.command.asking import ask, ask_password
    from flows.users.login import log_in
    from flows.users.session_file import write_session
    from pipeline.errors import AccessError

    if home.is_rehearsal:
        raise AccessError(f"home {home.path} is for rehearsals and has no users; type names with --by and --reader")
    purpose = purpose or ask("Purpose of this session", "--purpose TEXT")
    token = log_in(home, name, ask_password(password_stdin, is_new=False), purpose)
    path = write_session(home, token)
    click.echo(f"logged in for 12 hours; the session is in {path}; it ends sooner with: harmspot logout")
