"""What came back: an exact distribution (the model's) or a sample (a cluster's), one interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.base.records import with_fields
from harness.traffic.between import narrowed
from harness.traffic.series import EACH_FOR_ITSELF, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from harness.base.vocabulary import Mesh, Workload
    from harness.traffic.series import Affinity, Rate
    from harness.traffic.trace import Trace


class Failure(StrEnum):
    """Why no HTTP answer came; the number is curl's exit code for it."""

    RESOLVE = "could not resolve host (curl 6)"
    REFUSED = "connection refused (curl 7)"
    TIMEOUT = "timed out (curl 28)"
    TLS = "TLS handshake failed (curl 35)"
    RESET = "connection reset (curl 56)"
    EMPTY_REPLY = "empty reply (curl 52)"
    HTTP09 = "received HTTP/0.9 (curl 1)"
    OTHER = "failed"


@dataclass(frozen=True)
class Hop:
    """How the request's last connection, client's side to server's pod, was protected.

    `mutual`: mutual TLS by `mesh`, with the client's and the server's identity, where they are known, as
    that mesh writes them (`spiffe://…` or `….serviceaccount.identity.linkerd.…`); otherwise plaintext.
    `refused`: the two sides didn't agree on whether it is mutual TLS. `opaque`: a proxy took it for bytes
    (the model alone tells). `witnesses` say what showed it (a header at the server, a proxy's counter, the
    model).
    """

    mutual: bool
    mesh: Mesh | None = None
    client: str | None = None
    witnesses: tuple[str, ...] = ()
    server: str | None = None
    refused: bool = False
    opaque: bool = False

    def __str__(self) -> str:
        words = "plaintext"
        if self.mutual:
            words = f"mutual TLS by {self.mesh}" + (f" as {self.client}" if self.client else "")
        return f"{words}, which the server refuses" if self.refused else words


@dataclass(frozen=True)
class ServerSaw:
    """The request as it reached the application, where the application tells."""

    path: str
    host: str
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """The value of a header at the server, by any case of its name; of several, joined by commas."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Outcome:
    """One answer, or the lack of one.

    Exactly one of `status`, `failure`, `connected` (by a bare connection) and `external` is set: the last
    is the `host:port` outside of the cluster that the request went to, and nobody knows what that answers
    (`detail` tells what a proxy did to the connection). `backend` is the workload whose application
    answered; None where a proxy did, or where the answer doesn't tell.
    `seconds` is the time to the whole answer; the model leaves out what isn't configured
    (network and processing), so its 0 means "no configured delay". `body` is None where unknown, `is_worded`
    says that it is a proxy's answer with a body that an object gives. `pod` is the name of the pod that
    answered, where an answer of a cluster's tells; `series` is what holds for several requests, as the model
    has it.
    """

    status: int | None = None
    failure: Failure | None = None
    connected: bool = False
    detail: str = ""
    backend: Workload | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    seconds: float = 0.0
    grpc_status: int | None = None
    hop: Hop | None = None
    server_saw: ServerSaw | None = None
    external: str = ""
    is_worded: bool = False
    pod: str = ""
    series: Series = EACH_FOR_ITSELF

    def header(self, name: str) -> str | None:
        """The value of a response header, by any case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def of_series(self, affinity: tuple[Affinity, ...], pool: str, zones: str = "") -> Outcome:
        """Returns the outcome of one pod of a pool, with what keeps requests there, if one answered."""
        if self.failure is not None:
            return self
        pool = pool if affinity else ""
        series = with_fields(self.series, affinity=affinity, pool=pool, zones=zones)
        return with_fields(self, series=series)

    def limited_by(self, rates: tuple[Rate, ...]) -> Outcome:
        """Returns the outcome of a request that counts for these limits."""
        return with_fields(self, series=with_fields(self.series, rates=rates))

    def __str__(self) -> str:
        if self.failure is not None:
            return self.detail or str(self.failure)
        if self.external:
            return f"left the cluster to {self.external}" + (f" ({self.detail})" if self.detail else "")
        if self.connected:
            return f"connected to {self.backend}" if self.backend else "connected"
        who = f" from {self.backend}" if self.backend else ""
        grpc = f" grpc-status {self.grpc_status}" if self.grpc_status is not None else ""
        return f"{self.status}{grpc}{who}"


@dataclass(frozen=True)
class Group:
    """Equal outcomes: their weight (a probability, or a count) and, if known, why."""

    outcome: Outcome
    weight: Fraction
    trace: Trace = field(default=(), compare=False)


@dataclass(frozen=True)
class Outcomes:
    """All that came back of a probe.

    `n` is the number of requests of a sample, whose weights are counts; it is None for an
    exact distribution, whose weights are probabilities that sum to 1.
    """

    groups: tuple[Group, ...]
    n: int | None = None

    @property
    def exact(self) -> bool:
        """Whether these are the model's probabilities and not a sample."""
        return self.n is None

    def classes(self, classify: Callable[[Outcome], str]) -> Mapping[str, Fraction]:
        """Returns the weight of each class that `classify` makes of the outcomes.

        What depends on other requests has bounds (see `Between`).
        """
        weights: dict[str, Fraction] = {}
        for group in self.groups:
            label = classify(group.outcome)
            weights[label] = weights[label] + group.weight if label in weights else group.weight
        return narrowed(weights) if self.exact else weights

    def __add__(self, other: Outcomes) -> Outcomes:
        """Joins two samples; exact distributions can't be added."""
        if self.n is None or other.n is None:
            raise ValueError("only samples can be added")
        return Outcomes(self.groups + other.groups, self.n + other.n)
