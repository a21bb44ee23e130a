"""Benefit cases of proposed arrests and operations, read from a file."""

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd

from models.operations.benefit import NUMBERS, weigh
from pipeline.errors import SourceError
from pipeline.given_yaml import read_given_yaml
from pipeline.near_words import did_you_mean
from pipeline.privacy.pii_guard import PSEUDONYM

KINDS = ("arrest", "operation")


def weigh_file(path: Path) -> pd.DataFrame:
    """Return the verdicts (`models.operations.benefit.weigh`) on a YAML list of proposals.

    Each has proposal_id, kind (arrest or operation) and any of `models.operations.benefit.NUMBERS`.

    Raises
    ------
    SourceError
        If a proposal is invalid. The error gives its position in the file, not its id, which might identify a person.
    """
    try:
        content: Any = read_given_yaml(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"proposals {path}: not readable as YAML: {getattr(error, 'strerror', error)}") from None
    if not isinstance(content, list) or not content:
        raise SourceError(f"proposals {path}: expected a list of proposals")
    for number, proposal in enumerate(content, start=1):
        _check(path, number, proposal)
    ids = [str(proposal["proposal_id"]) for proposal in content]
    if repeated := [number for number, own in enumerate(ids, start=1) if ids.index(own) < number - 1]:
        raise SourceError(f"proposals {path}, proposal {repeated[0]}: its proposal_id is that of an earlier one")
    return weigh(pd.DataFrame(content))


def _check(path: Path, number: int, proposal: Any) -> None:
    where = f"proposals {path}, proposal {number}"
    if not isinstance(proposal, dict) or not {"proposal_id", "kind"} <= set(proposal):
        raise SourceError(f"{where}: expected at least proposal_id and kind")
    if re.search(PSEUDONYM, str(proposal["proposal_id"])):
        raise SourceError(f"{where}: proposal_id names a person; give the proposal its own number")
    if proposal["kind"] not in KINDS:
        raise SourceError(f"{where}: kind={proposal['kind']!r}: expected {' or '.join(KINDS)}")
    if unknown := sorted(map(str, set(proposal) - {"proposal_id", "kind", *NUMBERS})):
        raise SourceError(f"{where}: unknown {unknown[0]!r}; {did_you_mean(str(unknown[0]), NUMBERS)}")
    for name in filter(proposal.__contains__, NUMBERS):
        value = proposal[name]
        if isinstance(value, bool) or not isinstance(value, int | float | None) or not math.isfinite(value or 0):
            raise SourceError(f"{where}: {name} is not a number; write one such as 4.5, with a point")
