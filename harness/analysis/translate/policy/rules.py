"""What Istio's policies say about a workload's pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.policy.admission import Admission, admission
from harness.analysis.translate.policy.clients import ACCESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate.estate import PodPort
    from harness.analysis.translate.policy.authorization_policy import Policy
    from harness.analysis.translate.policy.peer_authentication import Modes
    from harness.base.resources import Resource


@dataclass(frozen=True, eq=False)
class Rules:
    """The policies that count for pods, and what asks for mutual TLS on each of their ports."""

    policies: tuple[Policy, ...]
    modes: Modes
    namespace: str
    labels: Mapping[str, str]

    def at(self, port: PodPort | None, probes: Iterable[str] = ()) -> Admission:
        """Returns who is let in at a port; None stands for ports that nobody declares."""
        number = port.number if port else None
        strict = self.modes.strict(self.namespace, self.labels, number)
        return admission(
            self.policies, number, meshed=strict is not None, opaque=bool(port and port.opaque), probes=probes
        )

    def origins(self, port: int | None) -> tuple[Resource, ...]:
        """Returns the objects that these rules come from."""
        strict = self.modes.strict(self.namespace, self.labels, port)
        named = tuple(policy.resource for policy in self.policies)
        return (*named, strict.resource) if strict else named

    @property
    def default(self) -> str:
        """The default inbound policy for ports that nobody declares."""
        found = self.at(None)
        return ACCESS.get(found.parts[-1].clients, "deny") if found.uniform else "deny"
