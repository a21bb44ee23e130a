"""How a stage is called: directly as a function, or through a wrapper, such as a Prefect task."""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Call(Protocol):
    """Calls a stage with its arguments and returns its result; mypy checks both."""

    def __call__(self, stage: Callable[P, R], /, *arguments: P.args, **options: P.kwargs) -> R:
        """Call the stage."""


def direct(stage: Callable[P, R], /, *arguments: P.args, **options: P.kwargs) -> R:
    """Call a stage directly."""
    return stage(*arguments, **options)
