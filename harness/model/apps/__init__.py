"""What applications answer: the known demo images by name, all others with a plain 200."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.apps import echo, faces, httpbin, nginx
from harness.model.apps.base import App, Asked, Send, answered
from harness.model.distribution import Branches, after, certain
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason

if TYPE_CHECKING:
    from harness.model.hop import Arrival

APPS: dict[str, App] = {
    "curlimages/curl": App((), answered),
    "istio/pilot": App((), answered),
    "istio/proxyv2": App((), answered),
    "nginxdemos/hello": App((80,), nginx.answer),
    "ghcr.io/mccutchen/go-httpbin": App((8080,), httpbin.answer),
    "mccutchen/go-httpbin": App((8080,), httpbin.answer),
    "l5d/echo": App((8080,), echo.answer),
    **faces.APPS,
}
"""Applications by image name (without tag): the ports that they listen on, and what they answer."""


def answer(arrival: Arrival, send: Send) -> Branches[Outcome]:
    """Returns what a pod's application answers; `send` sends requests of its own from that pod.

    An image that the model doesn't know is taken to listen on every port and to answer 200 with
    a body that isn't known. Refused if no container listens on the port.
    """
    pod = arrival.server
    for container in pod.containers:
        if container.name in ("istio-proxy", "linkerd-proxy"):
            continue
        app = APPS.get(container.repository)
        asked = Asked(pod, container, arrival, send)
        if app is None:
            text = f"the model doesn't know {container.image}: taken to answer 200"
            return after(answered(asked), Reason(f"{pod.workload} answers ({text})"))
        if arrival.port in app.ports:
            return after(app.answer(asked), Reason(f"{pod.workload} answers"))
    text = f"no container of {pod.workload} listens on port {arrival.port}: refused"
    return certain(Outcome(failure=Failure.REFUSED), Reason(text))


__all__ = ["APPS", "answer"]
