"""What a ground shows beside answers: pods and their proxies, the kubelet's probes, names, arrivals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from harness.base.vocabulary import Mesh, Workload
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.trace import Trace


class Basis(StrEnum):
    """Whether a result was worked out by the model or seen on a cluster; never mixed."""

    PREDICTED = "predicted"
    OBSERVED = "observed"


@dataclass(frozen=True)
class Proxy:
    """A mesh's proxy in a pod; `native` tells a native sidecar from an ordinary container."""

    mesh: Mesh
    native: bool

    def __str__(self) -> str:
        return f"{self.mesh.proxy} ({'native sidecar' if self.native else 'container'})"


@dataclass(frozen=True)
class Pod:
    """A pod: its proxies, and what injectors said when they left it alone.

    `skipped` holds a message for each mesh that was asked to inject and didn't, `trouble` what keeps the pod
    from being ready, empty if it is.
    """

    name: str
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Probed:
    """One of the kubelet's probes of a pod: whether it passes, and what shows that.

    `probe` is the container's name and the probe's field. `control` shows that the application answers the
    probe when nothing is in the way, empty where that isn't shown; `trace` is the model's.
    """

    pod: str
    probe: str
    passes: bool
    told: str
    control: str = ""
    trace: Trace = ()


@dataclass(frozen=True)
class Resolution:
    """What a name leads to in a client's pod: a Service (or its pods), a place outside, or neither.

    `addresses` are known on a cluster; `told` says what showed it.
    """

    service: Workload | None = None
    outside: bool = False
    addresses: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrived:
    """What came back of `sent` requests, and how many arrived at a workload's application meanwhile.

    The model decides one request; `number` then is what arrives on average.
    """

    sent: int
    number: Fraction
    outcomes: Outcomes
    witnesses: tuple[str, ...] = ()
