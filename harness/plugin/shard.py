"""A part of a run: files shared out to machines that know nothing of each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.base import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def shard(items: Sequence[pytest.Item], which: str) -> list[pytest.Item]:
    """Returns the items of one shard, as `2/3` is the second of three, in their order.

    Files are dealt out in the order of their names, and none is cut: the stages of a scenario build on each
    other. Raises InputError for what isn't a shard, and for more shards than there are files: a shard without
    a test would be green and prove nothing.
    """
    parts = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", which)
    number, count = map(int, parts.groups()) if parts else (0, 0)
    if not 0 < number <= count:
        raise InputError(
            f"{which!r} isn't a shard", where="--harness-shard", todo="write the second of three as 2/3"
        )
    files = sorted({_file(item) for item in items})
    if files and count > len(files):
        raise InputError(
            f"there are {count} shards, and only {len(files)} files with tests",
            where="--harness-shard",
            todo=f"make {len(files)} at most",
        )
    own = set(files[number - 1 :: count])
    return [item for item in items if _file(item) in own]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
