"""What differs between the meshes on a real cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.base import DEFAULT, Installation

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.api.gateway_api.reference import ParentRef
    from harness.base import Mesh
    from harness.cluster.api import Deadline, Json
    from harness.traffic.outcomes import Hop, ServerSaw


@dataclass(frozen=True)
class Scrape:
    """Where a proxy shows its counters: a port of its pod and a path."""

    port: int
    path: str


class ControlPlane(Protocol):
    """A mesh on one cluster."""

    mesh: Mesh
    controller: str
    """The name under which it writes the status of routes."""
    counters: Scrape
    user: int
    """As whom its proxies run: what that user sends isn't intercepted."""

    def lacking(self, wanted: Installation = DEFAULT) -> str | None:
        """Returns why it can't be installed from here as it is wanted, or None."""

    def installed(self) -> bool:
        """Whether there is a control plane."""

    def healthy(self) -> bool:
        """Whether the control plane is ready, and injects."""

    def version(self) -> str:
        """Returns the version of the control plane that is there, empty if that isn't known."""

    def install(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        """Installs the control plane, and returns when it is ready."""

    def uninstall(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        """Takes the control plane away, with its cluster-wide objects, by what it was installed with."""

    def faults(self, namespaces: Collection[str], accepted: Collection[str], deadline: Deadline) -> list[str]:
        """Returns what the mesh's own check finds wrong with it and with these namespaces.

        Nothing, with a line in the log, where its CLI isn't there.
        """

    def asks(self, namespace: Json) -> bool:
        """Whether a Namespace asks for this mesh's injection."""

    def wait_ready(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when pods that start in these namespaces get the proxies that they ask for."""

    def settle(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when these namespaces' proxies hold the present configuration, if that can be known."""

    def reports_on(self, group: str, parent: ParentRef) -> bool:
        """Whether it writes the status of a route of this API group with this parentRef."""

    def hello(self, server: Json) -> tuple[str, str]:
        """Returns the name (SNI) and the protocol (ALPN) at which a server's proxy answers for its mesh."""

    def identity(self, saw: ServerSaw) -> Hop | None:
        """Returns what a request's headers show of its last hop, at a server that has this mesh's proxy."""

    def witness(self, before: str, after: str, requests: int) -> Hop | None:
        """Returns what a server's proxy counted while `requests` came in; None if that isn't conclusive."""
