"""What becomes of pods while something else goes on: which start, are ready, stop and are gone, and when."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from harness.cluster.api import PODS, ApiError
from harness.cluster.api.waiting import follow
from harness.cluster.objects import pods
from harness.traffic.timeline import Phase, PodChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.cluster.api import Client, Json

_POLL_SECONDS = 0.5


def phase(pod: Json) -> Phase:
    """Returns where a pod stands in its life."""
    if pods.finished(pod):
        return Phase.GONE
    if pods.terminating(pod):
        return Phase.STOPPING
    return Phase.READY if pods.ready(pod) else Phase.STARTING


def full_name(pod: Json) -> str:
    """Returns a pod's `namespace/name`."""
    return f"{pods.namespace(pod)}/{pods.name(pod)}"


def changes(before: dict[str, Phase], now: dict[str, Phase], at: float) -> list[PodChange]:
    """Returns what differs between two looks at pods, by their full names."""
    entered = [pod for pod, phase in now.items() if before.get(pod, Phase.GONE) is not phase]
    gone = [pod for pod, phase in before.items() if pod not in now and phase is not Phase.GONE]
    return [PodChange(at, pod, now.get(pod, Phase.GONE)) for pod in (*entered, *gone)]


class PodWatch:
    """Watches the cluster's pods in threads of its own until it is stopped.

    `look` is told of all pods at the first look, and again after each change. The times of `changes` are
    those of the monotonic clock.
    """

    def __init__(self, client: Client, look: Callable[[Iterable[Json]], None]) -> None:
        self.changes: list[PodChange] = []
        self._look = look
        self._views: queue.Queue[tuple[str, list[Json] | ApiError]] = queue.Queue()
        self._stop = threading.Event()
        source = (client, PODS.collection(), self._views, self._stop)
        threading.Thread(target=follow, args=source, daemon=True, name="pods").start()
        self._reader = threading.Thread(target=self._read, daemon=True, name="pods' changes")
        self._reader.start()

    def stop(self) -> None:
        """Ends the watch; `changes` stay as they are then."""
        self._stop.set()
        self._reader.join()

    def _read(self) -> None:
        before: dict[str, Phase] | None = None
        while not self._stop.is_set():
            try:
                _, view = self._views.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(view, ApiError):
                continue  # it is asked again
            now = {full_name(pod): phase(pod) for pod in view}
            if before is None:  # what was ready from the beginning needs no word
                before = {pod: phase for pod, phase in now.items() if phase is Phase.READY}
            self.changes += changes(before, now, time.monotonic())
            before = now
            self._look(view)
