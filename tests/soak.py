"""How hard a soak test tries: a sample of itself in `make test-all`, the whole in `make soak`."""

import os
from typing import TypeVar

Amount = TypeVar("Amount")

IS_WHOLE = os.environ.get("HARMSPOT_SOAK") == "1"


def sample(few: Amount, *, whole: Amount) -> Amount:
    """Return what `make test-all` does of it, or the whole under HARMSPOT_SOAK=1, as `make soak` sets it."""
    return whole if IS_WHOLE else few
