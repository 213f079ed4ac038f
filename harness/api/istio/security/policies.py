"""What all of Istio's security policies have in common: whom they are for [Istio: type/v1beta1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec, node, nodes, text

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "security.istio.io"


class PolicyTarget(Node):
    """A reference to what a policy is attached to [Istio: PolicyTargetReference]."""

    group = text("group")
    kind = text("kind")
    name = text("name")
    namespace = text("namespace")


class PolicySpec(Spec):
    """A policy for some pods of its namespace; in the root namespace, of the whole mesh."""

    selector = node("selector", LabelSelector)
    target_ref = node("targetRef", PolicyTarget)
    target_refs = nodes("targetRefs", PolicyTarget)

    @property
    def targets(self) -> tuple[PolicyTarget, ...]:
        """What it is attached to, however many fields name it; nothing: to pods, by its selector."""
        return self.target_refs or ((self.target_ref,) if self.target_ref else ())

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that its selector wants of pods."""
        return self.selector.match_labels
