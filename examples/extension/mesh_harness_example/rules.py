"""`service-without-owner`: whom to call when a Service fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import Rule, RuleCheck, Severity, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Sign, State


def _check(state: State) -> Iterator[Sign]:
    for service in state.all("", "Service"):
        labels = service.data["metadata"].get("labels") or {}
        if "owner" not in labels and service.namespace != "kube-system":
            yield seen(service, "metadata.labels", name=service.name)


OWNER = RuleCheck(
    Rule(
        id="service-without-owner",
        severity=Severity.WARNING,
        title="A Service says nobody to call when it fails",
        istioctl=(),
        source="https://example.com/handbook/owners",
        words={
            "": {
                "what": "Service {name} has no label `owner`",
                "why": "who is called at night can't be told from the cluster",
                "fix": "set metadata.labels.owner to the name of a team",
            }
        },
    ),
    _check,
)
