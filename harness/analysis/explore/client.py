"""A request's client by its attributes: what can be asked of its pod."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.base.explored import CALLER, Entries, Journal
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from harness.analysis.explore.exploration import Exploration
    from harness.base.explored import Asked
    from harness.model.state import Pod

NAMESPACE, WORKLOAD, NAME = "caller namespace", "caller workload", "caller name"
IDENTITY = "caller identity"
LABELS, ANNOTATIONS, ACCOUNT = "caller labels", "caller annotations", "caller account"


def values_of(pod: Pod) -> dict[str, Any]:
    """Returns a client's attributes."""
    identities = {f"{IDENTITY} {mesh}": text for mesh, text in pod.identities.items()}
    own = {NAMESPACE: pod.namespace, WORKLOAD: pod.workload.name, NAME: pod.name}
    entries = {LABELS: pod.labels, ANNOTATIONS: pod.annotations}
    return {CALLER: pod, ACCOUNT: pod.service_account, **entries, **own, **identities}


def explored(pod: Pod, journal: Journal) -> Pod:
    """Returns a client's pod whose attributes must be asked."""
    identities = {mesh: journal.text(f"{IDENTITY} {mesh}") for mesh in pod.identities}
    return replace(
        pod,
        name=journal.text(NAME),
        workload=Workload(journal.text(NAMESPACE), journal.text(WORKLOAD)),
        labels=Entries(LABELS, journal),
        annotations=Entries(ANNOTATIONS, journal),
        service_account=journal.text(ACCOUNT),
        containers=(),
        ip="",
        identities=identities,
    )


def asked_of(tree: Exploration) -> list[Asked]:
    """Returns what was asked of the client, each question once."""
    return list(dict.fromkeys(asked for asked in tree.questions if asked.attribute.startswith("caller")))
