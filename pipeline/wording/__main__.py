"""Commands for who writes the messages: `python -m pipeline.wording` and `… template FILE.po`."""

import sys
from pathlib import Path

from pipeline.wording.extraction import template, update_all

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            sys.stdout.write(update_all())
        case ["template", name]:
            Path(name).write_bytes(template())
            sys.stdout.write(f"{name}: write a translation under each message and name the file as force.messages\n")
        case _:
            sys.exit("usage: python -m pipeline.wording [template FILE.po]")
