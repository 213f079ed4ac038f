"""Host names in Istio's configuration: short names, wildcards, and who may see an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.kubernetes import CLUSTER_DOMAIN
from harness.model.objects import spec_of

if TYPE_CHECKING:
    from harness.resources import Resource


def full_host(host: str, namespace: str) -> str:
    """Returns a host as Istio reads it: a name without dots is a Service of the object's own namespace."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.{CLUSTER_DOMAIN}"


def covers(pattern: str, host: str) -> bool:
    """Returns whether a host name, perhaps a wildcard (`*`, `*.example.com`), covers another."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def specificity(pattern: str) -> tuple[bool, int]:
    """Returns how specific a host name is: exact ones above wildcards, long ones above short ones."""
    return (not pattern.startswith("*"), len(pattern))


def visibility(resource: Resource, namespace: str) -> int | None:
    """Returns the class in which a namespace's proxies see an object: lower ones are looked at first.

    0: exported to its own namespace alone; 1: to this namespace by name; 2: to all. None: not seen.
    """
    exported = spec_of(resource).get("exportTo") or ["*"]
    own = resource.namespace == namespace
    if exported == ["."]:
        return 0 if own else None
    if "*" in exported:
        return 2
    if namespace in exported or ("." in exported and own):
        return 1
    return None
