"""NetworkPolicies: which connections of which pods they let through."""

from __future__ import annotations

from typing import Literal

from harness.api import field
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec

Direction = Literal["ingress", "egress"]


class IPBlock(Node):
    """A network, and those in it that are left out."""

    cidr = field.text("cidr")
    excluded = field.texts("except")


class NetworkPolicyPeer(Node):
    """Pods of some namespaces, or a network."""

    pods = field.node("podSelector", LabelSelector)
    namespaces = field.node("namespaceSelector", LabelSelector)
    block = field.node("ipBlock", IPBlock)


class NetworkPolicyPort(Node):
    """A port, a range of ports, or a name of a container's port."""

    protocol = field.text("protocol", "TCP")
    port = field.integer_or_text("port")
    end = field.integer("endPort")


class NetworkPolicyRule(Node):
    """What a policy lets through: connections with any of the peers, on any of the ports."""

    sources = field.nodes("from", NetworkPolicyPeer)
    targets = field.nodes("to", NetworkPolicyPeer)
    ports = field.nodes("ports", NetworkPolicyPort)

    @property
    def peers(self) -> tuple[NetworkPolicyPeer, ...]:
        """The other sides that it is for; none is all."""
        return self.sources or self.targets


class NetworkPolicy(Spec):
    """A NetworkPolicy's spec."""

    pods = field.node("podSelector", LabelSelector)
    types = field.texts("policyTypes")
    ingress = field.nodes("ingress", NetworkPolicyRule)
    egress = field.nodes("egress", NetworkPolicyRule)

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that it is about: by default ingress, and egress if it has a rule for that."""
        types = self.types or ("Ingress", *(("Egress",) if self.egress else ()))
        return tuple(direction.lower() for direction in types)

    def rules(self, direction: Direction) -> tuple[NetworkPolicyRule, ...]:
        return self.ingress if direction == "ingress" else self.egress
