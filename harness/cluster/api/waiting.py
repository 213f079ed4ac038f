"""Waiting: deadlines, how long an effect took, and watches until what the API shows satisfies a decision."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.base import StageError
from harness.cluster.api.client import ApiError, Client, Json

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

View = dict[str, list[Json]]
"""What the API holds at this moment: the objects of each watched collection, by its path."""

WATCH_SECONDS = 5  # how long one watch lives: an abandoned one ends by itself after that
RETRY_SECONDS = 0.5
PAUSE_SECONDS = 0.05  # so that a server that ends each watch at once isn't asked without end


def wait_until(
    client: Client,
    what: str,
    paths: Sequence[str],
    unmet: Callable[[View], str | None],
    deadline: Deadline,
    *,
    todo: str = "",
) -> None:
    """Returns when `unmet` finds nothing that's left to wait for in the collections at `paths`.

    `unmet` is asked at each change. It says what is still missing, or raises StageError where
    waiting is in vain. Raises StageError at the deadline, with what was missing last.
    """
    changes: queue.Queue[tuple[str, list[Json] | ApiError]] = queue.Queue()
    stop = threading.Event()
    for path in paths:
        threading.Thread(target=follow, args=(client, path, changes, stop), daemon=True).start()
    view: View = {}
    missing = "the API server didn't answer"
    try:
        while True:
            try:
                news = [changes.get(timeout=deadline.left)]
            except queue.Empty:
                raise StageError(
                    f"{what}: not within {deadline.seconds:.0f} s", why=missing, todo=todo
                ) from None
            while not changes.empty():
                news.append(changes.get())
            for path, objects in news:
                if isinstance(objects, ApiError):
                    missing = str(objects)
                else:
                    view[path] = objects
            if len(view) == len(paths) and not isinstance(news[-1][1], ApiError):
                reason = unmet(view)
                if reason is None:
                    return
                missing = reason
    finally:
        stop.set()


def follow(
    client: Client, path: str, changes: queue.Queue[tuple[str, list[Json] | ApiError]], stop: threading.Event
) -> None:
    """Reports a collection's objects, and again after each change, until told to stop."""
    while not stop.is_set():
        try:
            listing = client.get(path)
            objects = {item["metadata"]["uid"]: item for item in listing.get("items") or ()}
            changes.put((path, list(objects.values())))
            since = listing["metadata"]["resourceVersion"]
            for change in client.watch(path, since=since, seconds=WATCH_SECONDS):
                if stop.is_set():
                    return
                if change["type"] == "ERROR":  # too old a version: list again
                    break
                uid = change["object"]["metadata"]["uid"]
                if change["type"] == "DELETED":
                    objects.pop(uid, None)
                else:
                    objects[uid] = change["object"]
                changes.put((path, list(objects.values())))
            stop.wait(PAUSE_SECONDS)
        except ApiError as error:
            changes.put((path, error))
            stop.wait(RETRY_SECONDS)


@dataclass(frozen=True)
class Deadline:
    """A point in time, `seconds` after its making, that everything below it shares."""

    seconds: float
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_end", time.monotonic() + self.seconds)

    @property
    def left(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left == 0.0


@contextmanager
def timed(logger: logging.Logger, effect: str) -> Iterator[None]:
    """Logs one line when the effect is done: what it was, and its seconds."""
    start = time.monotonic()
    yield
    logger.info("%s (%.1f s)", effect, time.monotonic() - start)
