"""What becomes of the kubelet's probes, by its own count of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.cluster.api import Deadline, exchange
from harness.cluster.api.streams import is_status_line
from harness.cluster.objects import pods
from harness.cluster.probing import services
from harness.cluster.probing.counters import samples
from harness.traffic.observables import Probed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.api.kubernetes.pod import Container, KubeletProbe
    from harness.base import Workload
    from harness.cluster.api import Client, Json

SETTLING = 5.0
"""Seconds after which a policy that was applied just before is in force [semantics: within 3-4 s]."""

_POLL_SECONDS = 0.5
_CONTROL_SECONDS = 5.0
_COUNTER = "prober_probe_total"
_KINDS = {"livenessProbe": "Liveness", "readinessProbe": "Readiness", "startupProbe": "Startup"}

Key = tuple[str, str, str]
"""A pod's uid, a container, and what the kubelet calls the probe."""
Count = tuple[int, int]
"""How often a probe has passed and failed so far."""


@dataclass
class Watched:
    """A probe that a pod declares, and how often it last passed, or failed, without a break."""

    pod: Json
    container: Container
    probe: KubeletProbe
    last: Count | None = None
    run: int = 0
    passed: bool = False

    @property
    def key(self) -> Key:
        """What the kubelet counts it by."""
        return pods.uid(self.pod), self.container.name, _KINDS[self.probe.name]

    @property
    def decided(self) -> bool:
        """Whether it has passed, or failed, as often in a row as the kubelet needs to act."""
        return self.run >= self.probe.threshold

    def note(self, count: Count) -> None:
        """Takes in what the kubelet has counted by now; what it had counted at first is left out."""
        passed, failed = (now - before for now, before in zip(count, self.last or count, strict=True))
        self.last = count
        if passed or failed:
            succeeded = not failed
            self.run = (failed or passed) + (self.run if succeeded is self.passed else 0)
            self.passed = succeeded

    def __str__(self) -> str:
        return f"{self.container.name} {self.probe.name}"


def probes(client: Client, workload: Workload, deadline: Deadline) -> tuple[Probed, ...]:
    """Returns what becomes of each probe of a workload's pods, from now on.

    A probe counts when it has passed, or failed, so often in a row that the kubelet would act; what a
    policy has still to change doesn't count. Raises HarnessError if a probe does neither in time, or if the
    kubelet's counters can't be read (this takes the right to get nodes/proxy).
    """
    watched = [each for pod in services.pods_of(client, workload, pods.lasting) for each in declared(pod)]
    time.sleep(min(SETTLING, deadline.left) if watched else 0)
    waiting = [each for each in watched if each.probe.name != "startupProbe"]
    while waiting := _undecided(client, waiting):
        if deadline.over:
            raise HarnessError(
                f"{waiting[0]} neither passed nor failed {waiting[0].probe.threshold} times in a row",
                where=pods.where(waiting[0].pod),
                why=": ".join(pods.trouble(waiting[0].pod) or ("the kubelet counted too few of it",)),
            )
        time.sleep(_POLL_SECONDS)
    return tuple(_probed(client, each) for each in watched)


def declared(pod: Json) -> Iterator[Watched]:
    """Yields the probes of a pod's containers, meshes' proxies left out."""
    for container in pods.spec(pod).lasting:
        if container.name not in pods.PROXIES:
            yield from (Watched(pod, container, probe) for probe in container.probes())


def _undecided(client: Client, waiting: Sequence[Watched]) -> list[Watched]:
    """Those that are still to be decided, after another look at the kubelets' counters."""
    counts = _counts(client, {pods.spec(probe.pod).node_name for probe in waiting})
    for probe in waiting:
        probe.note(counts.get(probe.key, (0, 0)))
    return [probe for probe in waiting if not probe.decided]


def _counts(client: Client, nodes: Iterable[str]) -> dict[Key, Count]:
    counts: dict[Key, Count] = {}
    for node in nodes:
        text = client.text("GET", f"/api/v1/nodes/{node}/proxy/metrics/probes")
        for sample in samples(text, _COUNTER):
            key = sample.label("pod_uid"), sample.label("container"), sample.label("probe_type")
            passed, failed = counts.get(key, (0, 0))
            good = sample.label("result") == "successful"
            counts[key] = (passed + int(sample.value) * good, failed + int(sample.value) * (not good))
    return counts


def _probed(client: Client, watched: Watched) -> Probed:
    name = pods.name(watched.pod)
    if watched.probe.name == "startupProbe":
        started = pods.started(watched.pod, watched.container.name)
        words = "the container has started" if started else "the container hasn't started"
        return Probed(name, str(watched), started, words)
    times = f"{watched.run} times in a row by the kubelet's count"
    if watched.passed:
        return Probed(name, str(watched), True, times)
    return Probed(name, str(watched), False, times, _control(client, watched))


def _control(client: Client, watched: Watched) -> str:
    """What the application answers to the same probe past its proxy, empty if it doesn't."""
    probe = watched.probe
    if probe.handler != "httpGet" or probe.port is None:
        return ""
    message = f"GET {probe.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    namespace, name = pods.namespace(watched.pod), pods.name(watched.pod)
    try:
        answer = exchange(
            client, namespace, name, probe.port, message, is_status_line, Deadline(_CONTROL_SECONDS)
        )
    except HarnessError:
        return ""
    line = answer.split(b"\r\n")[0].decode(errors="replace")
    good = line.split(" ")[1][:1] in ("2", "3")
    return f"past its proxy, Pod {namespace}/{name} answers the probe: {line}" if good else ""
