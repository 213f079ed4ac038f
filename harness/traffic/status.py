"""What controllers report of objects: conditions, of the object itself, on its parents, of its listeners."""

from __future__ import annotations

from dataclasses import dataclass

from harness.base.vocabulary import Mesh

CONTROLLERS = {Mesh.ISTIO: "istio.io/gateway-controller", Mesh.LINKERD: "linkerd.io/policy-controller"}
"""How the meshes' controllers sign what they report."""


@dataclass(frozen=True)
class ReportedCondition:
    """A condition: `status` is True, False or Unknown, `reason` one word for why."""

    type: str
    status: str
    reason: str

    @classmethod
    def of(cls, kind: str, fault: str, reason: str = "") -> ReportedCondition:
        """Returns a condition: false for a fault; true, for a reason or its own name, without one."""
        return cls(kind, "False" if fault else "True", fault or reason or kind)

    def __str__(self) -> str:
        return f"{self.type}={self.status} ({self.reason})"


@dataclass(frozen=True)
class StatusParent:
    """The parent of a route that a report is about, as the route names it."""

    kind: str
    namespace: str
    name: str
    section: str = ""
    port: int | None = None

    def __str__(self) -> str:
        section = f" {self.section}" if self.section else ""
        return f"{self.kind} {self.namespace}/{self.name}{section}{f' port {self.port}' if self.port else ''}"


@dataclass(frozen=True)
class Status:
    """What one controller reports: of an object, or of it on one `parent`, or of one of its listeners.

    `controller` is a name, empty where an object's own conditions don't say whose they are. `routes` are
    those on a listener, `kinds` those that it takes. `open` are types of conditions of which the model can't
    say what they are.
    """

    controller: str
    conditions: tuple[ReportedCondition, ...]
    parent: StatusParent | None = None
    listener: str = ""
    routes: int | None = None
    kinds: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" on {self.parent}" if self.parent else f" listener {self.listener}" if self.listener else ""
        routes = (
            "" if self.routes is None else f", {self.routes} routes of {' or '.join(self.kinds) or 'no kind'}"
        )
        listed = ", ".join(map(str, self.conditions))
        return f"{self.controller or 'status'}{about}: {listed}{routes}"
