"""How a stage is called: as the plain function it is, or by a caller that wraps it, as a Prefect task."""

from collections.abc import Callable
from typing import Any

Call = Callable[..., Any]


def direct(stage: Callable[..., Any], *arguments: Any) -> Any:
    """Call a stage as the function it is."""
    return stage(*arguments)
