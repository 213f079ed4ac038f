"""The listeners of a Gateway: its own, then those of ListenerSets that it allows; and which of them conflict.

[istio/istio: pilot/pkg/config/kube/gatewaycommon, gateway_utils.go and listener_conflict.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api.gateway import KubernetesGateway, ListenerSet
from harness.model.istio import revision
from harness.model.state import namespace_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.gateway_api.gateway import Listener
    from harness.base.resources import Resource
    from harness.model.state import Objects

_HTTP_LIKE, _BYTES = ("HTTP", "HTTPS", "TLS"), ("TCP", "UDP")

HOSTNAME_CONFLICT, PROTOCOL_CONFLICT = "HostnameConflict", "ProtocolConflict"


def parent(objects: Objects, listeners: ListenerSet) -> Resource | None:
    """Returns the Gateway that a ListenerSet names, None if it isn't there."""
    named = listeners.parent
    if (named.group, named.kind) not in ((None, "Gateway"), KubernetesGateway.KIND):
        return None
    return objects.get(*KubernetesGateway.KIND, named.namespace, named.name)


def allowed(objects: Objects, gateway: Resource, namespace: str) -> bool:
    """Returns whether ListenerSets of a namespace may attach to a Gateway; unless it says so, none may."""
    wanted = KubernetesGateway.kept(gateway).allowed_listeners.namespaces
    match wanted.source:
        case "All":
            return True
        case "Same":
            return namespace == gateway.namespace
        case "Selector":
            labels = namespace_labels(objects.get("", "Namespace", "", namespace), namespace)
            return bool(wanted.selector) and wanted.selector.selects(labels)
    return False


def attached(objects: Objects, gateway: Resource) -> list[ListenerSet]:
    """Returns the ListenerSets on a Gateway that it allows, in the order of the objects."""
    return [
        listeners
        for listeners in map(ListenerSet.kept, objects.all(*ListenerSet.KIND))
        if parent(objects, listeners) == gateway
        and not revision.is_foreign(objects, listeners.resource)
        and allowed(objects, gateway, listeners.resource.namespace)
    ]


def merged(objects: Objects, gateway: Resource) -> list[Listener]:
    """Returns all listeners of a Gateway, its own first, as one before another takes what both want."""
    sets = attached(objects, gateway)
    own = KubernetesGateway.kept(gateway).listeners
    return [*own, *(listener for listeners in sets for listener in listeners.listeners)]


def conflicts(listeners: Sequence[Listener]) -> list[str]:
    """Returns for each listener the reason for which an earlier one shuts it out, empty if none does.

    What is shut out shuts nothing else out.
    """
    taken: list[Listener] = []
    reasons = []
    for listener in listeners:
        rival = next((earlier for earlier in taken if not _distinct(listener, earlier)), None)
        if rival is None:
            taken.append(listener)
            reasons.append("")
        elif listener.protocol == rival.protocol and listener.protocol not in _BYTES:
            reasons.append(HOSTNAME_CONFLICT)
        else:
            reasons.append(PROTOCOL_CONFLICT)
    return reasons


def _distinct(one: Listener, other: Listener) -> bool:
    """Whether two listeners can be served side by side."""
    if one.port != other.port:
        return True
    known = (*_HTTP_LIKE, *_BYTES)
    if one.protocol not in known or other.protocol not in known:
        return one.protocol != other.protocol
    if one.protocol in _BYTES or other.protocol in _BYTES:
        return False
    return one.hostname != other.hostname
