"""HTTPLocalRateLimitPolicy: how many requests a second a Server's port takes."""

from __future__ import annotations

from harness.api.gateway_api.reference import ObjectRef
from harness.api.linkerd.authorization import PolicyRef
from harness.api.node import Node, Spec, count, node, nodes, text


class RequestRate(Node):
    """Requests a second."""

    requests = count("requestsPerSecond")


class RateLimitClient(ObjectRef):
    """A client that has a limit of its own."""

    kind = text("kind")


class RateOverride(RequestRate):
    """A rate for some clients together."""

    clients = nodes("clientRefs", RateLimitClient)


class HTTPLocalRateLimitPolicy(Spec):
    """A rate for all clients together, one for each identity, and others for some clients."""

    target = node("targetRef", PolicyRef)
    total = node("total", RequestRate)
    identity = node("identity", RequestRate)
    overrides = nodes("overrides", RateOverride)
