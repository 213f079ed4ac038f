"""How much the counters of a workload's proxies grow by requests; read from the proxies themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.cluster.objects import pods, services
from harness.cluster.probing.counters import scrape
from harness.cluster.probing.metrics import growth, samples
from harness.traffic.observables import Growth, Metered, inbound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.cluster.api.client import Client
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.probing.probe import Prober
    from harness.traffic.observables import Meter
    from harness.traffic.request import Request

_LAG_SECONDS = 1.0  # at most, between an answer's end and its count


def metered(
    client: Client, prober: Prober, plane: ControlPlane, request: Request, count: int, meter: Meter
) -> Metered:
    """Sends requests, and returns what proxies counted meanwhile, and in as much time after that.

    A pod without the mesh's proxy counts nothing. Raises HarnessError if no pod runs, or a proxy can't be
    read.
    """
    before, start = _read(client, plane, meter), time.monotonic()
    outcomes = prober.send(request, count, witness=False)
    time.sleep(_LAG_SECONDS)
    after, taken = _read(client, plane, meter), time.monotonic() - start
    time.sleep(taken)
    later = _read(client, plane, meter)
    comes_in = meter.at != request.source
    growths = tuple(
        Growth(
            name,
            _grown(before, after, name, comes_in),
            _grown(after, later, name, comes_in),
            there=any(list(samples(text, name)) for text in after.values()),
        )
        for name in meter.counters
    )
    where = ", ".join(f"Pod {meter.at.namespace}/{name}" for name in after) or "no pod"
    told = f"{meter.mesh.proxy} of {where} was read: {taken:.1f} s with the requests, then as long without"
    return Metered(count, outcomes, growths, (told,))


def _read(client: Client, plane: ControlPlane, meter: Meter) -> dict[str, str]:
    """What the metrics ports of the workload's proxies answer, by pod."""
    mine = services.pods_of(client, meter.at)
    if not mine:
        raise HarnessError(f"{meter.at} has no running pod")
    proxied = [pod for pod in mine if pods.meshes(pod) == {meter.mesh}]
    found = {name: text for name, (_, text) in scrape(client, {meter.mesh: plane}, proxied).items()}
    if unread := sorted({pods.name(pod) for pod in proxied} - found.keys()):
        raise HarnessError(
            f"the counters of {meter.mesh.proxy} can't be read",
            where=f"Pod {meter.at.namespace}/{unread[0]}",
            todo=f"check that the API server reaches its port {plane.counters.port}",
        )
    return found


def _grown(before: Mapping[str, str], after: Mapping[str, str], name: str, comes_in: bool) -> int:
    """By how much a counter grew on one side of all proxies; a series that doesn't tell its side counts."""
    return sum(
        int(one.value)
        for pod, text in after.items()
        for one in growth(before.get(pod, ""), text, name)
        if inbound(name, dict(one.labels)) in (comes_in, None)
    )
