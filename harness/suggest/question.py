"""What is asked in every stage, where it comes from, and what a scenario says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.base.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate import Finding
    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.traffic.request import Request


class Topic(StrEnum):
    """What an expectation is about, in the order in which a scenario says it."""

    ROUTE = "routes"
    INGRESS = "ingress"
    EGRESS = "egress"
    POLICY = "policies"
    HEADER = "headers"
    SEEN = "what servers see"
    DELAY = "delays"
    TIME_LIMIT = "time limits"
    MIRROR = "copies"
    HOP = "mutual TLS"
    PROBE = "probes"


_LOOKED_AT = {
    Topic.HEADER: "header",
    Topic.DELAY: "fault",
    Topic.TIME_LIMIT: "timeout",
    Topic.MIRROR: "mirror",
}
"""Words in the fields that findings about a topic are about."""


@dataclass(frozen=True)
class Origin:
    """An object of the configuration, and the field of it that an expectation comes from."""

    resource: Resource
    field: str = ""


@dataclass(frozen=True)
class Question:
    """A request, what of its answer matters, and the words for it.

    `own` are the workloads behind what is dialled; `given` is a header's name, or the configured
    seconds, by topic; `at` the workload that a copy goes to. `signed` says that it takes a signed token.
    """

    topic: Topic
    request: Request
    subject: str
    origins: tuple[Origin, ...]
    own: frozenset[Workload] = frozenset()
    given: str = ""
    seconds: float = 0.0
    at: Workload | None = None
    signed: bool = False

    @property
    def title(self) -> str:
        """The subject, told apart from other questions about the same request."""
        words = {Topic.DELAY: "delay", Topic.TIME_LIMIT: "limit", Topic.MIRROR: f"copy to {self.at}"}
        return f"{self.subject} {words.get(self.topic, '')}{self.given}".strip()

    def says(self, what: str, kind: str, *, outage: bool = False, **fields: Any) -> Entry:
        """Returns an expectation of the request's answer: what it says in words, its kind, its own fields."""
        request = self.request
        ends: dict[str, Any] = {"from": str(request.source)}
        if request.through:
            if kind != "response":
                raise Unsaid(f"{self.subject} {what}, which no expectation says of requests from outside")
            ends, kind = {"through": str(request.through)}, "ingress"
        sent: dict[str, Any] = {**ends, "to": request.url}
        if request.method != "GET" and not request.grpc:
            sent["method"] = request.method
        if request.headers:
            sent["headers"] = dict(request.headers)
        return Entry(f"{self.subject} {what}", kind, sent | fields, outage)


@dataclass(frozen=True)
class Entry:
    """An expectation as a scenario writes it; an `outage` is nothing that is to stay."""

    name: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    outage: bool = False

    @property
    def says(self) -> tuple[str, dict[str, Any]]:
        """What it says, whatever it is called."""
        return self.kind, self.fields


class Unsaid(HarnessError):  # noqa: N818
    """What comes back can't be said by any expectation."""


def concerns(finding: Finding, topic: Topic, origins: Iterable[Origin]) -> bool:
    """Returns whether a finding is about one of these objects, and the part of it that a topic is about."""
    word = _LOOKED_AT.get(topic, "")
    return word in finding.field.lower() and any(
        finding.origin is not None
        and finding.origin.key == origin.resource.key
        and (finding.field.startswith(origin.field) or origin.field.startswith(finding.field))
        for origin in origins
    )


def is_moved_hop(topic: Topic, before: Entry | None, now: Entry) -> bool:
    """Returns whether a hop only changes the mesh that protects it, which is what a migration is for."""
    return topic is Topic.HOP and before is not None and "mesh" in before.fields and "mesh" in now.fields
