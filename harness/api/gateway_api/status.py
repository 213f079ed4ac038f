"""What controllers say of a route: for each of its parents, whether they took it in."""

from __future__ import annotations

from harness.api.gateway_api.reference import ParentRef
from harness.api.kubernetes.status import StatusCondition
from harness.api.node import Node, Status, node, nodes, text


class RouteParentStatus(Node):
    """What one controller says of a route on one parent."""

    controller = text("controllerName")
    parent = node("parentRef", ParentRef)
    conditions = nodes("conditions", StatusCondition)


class RouteStatus(Status):
    """What all controllers say."""

    parents = nodes("parents", RouteParentStatus)
