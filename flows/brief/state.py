"""How the latest morning brief of a home ended, in `brief/last.json`: its run, and what went wrong."""

import json
from dataclasses import asdict, dataclass

from flows.home.home import Home
from pipeline.complete_file import write_complete

NAME = "last.json"


@dataclass(frozen=True, slots=True)
class LastBrief:
    """The latest brief that a daily run was to write; `mailed_run_id` is of the latest that was mailed.

    `mail_problem` is why nobody got it or, where its run is the mailed one, why some did not.
    """

    run_id: str
    problem: str | None = None
    mailed_run_id: str | None = None
    mail_problem: str | None = None


def read_last_brief(home: Home) -> LastBrief | None:
    """Return how the latest brief ended, None if there was none or the file cannot be read."""
    try:
        return LastBrief(**json.loads((home.briefs / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_last_brief(home: Home, last: LastBrief) -> None:
    """Record how the latest brief ended."""
    home.briefs.mkdir(exist_ok=True)
    write_complete(home.briefs / NAME, json.dumps(asdict(last), indent=1).encode())
