"""Background load on a cluster: requests from real pods at a fixed rate, whatever else is going on.

The rate is kept by this process's clock, request by request (an open loop: a slow answer delays nobody
else). Where the client's own pod is replaced, the load moves to the new one as soon as that is ready.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from harness.base import HarnessError
from harness.cluster.api import Deadline
from harness.cluster.load.stream import ROOM, LoadStream, Turn
from harness.cluster.objects import pods
from harness.cluster.objects.pod_watch import PodWatch, full_name
from harness.traffic.load import AFTER, BEFORE, Shot
from harness.traffic.timeline import Phase, Timeline, TransitionStep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from harness.cluster.api import Client, Json
    from harness.cluster.probing.curl import Curl
    from harness.traffic.load import Load
    from harness.traffic.outcomes import Outcome
    from harness.traffic.timeline import PodChange

logger = logging.getLogger(__name__)

Equip: TypeAlias = "Callable[[Json, Deadline], Curl]"
"""Finds where in a pod curl can be run, or adds a container for it."""

LEAD, TRAIL = 2.0, 2.0
"""Seconds of load before the first and after the last step, whose effect may take a moment."""

_PAUSE = 0.1
_MOVE_SECONDS = 60.0
_GRACE = 0.5
"""Seconds by which the news of a pod's end may come after its effects."""


class Volley:
    """One load, sent from the newest ready pod of its workload."""

    def __init__(self, client: Client, equip: Equip, load: Load, timeout: float) -> None:
        self.load = load
        self.shots: dict[int, Shot] = {}
        self._client, self._equip, self._timeout = client, equip, timeout
        self._lock = threading.Lock()
        self._looked, self._over = threading.Event(), threading.Event()
        self._wanted: Json | None = None
        self._active: LoadStream | None = None
        self._streams: list[LoadStream] = []
        self._why = "no pod of the client was ready"
        self._begun = 0.0
        self._next = 0
        self._thread = threading.Thread(target=self._keep_sending, daemon=True, name=f"{load}")

    def look(self, seen: Iterable[Json]) -> None:
        """Takes note of the pods that there are: an ending one sends nothing more from now on."""
        mine = [pod for pod in seen if pods.workload(pod) == self.load.request.source and pods.ready(pod)]
        with self._lock:
            created = [(pods.metadata(pod).created, pods.name(pod), pod) for pod in mine]
            self._wanted = max(created, key=lambda entry: entry[:2])[2] if created else None
            if self._active and self._active.pod not in map(pods.name, mine):
                self._rest(f"{self._active.pod}, which sent it, was ending")
        self._looked.set()

    def connect(self) -> None:
        """Returns when requests can be sent; raises HarnessError if they can't."""
        if self.load.request.tcp:
            raise HarnessError(f"{self.load} can't be sent from a cluster's pod", todo="load it by http://")
        if not self._looked.wait(self._timeout):
            raise HarnessError(f"{self.load}: the API server didn't tell of any pods")
        if self._wanted is None:
            raise HarnessError(f"{self.load.request.source} has no ready pod to send from")
        self._move(self._wanted, self._timeout)

    def begin(self, begun: float) -> None:
        """Sends from now on; times are counted from `begun`."""
        self._begun = begun
        self._thread.start()

    def end(self) -> None:
        """Sends nothing more, and returns when all answers are there or given up."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            if self._active is None:
                self._skip()
            self._rest("")
        for stream in self._streams:
            stream.ended.wait(self.load.patience + _GRACE + 1)
            stream.close()

    def abandon(self) -> None:
        self._over.set()
        for stream in self._streams:
            stream.close()

    def _keep_sending(self) -> None:
        while not self._over.wait(_PAUSE):
            with self._lock:
                if self._active and self._active.ended.is_set():
                    self._rest(self._active.why)
                if self._active is None:
                    self._skip()
                pod, active = self._wanted, self._active
            if pod is None or (active and active.pod == pods.name(pod)):
                continue
            try:
                self._move(pod)
            except HarnessError as error:
                logger.info("%s: can't be sent from %s yet: %s", self.load, full_name(pod), error)
                self._over.wait(_PAUSE)

    def _move(self, pod: Json, seconds: float = _MOVE_SECONDS) -> None:
        """Has another pod send it; until that is able to, the one before goes on."""
        deadline = Deadline(seconds)
        source = self._equip(pod, deadline)
        namespace = pods.namespace(pod)
        callbacks = (self._turns, self._answered, self._lost)
        stream = LoadStream(self._client, namespace, source, self.load, *callbacks)
        self._streams.append(stream)
        while not stream.alive.wait(_PAUSE):
            if stream.ended.is_set() or deadline.over:
                stream.close()
                raise HarnessError(f"{stream.pod} can't send: {stream.why or 'it says nothing'}")
        with self._lock:
            before, self._active = self._active, stream
            if before is None and self._begun:
                self._skip()
        if before:
            before.stop()
        logger.info("%s: from %s", self.load, full_name(pod))

    def _rest(self, why: str) -> None:
        if self._active:
            self._active.stop()
            self._why = why
        self._active = None

    def _turns(self, stream: LoadStream) -> tuple[list[Turn], float]:
        """Gives the stream, if it is its time, the turns that are due; and the seconds to the next one."""
        with self._lock:
            if stream is not self._active or not self._begun or self._over.is_set():
                return [], _PAUSE
            due, room = self._due(), stream.room
            for turn in due[room:]:
                self._lost(turn, f"{ROOM} requests were waiting for an answer")
            return due[:room], self._at(self._next) - time.monotonic()

    def _due(self) -> list[Turn]:
        due = []
        while (at := self._at(self._next)) <= time.monotonic():
            due.append(Turn(self._next, at))
            self._next += 1
        return due

    def _at(self, number: int) -> float:
        return self._begun + number / self.load.rate

    def _skip(self) -> None:
        if self._begun:
            for turn in self._due():
                self._lost(turn, self._why)

    def _answered(self, turn: Turn, outcome: Outcome, pod: str) -> None:
        at, end = turn.at - self._begun, time.monotonic() - self._begun
        late = max(0.0, end - at - outcome.seconds)
        client = f"{self.load.request.source.namespace}/{pod}"
        self.shots[turn.number] = Shot(at, end, outcome, late, client)

    def _lost(self, turn: Turn, why: str) -> None:
        at = turn.at - self._begun
        self.shots[turn.number] = Shot(at, at, unknown=why)


class BackgroundLoad:
    """Loads under way, with the steps that are done meanwhile and what becomes of pods."""

    def __init__(
        self,
        client: Client,
        equip: Equip,
        loads: Sequence[Load],
        timeout: float,
        namespaces: Callable[[], Collection[str]],
        *,
        lead: float = LEAD,
        trail: float = TRAIL,
    ) -> None:
        self._volleys = [Volley(client, equip, load, timeout) for load in loads]
        self._namespaces, self._trail = namespaces, trail
        self._steps = [(BEFORE, 0.0)]
        self._watch = PodWatch(client, self._look)
        try:
            for volley in self._volleys:
                volley.connect()
            self._begun, self._began = time.monotonic(), datetime.now(UTC)
            for volley in self._volleys:
                volley.begin(self._begun)
            time.sleep(lead)
        except BaseException:
            self.abandon()
            raise

    def step(self, doing: str) -> None:
        self._steps.append((doing, self._now()))

    def end(self) -> tuple[Timeline, ...]:
        """Ends the loads a little after the last step, and returns their timelines."""
        self.step(AFTER)
        time.sleep(self._trail)
        over = self._now()
        for volley in self._volleys:
            volley.end()
        self._watch.stop()
        ends = [start for _, start in self._steps[1:]] + [over]
        steps = tuple(TransitionStep(*begun, end) for begun, end in zip(self._steps, ends, strict=True))
        return tuple(self._timeline(volley, steps) for volley in self._volleys)

    def abandon(self) -> None:
        for volley in self._volleys:
            volley.abandon()
        self._watch.stop()

    def _timeline(self, volley: Volley, steps: tuple[TransitionStep, ...]) -> Timeline:
        mine = {volley.load.request.source.namespace, *self._namespaces()}
        watched = [change for change in self._watch.changes if change.pod.partition("/")[0] in mine]
        changes = [replace(change, at=change.at - self._begun) for change in watched]
        shots = by_clients((shot for _, shot in sorted(volley.shots.items())), changes)
        answered = sum(shot.outcome is not None for shot in shots)
        logger.info(
            "%s: %d of %d turns sent and answered in %.0f s", volley.load, answered, len(shots), steps[-1].end
        )
        began = f"{self._began:%Y-%m-%dT%H:%M:%S.%fZ}"
        return Timeline(volley.load, began, steps, tuple(changes), tuple(shots))

    def _look(self, seen: Iterable[Json]) -> None:
        for volley in self._volleys:
            volley.look(seen)

    def _now(self) -> float:
        return time.monotonic() - self._begun


def by_clients(shots: Iterable[Shot], changes: Iterable[PodChange]) -> list[Shot]:
    """Returns the requests without the failures of those whose client's own pod was ending.

    It loses its proxy, and with that its way to anybody: that tells nothing of the servers.
    """
    ending: dict[str, float] = {}
    for change in changes:
        if change.phase in (Phase.STOPPING, Phase.GONE):
            ending.setdefault(change.pod, change.at)
    return [
        replace(shot, outcome=None, unknown=f"{shot.client}, which sent it, was ending")
        if shot.outcome
        and (shot.outcome.failure or (shot.outcome.status or 0) >= 500)
        and shot.client in ending
        and ending[shot.client] <= shot.end + _GRACE
        else shot
        for shot in shots
    ]
