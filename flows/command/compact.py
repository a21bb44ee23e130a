"""`harmspot compact`: rewrite the databases of a home to their least size."""

from typing import TYPE_CHECKING

import click

from flows.command.options import json_option, pass_home
from flows.command.printing import print_frame

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("compact")
@json_option
@pass_home
def command(home: "Home", as_json: bool) -> None:
    """Write store, publications and users anew without free space; their rows stay the same, and streams go on.

    It needs the room of the largest of these files.

    \b
    Example:
      harmspot --home city compact
    """
    from flows.health.rewriting import compact

    print_frame(compact(home), title=f"sizes in bytes of the files of {home.path}", as_json=as_json)
