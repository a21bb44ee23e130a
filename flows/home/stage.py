"""How a stage is called: directly as a function, or through a wrapper, such as a Prefect task."""

from collections.abc import Callable
from typing import Any

Call = Callable[..., Any]


def direct(stage: Callable[..., Any], *arguments: Any) -> Any:
    """Call a stage directly."""
    return stage(*arguments)
