"""Records with other values in some of their fields."""

from __future__ import annotations

from typing import Any, TypeVar

Record = TypeVar("Record")


def with_fields(record: Record, **values: Any) -> Record:
    """Returns what `dataclasses.replace` does, several times as fast; raises TypeError for an unknown field.

    For what changes on a request's way: records that are no more than their fields (nothing is derived of
    them when they are made or kept in them later, none has a default that must be its own).
    """
    fields = record.__dict__
    if not values.keys() <= fields.keys():
        unknown = ", ".join(sorted(values.keys() - fields.keys()))
        raise TypeError(f"{type(record).__name__} has no field {unknown}")
    changed = object.__new__(type(record))
    changed.__dict__.update(fields)
    changed.__dict__.update(values)
    return changed
