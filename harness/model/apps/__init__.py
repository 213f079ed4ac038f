"""What applications answer: the known demo images by name, all others with a plain 200."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.apps import bookinfo, conformance, explored, faces, samples
from harness.model.apps.base import App, AppRequest, Send, answered, arguments
from harness.model.distribution import ONE, after, certain
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, words

if TYPE_CHECKING:
    from harness.model.message import Answers, Arrival
    from harness.model.state import Pod, RunningContainer

_ISTIO_ECHO = App(None, conformance.advanced, tls_ports=lambda container: arguments(container, "--tls"))

APPS: dict[str, App] = {
    "curlimages/curl": App((), answered),
    "istio/pilot": App((), answered),
    "istio/proxyv2": App((), answered),
    "nginxdemos/hello": App((80,), samples.hello),
    "ghcr.io/mccutchen/go-httpbin": App((8080,), samples.httpbin),
    "mccutchen/go-httpbin": App((8080,), samples.httpbin),
    "istio/app": _ISTIO_ECHO,
    "gcr.io/istio-testing/app": _ISTIO_ECHO,
    "l5d/echo": App((8080,), samples.echo),
    "any/slow": App(None, samples.slow),
    "any/explored": App(None, explored.answer, stands_in=True),
    **faces.APPS,
}
"""Applications by image name (without tag): the ports that they listen on, and what they answer."""

DEMOS: dict[str, App] = {
    "echo-basic": App(None, conformance.basic, tls_ports=conformance.tls_ports),
    "echo-advanced": _ISTIO_ECHO,
    "ext-authz": App((8000,), samples.authorizer),
    **bookinfo.APPS,
    **samples.APPS,
}
"""Demos that many registries hold, by the last part of the image's name."""


def answer(arrival: Arrival, send: Send) -> Answers:
    """Returns what a pod's application answers; `send` sends requests of its own from that pod.

    An image that the model doesn't know is taken to listen on every port and to answer 200 with
    a body that isn't known. Refused if no container listens on the port.
    """
    pod = arrival.server
    container = listening(pod, arrival.port)
    if container is None:
        text = "no container of {} listens on port {}: refused"
        refused = built_in(Action.FAILED, text, pod.workload, arrival.port)
        return certain(Outcome(failure=Failure.REFUSED), refused)
    request = AppRequest(pod, container, arrival, send)
    app, why = known(container), words("{} answers", pod.workload)
    if app is None:
        text = "{} answers (the model doesn't know {}: taken to answer 200)"
        app, why = App(None, answered), words(text, pod.workload, container.image)
    return after(app.answer(request), Step(Action.ANSWERED, *why, arrivals=((pod.workload, ONE),)))


def listening(pod: Pod, port: int) -> RunningContainer | None:
    """Returns the container that listens on a pod's port, if any does."""
    for container in pod.containers:
        if container.name in ("istio-proxy", "linkerd-proxy"):
            continue
        app = known(container)
        if app is None or app.ports is None or port in app.ports:
            return container
    return None


def known(container: RunningContainer) -> App | None:
    """Returns what is known of a container's image, None if nothing is."""
    return APPS.get(container.repository) or DEMOS.get(container.repository.rpartition("/")[2])


__all__ = ["APPS", "answer", "known", "listening"]
