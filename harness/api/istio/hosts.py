"""Names in Istio's configuration: hosts, gateways, ports' protocols, and who may see an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.vocabulary import CLUSTER_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.base.resources import Resource


def full_host(host: str, namespace: str) -> str:
    """Returns a host as Istio reads it: a name without dots is a Service of the object's own namespace."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.{CLUSTER_DOMAIN}"


def covers(pattern: str, host: str) -> bool:
    """Returns whether a host name, perhaps a wildcard (`*`, `*.example.com`), covers another."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def within(name: str, pattern: str) -> bool:
    """Returns whether everything that a host name, perhaps a wildcard, covers is covered by another, too."""
    if name.startswith("*"):
        return pattern.startswith("*") and name[1:].endswith(pattern[1:])
    return covers(pattern, name)


def specificity(pattern: str) -> tuple[bool, int]:
    """Returns how specific a host name is: exact ones above wildcards, long ones above short ones."""
    return (not pattern.startswith("*"), len(pattern))


def exported_to(resource: Resource) -> tuple[str, ...]:
    """Returns the namespaces that an object names in its `exportTo`, as it writes them."""
    return tuple((resource.data.get("spec") or {}).get("exportTo") or ())


def visibility(resource: Resource, namespace: str, default: Sequence[str] = ("*",)) -> int | None:
    """Returns the class in which a namespace's proxies see an object: lower ones are looked at first.

    0: exported to this namespace, its own; 1: to this namespace by name; 2: to all. None: not seen.
    `default` stands for an `exportTo` that is absent (MeshConfig's `default…ExportTo`).
    """
    exported = exported_to(resource) or default
    if "*" in exported:
        return 2
    if "~" in exported:
        return None
    own = resource.namespace == namespace
    if namespace in exported or ("." in exported and own):
        return 0 if own else 1
    return None


MESH = "mesh"
"""The gateway name that stands for all sidecars."""


def gateways_in_full(gateways: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Returns names of gateways as `namespace/name` or `mesh`; short ones are of this namespace."""

    def in_full(name: str) -> str:
        if name == MESH or "/" in name:
            return name
        # A dotted name is the old way to name another namespace's gateway.
        short, _, rest = name.partition(".")
        return f"{rest.partition('.')[0] or namespace}/{short}"

    return tuple(map(in_full, gateways))


# Anything else is detected, but on ports whose servers are known to speak first.
_PROTOCOLS = {
    "http": "http",
    "http2": "http2",
    "grpc": "grpc",
    "grpc-web": "http",
    "kubernetes.io/h2c": "http2",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "tls",
    "tcp": "tcp",
    "tls": "tls",
    "https": "tls",
    "mongo": "tcp",
    "mysql": "tcp",
    "redis": "tcp",
}
_SERVER_FIRST = frozenset((25, 53, 3306, 27017))


def protocol_of(text: str, number: int = 0) -> str:
    """Returns what an appProtocol or a port's name, up to its first dash, says; empty for nothing known.

    Without a word of it the number of a port may tell.
    """
    word = "grpc-web" if text.lower().startswith("grpc-web") else text.lower()
    default = "tcp" if number in _SERVER_FIRST else ""
    return _PROTOCOLS.get(word) or _PROTOCOLS.get(word.partition("-")[0], default)


def entry_protocol(text: str) -> str:
    """Returns the same for what a ServiceEntry or a Sidecar says of a port: the one word, or nothing."""
    return _ENTRY_PROTOCOLS.get(text.lower(), "tcp")


_ENTRY_PROTOCOLS = {
    **{name: name for name in ("http", "http2", "grpc", "tls", "")},
    "grpc-web": "http",
    "https": "tls",
}
