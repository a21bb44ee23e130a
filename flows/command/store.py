"""`harmspot store`: move the store of a home to a database that many streams write at once, and back."""

from typing import TYPE_CHECKING

import click

from flows.command.options import NearChoice, NearGroup, json_option, pass_home
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home.home import Home


@click.group("store", cls=NearGroup)
def command() -> None:
    """Move the store of a home: to PostgreSQL, which many streams write at once, and back to its file.

    \b
    Examples:
      harmspot --home city store move --to postgresql postgresql://harmspot@db.example/city
      harmspot --home city store move --to duckdb
    """


@command.command("move")
@click.option("--to", "engine", type=NearChoice(["duckdb", "postgresql"]), required=True, help="Where to keep it.")
@click.argument("address", required=False)
@json_option
@pass_home
def move(home: "Home", engine: str, address: str | None, as_json: bool) -> None:
    """Move the store to the database at ADDRESS, or back to the file; rows and hash of every table on both sides.

    Stop the streams first, and start them again afterwards: the home knows where its store is. If a table differs,
    nothing is moved. The file of before stays as store.duckdb.before-move; on the way back the database is emptied.

    \b
    Examples:
      harmspot --home city store move --to postgresql postgresql://harmspot@db.example/city
      harmspot --home city store move --to duckdb
    """
    from flows.health.moving import move_store

    print_frame(move_store(home, engine, address), title=f"store of {home.path}, now in {engine}", as_json=as_json)
