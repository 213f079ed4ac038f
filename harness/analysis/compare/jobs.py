"""Work that is shared out to processes."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Part = TypeVar("Part")

_FORK = "fork"

_work: list[Callable[[int], object]] = []
"""What a forked process finds in its memory: a function can't be sent to it."""


def shared_out(work: Callable[[int], Part], jobs: int) -> list[Part]:
    """Returns what `work` makes of 0 to `jobs` - 1, each in a process of its own if there are several.

    What comes back is sent between processes, so it must be picklable; what `work` needs needn't: a forked
    process has it. That is safe, since no thread runs beside it that could hold a lock. Where a system
    can't fork (Windows) this process does all of it.
    """
    if jobs == 1 or _FORK not in multiprocessing.get_all_start_methods():
        return [work(number) for number in range(jobs)]
    _work.append(work)
    try:
        with multiprocessing.get_context(_FORK).Pool(jobs) as pool:
            return pool.map(_run, range(jobs))  # type: ignore[arg-type]
    finally:
        _work.pop()


def _run(number: int) -> object:
    return _work[-1](number)
