"""A provider that answers what a test tells it to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.base.errors import HarnessError
from harness.base.installation import DEFAULT, Installation
from harness.base.resources import Resource
from harness.traffic.observables import Arrived, Basis, Metered, Pod, Probed, Resolution
from harness.traffic.outcomes import Group, Outcome, Outcomes
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from harness.base.resources import ObjectName
    from harness.base.vocabulary import Mesh, Workload
    from harness.ground.condition import Condition
    from harness.manifests.patching import Patch
    from harness.traffic.observables import Growth, Meter
    from harness.traffic.request import Request
    from harness.traffic.status import Status

ROUTE = Resource("networking.istio.io/v1", "VirtualService", "shop", "web", {})
TRACE = (step(ROUTE, "spec.http[0].route[0].weight", Action.SHARED, "sends {} of {} there", 50, 100),)


@dataclass
class Scripted:
    """`answers` maps outcomes to their probabilities; `basis` says whether they are drawn or exact."""

    answers: dict[Outcome, float]
    basis: Basis = Basis.PREDICTED
    name: str = "scripted"
    running: tuple[Pod, ...] = ()
    unfit: dict[str, str] = field(default_factory=dict)
    probed: tuple[Probed, ...] = ()
    growths: tuple[Growth, ...] = ()
    refusals: dict[str, str] = field(default_factory=dict)
    missing: dict[Mesh, str] = field(default_factory=dict)
    no_control: bool = False
    calls: list[str] = field(default_factory=list)
    fail_at: str = ""
    kept_as: str | None = None
    live: tuple[Resource, ...] = ()
    arrivals: dict[str, Fraction] = field(default_factory=dict)
    names: dict[str, Resolution] = field(default_factory=dict)
    statuses: tuple[Status, ...] = ()
    counted: int = 0
    sent: int = 0
    seed: random.Random = field(default_factory=lambda: random.Random(1))
    change: Callable[[int], dict[Outcome, float] | None] = lambda sent: None

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fail_at:
            raise HarnessError(f"{call} went wrong", todo="mend it")

    def preflight(self) -> None:
        self._note("preflight")

    def require(self, resources: Iterable[Resource]) -> None:
        self._note("require")

    def lacking(self, mesh: Mesh, wanted: Installation = DEFAULT) -> str | None:
        return self.missing.get(mesh)

    def deploy(self, apps: Sequence[Resource]) -> None:
        self._note(f"deploy {len(apps)}")

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        self._note(f"install {mesh}")

    def uninstall(self, mesh: Mesh) -> None:
        self._note(f"uninstall {mesh}")

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        self._note(f"place {namespace} {'+'.join(sorted(meshes)) or 'none'}")

    def apply(self, resources: Sequence[Resource]) -> None:
        self._note(f"apply {', '.join(map(str, resources))}")

    def remove(self, resources: Sequence[Resource]) -> None:
        self._note(f"remove {', '.join(map(str, resources))}")

    def place_workload(self, workload: Workload, meshes: Collection[Mesh]) -> None:
        self.place(str(workload), meshes)

    def patch(self, patch: Patch) -> None:
        self._note(str(patch))

    def restart(self, namespace: str, workload: str | None = None) -> None:
        self._note(f"restart {namespace}{f'/{workload}' if workload else ''}")

    def wait(self, condition: Condition) -> None:
        self._note(f"wait {condition}")

    def run(self, argv: Sequence[str]) -> None:
        self._note(f"run {' '.join(argv)}")

    def check(self, accepted: Collection[str] = ()) -> None:
        self._note(f"check{''.join(f' {code}' for code in accepted)}")

    def find(self, name: ObjectName) -> Resource | None:
        return next((one for one in self.live if name.names(one)), None)

    def standing(self, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
        return self.live

    def undecided(self) -> tuple[()]:
        return ()

    def versions(self) -> dict[str, str]:
        return {"kubernetes": "1.34.4"}

    def memory(self) -> dict[str, Any]:
        return {"made": ["shop"]}

    def remember(self, memory: Mapping[str, Any]) -> None:
        self._note(f"remember {dict(memory)}")

    def status(self, name: ObjectName) -> tuple[Status, ...]:
        return self.statuses

    def refusal(self, resource: Resource) -> str | None:
        return self.refusals.get(str(resource))

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        answers = self.change(self.sent) or self.answers
        self.sent += count
        if self.basis is Basis.PREDICTED:
            return Outcomes(tuple(Group(o, Fraction(str(p)), TRACE) for o, p in answers.items()))
        drawn = self.seed.choices(list(answers), list(answers.values()), k=count)
        return Outcomes(tuple(Group(o, Fraction(drawn.count(o))) for o in answers if o in drawn), count)

    def count(self, request: Request, count: int, at: Workload) -> Arrived:
        """Each request arrives as often as `arrivals` says of its URL's host, in turn where that isn't whole."""
        number = self.arrivals.get(request.host, Fraction(0))
        if self.basis is Basis.PREDICTED:
            return Arrived(1, number, self.send(request, 1))
        before = int(self.counted * number)
        self.counted += count
        return Arrived(count, Fraction(int(self.counted * number) - before), self.send(request, count))

    def resolve(self, source: Workload, name: str) -> Resolution:
        return self.names.get(name, Resolution())

    def control(self, request: Request) -> str:
        if self.no_control:
            raise HarnessError("the server doesn't answer")
        return "the server answers"

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        return self.running

    def unable(self, need: str) -> str | None:
        return self.unfit.get(need)

    def excuse(self, workloads: Collection[Workload]) -> None:
        for workload in sorted(workloads):
            self._note(f"excuse {workload}")

    def probes(self, workload: Workload) -> tuple[Probed, ...]:
        return self.probed

    def metered(self, request: Request, count: int, meter: Meter) -> Metered:
        return Metered(count, self.send(request, count), self.growths, ("read from a proxy",))

    def clear(self) -> None:
        self._note("clear")

    def close(self) -> None:
        self._note("close")
