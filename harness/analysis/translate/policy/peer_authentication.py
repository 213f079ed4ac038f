"""PeerAuthentication: where plaintext clients are turned away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import UNSET, PeerAuthentication
from harness.api.kubernetes.selector import selects
from harness.base.vocabulary import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

GROUP = "security.istio.io"


@dataclass(frozen=True, eq=False)
class Mode:
    """What one PeerAuthentication says; `ports` overrides it by the pod's port."""

    resource: Resource
    labels: Mapping[str, str]
    mode: str
    ports: Mapping[int, str]


@dataclass(frozen=True)
class Modes:
    """All PeerAuthentications, older first."""

    modes: tuple[Mode, ...]

    def strict(self, namespace: str, labels: Mapping[str, str], port: int | None) -> Mode | None:
        """Returns the object that asks for mutual TLS at a pod's port, None if plaintext is taken, too.

        The port's mode comes first, then the workload's, the namespace's, the mesh's; UNSET asks the next.
        """
        own = [mode for mode in self.modes if mode.resource.namespace == namespace]
        selecting = [mode for mode in own if mode.labels and selects(mode.labels, labels)]
        wide = [mode for mode in own if not mode.labels]
        mesh = [mode for mode in self.modes if mode.resource.namespace == ROOT_NAMESPACE and not mode.labels]
        for mode in selecting:
            if port is not None and mode.ports.get(port, UNSET) != UNSET:
                return mode if mode.ports[port] == "STRICT" else None
        for level in (selecting, wide, mesh):
            if level and level[0].mode != UNSET:
                return level[0] if level[0].mode == "STRICT" else None
        return None


def modes(draft: Draft) -> Modes:
    """Returns what the PeerAuthentications say; reports what changes by Linkerd's ways."""
    return Modes(tuple(_mode(draft, resource) for resource in draft.estate.all(GROUP, "PeerAuthentication")))


def _mode(draft: Draft, resource: Resource) -> Mode:
    reading = PeerAuthentication.of(resource)
    labels, own = reading.labels, reading.mtls.mode or UNSET
    ports = {port: part.mode or UNSET for port, part in reading.ports.items()}
    draft.finish(reading)
    for mode, code in (("STRICT", "strict"), ("DISABLE", "mtls-disabled")):
        if mode in (own, *ports.values()):
            draft.report(code, resource, "spec.mtls.mode" if own == mode else "spec.portLevelMtls")
    return Mode(resource, labels, own, {int(port): mode for port, mode in ports.items() if port.isdecimal()})
