"""Records with other values in some of their fields."""

from __future__ import annotations

from typing import Any, TypeVar

Record = TypeVar("Record")


def replace(record: Record, **changes: Any) -> Record:
    """Returns what `dataclasses.replace` does, several times as fast.

    For what changes on a request's way: records that are no more than their fields (nothing is derived of
    them when they are made, none has a default that must be its own).
    """
    changed = object.__new__(type(record))
    changed.__dict__.update(record.__dict__)
    changed.__dict__.update(changes)
    return changed
