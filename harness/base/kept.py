"""What was read of an object is kept with that object, since neither changes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.base.resources import Resource

Found = TypeVar("Found")
Rest = ParamSpec("Rest")


def per_object(
    make: Callable[Concatenate[Resource, Rest], Found],
) -> Callable[Concatenate[Resource, Rest], Found]:
    """Keeps what a pure function reads of an object (with these further arguments) with that object."""

    @wraps(make)
    def found(resource: Resource, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Found:
        key = (make, args, *kwargs.items())
        if key not in resource.lookups:
            resource.lookups[key] = make(resource, *args, **kwargs)
        kept: Found = resource.lookups[key]
        return kept

    return found
