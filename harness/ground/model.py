"""`model`: the ground that needs no cluster."""

from __future__ import annotations

import shlex
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.schema.releases import Release
from harness.base import DEFAULT, HarnessError, Installation, StageError
from harness.base.errors import NotModelledError, NotPredictedError
from harness.base.records import with_fields
from harness.ground.forecasting import Forecasting
from harness.ground.ground import cleared, placing_patch
from harness.model import Refused, State, changes, double_injection
from harness.model.decide import arrivals, decide, unguarded
from harness.model.network.addresses import POD_NETWORK
from harness.model.network.dns import resolution
from harness.model.observables import metered, probes, reported
from harness.model.state.tables import grouped
from harness.traffic.observables import Arrived, Basis, Pod, Probed, Resolution
from harness.traffic.outside import NOTHING_KNOWN
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from harness.base import Mesh, ObjectName, Resource, Workload
    from harness.ground.condition import Condition
    from harness.manifests.patching import Patch
    from harness.model.state import Undecided
    from harness.traffic.load import Load
    from harness.traffic.observables import Meter, Metered, Proxy
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.outside import Outside
    from harness.traffic.request import Request
    from harness.traffic.status import Status


_AN_ADDRESS = str(POD_NETWORK[-2])
"""Stands for a pod's own address where it isn't known."""


class ModelProvider:
    """Predicts what a cluster would answer; holds the state that the model decides on.

    Raises NotModelledError for what the model doesn't understand, StageError for an object that
    the API would refuse.
    """

    name = "model"
    basis = Basis.PREDICTED
    kept_as = None

    def __init__(self) -> None:
        self._outside = NOTHING_KNOWN
        self.state = State()
        self._met: dict[tuple[tuple[str, str, str, str], str], None] = {}

    def preflight(self) -> None:
        """Finds nothing missing: the model needs nothing."""

    def require(self, resources: Iterable[Resource]) -> None:
        """Finds nothing missing: the model runs no image."""

    def lacking(self, mesh: Mesh, wanted: Installation = DEFAULT) -> str | None:
        return None

    def deploy(self, apps: Sequence[Resource]) -> None:
        declared = {app.name for app in apps if app.kind == "Namespace"}
        for namespace in dict.fromkeys(app.namespace for app in apps):
            if namespace and namespace not in declared:
                self.state = changes.mark(self.state, namespace)
        self._apply(sorted(apps, key=lambda app: app.kind != "Namespace"))

    def unable(self, need: str) -> str | None:
        return None

    def excuse(self, workloads: Collection[Workload]) -> None:
        """Waits for no pod anyway."""

    def assume(self, outside: Outside) -> None:
        self._outside = outside
        self.state = replace(self.state, outside=outside)

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        """Installs a mesh; the model is of one version, however it is installed [semantics]."""
        self.state = changes.install(self.state, mesh)
        if wanted.gateway_api:
            self._apply(Release.parse(wanted.gateway_api).definitions("gateway_api of the scenario"))

    def uninstall(self, mesh: Mesh) -> None:
        self.state = changes.uninstall(self.state, mesh)

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        """Asks these meshes to inject; restarts, unless they were asked before and pods are so."""
        before = _marks_of(self.state, namespace)
        self.state = changes.place(self.state, namespace, meshes)
        anew = changes.restart(self.state, namespace)
        if before != _marks_of(anew, namespace) or _proxies(self.state) != _proxies(anew):
            self.state = anew

    def apply(self, resources: Sequence[Resource]) -> None:
        self._apply(resources)

    def remove(self, resources: Sequence[Resource]) -> None:
        """Deletes objects; of a Namespace only the labels and annotations that the object sets."""
        namespaces = [resource for resource in resources if resource.kind == "Namespace"]
        for namespace in namespaces:
            self.state = changes.mark(self.state, namespace.name, *cleared(namespace))
        self.state = changes.remove(
            self.state, [resource for resource in resources if resource not in namespaces]
        )

    def place_workload(self, workload: Workload, meshes: Collection[Mesh]) -> None:
        self.patch(placing_patch(self.find, workload, meshes))

    def patch(self, patch: Patch) -> None:
        live = self.find(patch.target)
        if live is None:
            raise StageError(f"{patch.target} isn't there to be patched")
        if patch.done(live.data):
            return
        try:
            changed = replace(live, data=patch.patched(live.data))
        except ValueError as error:
            raise StageError(f"{patch.target} can't be patched", why=str(error)) from None
        if changed.kind == "Namespace":
            marked = (_change(read(live), read(changed)) for read in (labels_of, annotations_of))
            self.state = changes.mark(self.state, changed.name, *marked)
        else:
            self._apply([changed])

    def restart(self, namespace: str, workload: str | None = None) -> None:
        self.state = changes.restart(self.state, namespace, workload=workload)

    def wait(self, condition: Condition) -> None:
        """Raises StageError if it isn't so: in the model all that is applied acts at once.

        There are no controllers: a status that they would report counts as reported.
        """
        live = self.find(condition.target)
        if live is not None and condition.of_status and not condition.absent:
            return
        if unmet := condition.unmet(live.data if live else None):
            raise StageError(f"{condition}: it never will be", why=unmet)

    def run(self, argv: Sequence[str]) -> None:
        raise NotModelledError(
            f"the command `{shlex.join(argv)}` isn't modelled",
            why="what it does to a cluster, only a cluster shows",
            todo="run this scenario on a cluster",
        )

    def check(self, accepted: Collection[str] = ()) -> None:
        """Finds nothing wrong: the model has no control plane that could be ill."""

    def undecided(self) -> tuple[Undecided, ...]:
        met, self._met = grouped(self._met), {}
        local = (each for each in self.state.undecided if each.local)
        return (
            *self.state.pervasive,
            *(replace(each, field=field) for each in local for field in met.get(each.resource.key, ())),
        )

    def find(self, name: ObjectName) -> Resource | None:
        """Returns an object; raises StageError if objects of several API groups have this name."""
        objects = [stored.live for stored in self.state.objects.values() if name.names(stored.live)]
        if len(objects) > 1:
            kinds = ", ".join(sorted(f"{live.kind}.{live.group}" for live in objects))
            raise StageError(f"{name} may be several objects", todo=f"write the group: {kinds}")
        return objects[0] if objects else None

    def status(self, name: ObjectName) -> tuple[Status, ...]:
        live = self.find(name)
        return reported(self.state, live) if live else ()

    def refusal(self, resource: Resource) -> str | None:
        try:
            changes.apply(self.state, [resource])
        except Refused as refused:
            return refused.what
        return None

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        """Returns the exact distribution for one request; `count` and `witness` change nothing."""
        return self._noted(decide(*self._dialled(request)))

    def count(self, request: Request, count: int, at: Workload) -> Arrived:
        outcomes, numbers = arrivals(*self._dialled(request))
        self._noted(outcomes)
        if numbers is None:
            raise NotPredictedError(
                f"how many requests arrive at {at} isn't modelled",
                why="a time limit, a retry budget, or what isn't modelled decides how many are sent",
                todo="count them on a cluster",
            )
        return Arrived(1, dict(numbers).get(at, Fraction(0)), outcomes, ("the model",))

    def resolve(self, source: Workload, name: str) -> Resolution:
        return resolution(self.state, source, name)

    def load(self, loads: Sequence[Load]) -> Forecasting:
        """Decides the loads' requests in each state that the steps go through."""
        return Forecasting(lambda: self.state, loads, lambda *asked: self._noted(decide(*asked)))

    def control(self, request: Request) -> str:
        outcomes = unguarded(*self._dialled(request))
        groups = outcomes.groups if outcomes else ()
        answers = [group.outcome for group in groups if group.outcome.status or group.outcome.connected]
        if not answers:
            raise HarnessError(
                f"nothing answers behind {request.url}",
                why="there is no such Service or port, it selects no running pod, or none listens there",
                todo="check the Service's name, ports and selector",
            )
        words = ", ".join(sorted({str(outcome) for outcome in answers}))
        return f"without any policy {request.url} gives {words} (the model)"

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        return tuple(
            Pod(pod.name, pod.proxies, pod.skipped, str(double_injection.fault(pod) or ""))
            for pod in self.state.pods_of(workload)
        )

    def metered(self, request: Request, count: int, meter: Meter) -> Metered:
        counted = metered(self.state, request, count, meter)
        self._noted(counted.outcomes)
        return counted

    def probes(self, workload: Workload) -> tuple[Probed, ...]:
        checked = probes(self.state, workload)
        for probe in checked:
            self._noted(probe.outcomes)
        return tuple(probe.probed for probe in checked)

    def standing(self, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
        objects = [stored.live for stored in self.state.objects.values()]
        return tuple(live for live in objects if live.home in namespaces)

    def versions(self) -> Mapping[str, str]:
        """Returns the releases that the model follows."""
        return dict(source.split(" ", 1) for source in self.state.served.sources)

    def memory(self) -> Mapping[str, Any]:
        """Returns nothing: no other process sees this model."""
        return {}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Has nothing to remember."""

    def clear(self) -> None:
        self.state = State(outside=self._outside)

    def close(self) -> None:
        self.state = State()

    def _dialled(self, request: Request) -> tuple[State, Request]:
        """The request as it is sent, and the state; in that the pod that is meant, if any, has an address."""
        if request.pod is None:
            return self.state, request
        pods = sorted(self.state.pods_of(request.pod), key=lambda pod: pod.name)
        if not pods:
            raise NotModelledError(f"there is no running workload {request.pod}", why="its pod is dialled")
        if not pods[0].ip and self.state.all("networking.k8s.io", "NetworkPolicy"):
            why = "no dump tells it, and NetworkPolicies may go by it"
            raise NotPredictedError(f"the address of a pod of {request.pod} isn't known", why=why)
        pods[0] = with_fields(pods[0], ip=pods[0].ip or _AN_ADDRESS)
        state = replace(self.state, running={**self.state.running, request.pod: tuple(pods)})
        return state, request.at_address(pods[0].ip)

    def _noted(self, outcomes: Outcomes) -> Outcomes:
        """The outcomes; what they were decided without is noted."""
        steps = (step for group in outcomes.groups for step in group.trace)
        met = (step for step in steps if step.action is Action.NOT_MODELLED)
        self._met.update(((step.resource.key, step.field), None) for step in met if step.resource)
        return outcomes

    def _apply(self, resources: Iterable[Resource]) -> None:
        try:
            self.state = changes.apply(self.state, resources)
        except Refused as refused:
            raise StageError(
                refused.what, where=refused.where, why=refused.why or "the API refuses it", todo=refused.todo
            ) from refused


def _change(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    return {**dict.fromkeys(before), **after}


def _marks_of(state: State, namespace: str) -> tuple[str | None, str | None]:
    """What a Namespace says of each mesh's injection."""
    live = state.get("", "Namespace", "", namespace)
    if live is None:
        return (None, None)
    labels, annotations = labels_of(live), annotations_of(live)
    return labels.get(marks.ISTIO_INJECTION), annotations.get(marks.LINKERD_INJECT)


def _proxies(state: State) -> list[tuple[str, tuple[Proxy, ...]]]:
    return [(pod.name, pod.proxies) for pod in state.pods]
