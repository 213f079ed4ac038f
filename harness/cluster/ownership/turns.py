"""Turns of processes that share a cluster: what one does alone, and what may go on side by side."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import TYPE_CHECKING

from harness.cluster.ownership import ownership

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def turn(cluster: str, what: str, *, alone: bool = True) -> Iterator[None]:
    """Waits until no other process of this machine is at the same, or, unless `alone`, is at it alone.

    The turn ends with the block, or with the process, however that ends.
    """
    folder = ownership.home() / "turns"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / re.sub(r"[^\w.-]+", "_", f"{cluster}.{what}")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
