"""What was read of an object is kept with that object, since neither changes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.base.resources import Resource

Kept = TypeVar("Kept")
Rest = ParamSpec("Rest")


def per_object(
    make: Callable[Concatenate[Resource, Rest], Kept],
) -> Callable[Concatenate[Resource, Rest], Kept]:
    """Keeps what a pure function reads of an object (with these further arguments) with that object."""

    @wraps(make)
    def keeping(resource: Resource, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Kept:
        key = (make, args, *kwargs.items())
        if key not in resource.lookups:
            resource.lookups[key] = make(resource, *args, **kwargs)
        value: Kept = resource.lookups[key]
        return value

    return keeping
