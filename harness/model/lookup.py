"""Tables that are made of a state once, and then asked for every request."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.state import State

Found = TypeVar("Found")


def per_state(make: Callable[[State], Found]) -> Callable[[State], Found]:
    """Keeps what a pure function of a state returns for as long as that state lives.

    States don't change, so neither does what is found in one. A request then costs what it touches, and not
    what the estate holds: rules look objects up (by host, by Service, by namespace), none goes through all.
    """

    @wraps(make)
    def found(state: State) -> Found:
        if make not in state.lookups:
            state.lookups[make] = make(state)
        kept: Found = state.lookups[make]
        return kept

    return found
