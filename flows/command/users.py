"""`harmspot users`: who may use a home, in which role."""

from typing import TYPE_CHECKING

import click

from flows.command.options import COUNT, NearChoice, NearGroup, json_option, pass_home, password_option
from models.users.roles import ROLES

if TYPE_CHECKING:
    from flows.home.home import Home

role_option = click.option("--role", type=NearChoice(ROLES), required=True, help="What the user may do; docs/users.md.")


@click.group("users", cls=NearGroup)
def command() -> None:
    """Add users, give them roles and tokens, disable them. The first one is an administrator, made with the home's key.

    \b
    Examples:
      harmspot --home city users add "A. Admin" --role administrator
      harmspot --home city users add "J. Reyes" --role supervisor
      harmspot --home city users list
    """


@command.command("add")
@click.argument("name")
@role_option
@click.option("--token-only", is_flag=True, help="Of an unattended service: no password, tokens alone.")
@password_option
@pass_home
def add(home: "Home", name: str, role: str, token_only: bool, password_stdin: bool) -> None:
    """Add the user NAME, who is known by that name for good; one that looks like another is refused.

    \b
    Examples:
      harmspot --home city users add "J. Reyes" --role supervisor
      harmspot --home city users add "Nightly export" --role supervisor --token-only
    """
    from flows.command.asking import ask_password
    from flows.users.accounts import add_user, refuse_rehearsal

    refuse_rehearsal(home)
    password = None if token_only else ask_password(password_stdin, is_new=True)
    user = add_user(home, name, role, password)
    click.echo(f"added {user.user_id}, {user.role}")


@command.command("role")
@click.argument("name")
@role_option
@pass_home
def role(home: "Home", name: str, role: str) -> None:
    """Give the user NAME another role; it counts at once.

    \b
    Example:
      harmspot --home city users role "J. Reyes" --role planner
    """
    from flows.users.accounts import set_role

    user = set_role(home, name, role)
    click.echo(f"{user.user_id} is now {user.role}")


@command.command("disable")
@click.argument("name")
@pass_home
def disable(home: "Home", name: str) -> None:
    """Disable the user NAME for good: sessions and tokens end, and approvals that nobody has acted on are void.

    \b
    Example:
      harmspot --home city users disable "J. Reyes"
    """
    from flows.home.store_access import open_home_store
    from flows.human_log.ledger import void_events
    from flows.users.accounts import disable

    user = disable(home, name)
    with open_home_store(home) as store:
        count = len(void_events(store.ledger(), {user.look}))
    click.echo(f"{user.user_id} is disabled; {count:,} decisions that nobody had acted on are void")


@command.command("reset")
@click.argument("name")
@click.option("--with-key", is_flag=True, help="With the home's key, on its machine, instead of an administrator.")
@password_option
@pass_home
def reset(home: "Home", name: str, with_key: bool, password_stdin: bool) -> None:
    """Give the user NAME a new password; sessions and tokens end. Another administrator does it, or --with-key.

    \b
    Example:
      harmspot --home city users reset "J. Reyes"
    """
    from flows.command.asking import ask_password
    from flows.users.accounts import find_user, reset_password

    find_user(home, name)  # before anybody is asked
    user = reset_password(home, name, ask_password(password_stdin, is_new=True))
    click.echo(f"{user.user_id} has a new password; earlier sessions and tokens ended")


@command.command("password")
@password_option
@pass_home
def password(home: "Home", password_stdin: bool) -> None:
    """Change your own password: the old one is asked, then the new one twice; your sessions end.

    With --password-stdin the first line is the old password, the second the new one.

    \b
    Example:
      harmspot --home city users password
    """
    from flows.command.asking import ask_password
    from flows.users.accounts import change_password

    old = ask_password(password_stdin, is_new=False)
    user = change_password(home, old, ask_password(password_stdin, is_new=True))
    click.echo(f"{user.user_id} has a new password; log in again with it")


@command.command("token")
@click.argument("name")
@click.option("--days", type=COUNT, default=90, help="Days for which it is valid, at most 366.")
@click.option("--revoke", is_flag=True, help="Revoke all tokens and sessions of the user instead.")
@pass_home
def token(home: "Home", name: str, days: int, revoke: bool) -> None:
    """Print a token of the user NAME, once: it is kept nowhere. Or revoke all that the user has.

    \b
    Examples:
      harmspot --home city users token "Nightly export" --days 90
      harmspot --home city users token "Nightly export" --revoke
    """
    from flows.users.accounts import give_token, revoke_tokens

    if revoke:
        click.echo(f"{revoke_tokens(home, name).user_id} has no valid token or session left")
        return
    text, expires_at = give_token(home, name, days)
    click.echo(f"valid until {home.local_text(expires_at)}, shown only now:", err=True)
    click.echo(text)


@command.command("list")
@json_option
@pass_home
def list_(home: "Home", as_json: bool) -> None:
    """Print the users with their roles, also those disabled.

    \b
    Example:
      harmspot --home city users list
    """
    from flows.command.printing import print_frame
    from flows.users.accounts import user_rows

    rows = user_rows(home)
    print_frame(rows, title=f"users: {len(rows)}", as_json=as_json)
