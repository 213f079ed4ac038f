"""What a provider offers, a ground on which a scenario runs; and what all of them do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import WORKLOAD_KINDS
from harness.base import DEFAULT, Installation, ObjectName, StageError
from harness.manifests.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from harness.base import Mesh, Resource, Workload
    from harness.ground.condition import Condition
    from harness.model.state import Undecided
    from harness.traffic.load import Load, Running
    from harness.traffic.observables import Arrived, Basis, Meter, Metered, Pod, Probed, Resolution
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.outside import Outside
    from harness.traffic.request import Request
    from harness.traffic.status import Status


class Provider(Protocol):
    """A ground on which a scenario runs; all methods raise HarnessError with what to do.

    Every change is idempotent, and returns when it has taken effect (pods ready, the
    configuration in force), or raises StageError with the last real error.
    """

    @property
    def name(self) -> str:
        """`model`, `kind` or `context`."""

    @property
    def basis(self) -> Basis:
        """What its results are."""

    @property
    def kept_as(self) -> str | None:
        """The name under which this ground outlasts the process with what is on it; None if it doesn't."""

    def preflight(self) -> None:
        """Raises MissingError with all that this ground needs and this machine lacks; starts nothing."""

    def require(self, resources: Iterable[Resource]) -> None:
        """Raises MissingError for images of these workloads that can't be had."""

    def lacking(self, mesh: Mesh, wanted: Installation = DEFAULT) -> str | None:
        """Returns why this mesh can't be installed here as it is wanted, or None if it can."""

    def deploy(self, apps: Sequence[Resource]) -> None:
        """Makes the apps' namespaces and objects, and waits until their pods are ready."""

    def unable(self, need: str) -> str | None:
        """Returns why this ground can't do what a stage needs (`network-policy`), or None if it can."""

    def excuse(self, workloads: Collection[Workload]) -> None:
        """From now on doesn't wait for these workloads' pods to be ready."""

    def assume(self, outside: Outside) -> None:
        """Takes what is told of the world around it: a cluster asks that world itself."""

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        """Installs a mesh's control plane, unless it is there; one of another version is an error."""

    def uninstall(self, mesh: Mesh) -> None:
        """Takes a mesh's control plane away."""

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        """Asks these meshes (none, one, or both) to inject a namespace, and restarts its workloads."""

    def apply(self, resources: Sequence[Resource]) -> None:
        """Applies a configuration; an object that the API refuses raises StageError."""

    def remove(self, resources: Sequence[Resource]) -> None:
        """Deletes a configuration's objects; those that are gone already are no error."""

    def place_workload(self, workload: Workload, meshes: Collection[Mesh]) -> None:
        """Has a workload's pods ask these meshes, whatever its namespace asks; restarts it if they didn't."""

    def patch(self, patch: Patch) -> None:
        """Patches an object, unless it is patched so already."""

    def restart(self, namespace: str, workload: str | None = None) -> None:
        """Restarts the namespace's workloads, or one of them, so that pods are injected anew."""

    def wait(self, condition: Condition) -> None:
        """Returns when the condition is met."""

    def run(self, argv: Sequence[str]) -> None:
        """Runs a command on this machine to its end; raises StageError if it fails."""

    def check(self, accepted: Collection[str] = ()) -> None:
        """Raises StageError with the words of the meshes' own checks if they find something wrong.

        `accepted` are codes of findings that don't count (istioctl analyze's, as in IST0101).
        """

    def undecided(self) -> tuple[Undecided, ...]:
        """Returns what is here by now that its results leave out: nothing is left out by a cluster.

        Of what acts on some requests alone, that which the results met since this was asked before.
        """

    def find(self, name: ObjectName) -> Resource | None:
        """Returns an object as it stands now, or None if there is none."""

    def status(self, name: ObjectName) -> tuple[Status, ...]:
        """Returns what controllers report of an object as it stands; nothing of one that isn't there."""

    def refusal(self, resource: Resource) -> str | None:
        """Returns the API server's or a webhook's words if it refuses the object; changes nothing."""

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        """Sends `count` equal requests (the model decides one, exactly).

        With `witness` each outcome's `hop` says how the connection was protected, where that
        can be shown; without, only where it costs nothing.
        """

    def count(self, request: Request, count: int, at: Workload) -> Arrived:
        """Sends `count` equal requests (the model one), and counts what arrives at a workload meanwhile."""

    def resolve(self, source: Workload, name: str) -> Resolution:
        """Looks a name up in a workload's pod."""

    def load(self, loads: Sequence[Load]) -> Running:
        """Begins to send loads, which go on while steps are done, until they are ended.

        It returns when each has had its first answer; raises HarnessError if one can't be sent.
        """

    def control(self, request: Request) -> str:
        """Shows that the request's server would answer if no policy were in the way.

        Returns the evidence; raises HarnessError where there is none.
        """

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        """Returns the workload's pods, but those that are ending."""

    def metered(self, request: Request, count: int, meter: Meter) -> Metered:
        """Sends `count` equal requests, and returns what the proxies of a workload counted meanwhile."""

    def probes(self, workload: Workload) -> tuple[Probed, ...]:
        """Returns what becomes of the kubelet's probes of a workload's pods, proxies' own left out."""

    def standing(self, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
        """Returns the objects in these namespaces and those for the whole of these meshes, older first."""

    def versions(self) -> Mapping[str, str]:
        """Returns the versions of what is here, by name: `kubernetes`, each mesh, `gateway-api`."""

    def memory(self) -> Mapping[str, Any]:
        """Returns what `clear` has to take away, as plain data: for another process to `remember`."""

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Takes over what another process made here, so that `clear` takes it away."""

    def clear(self) -> None:
        """Takes away what the scenario made; the ground stays usable for the next one."""

    def close(self) -> None:
        """Ends the provider's work; a cluster that it made is deleted unless it shall be kept."""


def placing_patch(
    find: Callable[[ObjectName], Resource | None], workload: Workload, meshes: Collection[Mesh]
) -> Patch:
    """Returns what has a workload's pods ask exactly these meshes; raises StageError if it isn't there."""
    labels, annotations = marks.placing_pods(meshes)
    metadata = {"labels": labels, "annotations": annotations}
    for kind in WORKLOAD_KINDS:
        name = ObjectName(kind, workload.namespace, workload.name, "apps")
        if find(name) is not None:
            return Patch(name, {"spec": {"template": {"metadata": metadata}}})
    raise StageError(f"there is no workload {workload}", todo="check its namespace and name")


def cleared(namespace: Resource) -> tuple[dict[str, None], dict[str, None]]:
    """Returns the labels and annotations that a Namespace object sets, each to be taken away."""
    return dict.fromkeys(labels_of(namespace)), dict.fromkeys(annotations_of(namespace))
