"""The model of one cluster: made of manifests or of what a live cluster holds, asked for requests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import is_workload
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.errors import InputError, NotModelledError, did_you_mean
from harness.base.vocabulary import Workload
from harness.manifests.files import read
from harness.manifests.objects import Reading
from harness.model import changes
from harness.model.changes.loading import load_objects
from harness.model.decide import decide, unintercepted
from harness.model.leniency import Leniency, with_omissions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from fractions import Fraction

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.state import State, Undecided
    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Step, Trace


_RULES = frozenset(
    "VirtualService HTTPRoute GRPCRoute TLSRoute TCPRoute ServiceProfile Service ServiceEntry".split()
)
_POLICIES = frozenset(
    "AuthorizationPolicy PeerAuthentication RequestAuthentication Server ServerAuthorization "
    "MeshTLSAuthentication NetworkAuthentication HTTPLocalRateLimitPolicy EgressNetwork NetworkPolicy "
    "Sidecar".split()
)


class Transport(StrEnum):
    """How a request's last connection, to the server's pod, was protected."""

    MUTUAL = "mutual"
    PLAINTEXT = "plaintext"
    REFUSED = "refused"
    """One side wants mutual TLS and the other doesn't."""


@dataclass(frozen=True)
class Answer:
    """One thing that may come back, and what decided so."""

    group: Group

    @property
    def outcome(self) -> Outcome:
        """What comes back."""
        return self.group.outcome

    @property
    def probability(self) -> Fraction:
        """How likely, exactly."""
        return self.group.weight

    @property
    def trace(self) -> Trace:
        """The resources and fields that led there, in order, with the alternatives that lost and why."""
        return self.group.trace

    @property
    def transport(self) -> Transport | None:
        """How the last connection was protected; None where the request reached no pod."""
        hop = self.outcome.hop
        if hop is None:
            return None
        if hop.refused:
            return Transport.REFUSED
        return Transport.MUTUAL if hop.mutual else Transport.PLAINTEXT

    @property
    def identities(self) -> tuple[str | None, str | None]:
        """The client's and the server's identity by mutual TLS, as their mesh writes them; else None."""
        hop = self.outcome.hop
        return (hop.client, hop.server) if hop else (None, None)

    @property
    def rule(self) -> Step | None:
        """The last route, profile or Service that chose where the request went, None if none did."""
        return self._last(_RULES)

    @property
    def policy(self) -> Step | None:
        """The last policy that let the request in or refused it, None if none was asked."""
        return self._last(_POLICIES)

    def _last(self, kinds: frozenset[str]) -> Step | None:
        taken = (reason for reason in reversed(self.trace) if not reason.passed_over and not reason.depth)
        return next((reason for reason in taken if reason.resource and reason.resource.kind in kinds), None)


@dataclass(frozen=True)
class Decision:
    """All that may come back of a request, exactly; `proxy` is what it leaves through, if anything."""

    request: Request
    proxy: str | None
    outcomes: Outcomes

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What may come back, the likeliest first; the probabilities sum to 1."""
        return tuple(map(Answer, sorted(self.outcomes.groups, key=lambda group: -group.weight)))


Met = tuple[str, str]
"""An object and a field that a decision met."""


@dataclass(frozen=True)
class Model:
    """What a cluster would do with requests; it doesn't change, and deciding has no effect.

    A strict one raises NotModelledError, by name, for what the model doesn't understand. A lenient one
    decides without that, and each trace says what may have counted of its `omissions`.

        model = Model.from_files("apps/", "istio.yaml")
        decision = model.decide(Request(Workload("shop", "cart"), "http://prices/"))
    """

    state: State
    lenient: bool = False
    _amended: dict[Met, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_files(
        cls,
        *paths: str | Path,
        meshes: Collection[Mesh] | None = None,
        placed: Mapping[str, Mesh | None] | None = None,
        lenient: bool = False,
    ) -> Model:
        """Returns the model of a cluster to which these manifests (files, folders, dumps) were applied.

        What a later path brings is younger. Installed are `meshes`, or those that the manifests use, and
        those of `placed`, which gives namespaces to a mesh (None: to none) whatever their labels say.
        Raises InputError for unreadable files and unknown namespaces, Refused where the API or a webhook
        refuses an object, NotModelledError for what the model doesn't understand (unless lenient).
        """
        batches = read(map(Path, paths), Reading(running=True)).batches
        return cls.from_objects(batches, meshes, placed, lenient=lenient)

    @classmethod
    def from_objects(
        cls,
        batches: Iterable[Iterable[Resource]],
        meshes: Collection[Mesh] | None = None,
        placed: Mapping[str, Mesh | None] | None = None,
        *,
        lenient: bool = False,
    ) -> Model:
        """Returns the same of objects that were read already, each batch applied at one instant."""
        leniency = Leniency() if lenient else None
        return cls(load_objects(batches, meshes, placed, leniency), lenient)

    @classmethod
    def from_cluster(
        cls,
        context: str,
        kubeconfig: str | Path | None = None,
        namespaces: Collection[str] | None = None,
        *,
        lenient: bool = False,
    ) -> Model:
        """Returns the model of what a live cluster holds now; the cluster is only read, and no Secret's data.

        `context` is one of the kubeconfig's (None: kubectl's usual files) by name, never its current one.
        `namespaces` limits what is read to these, the meshes' own, and what belongs to no namespace.
        Raises MissingError for an unknown context, HarnessError where the cluster doesn't answer or
        forbids reading, and what `from_files` raises.
        """
        from harness.cluster.objects.snapshot import read  # the model itself needs no client

        leniency = Leniency() if lenient else None
        snapshot = read(context, Path(kubeconfig) if kubeconfig else None, namespaces)
        # An uninstalled mesh may leave its definitions and objects behind: nobody reads them any more.
        readers = {None, *snapshot.meshes}
        objects = [resource for resource in snapshot.objects if MESH_OF_GROUP.get(resource.group) in readers]
        batches = [[*snapshot.definitions, *objects]]
        return cls(load_objects(batches, snapshot.meshes, {}, leniency), lenient)

    def decide(self, request: Request) -> Decision:
        """Returns what comes back of a request: exact probabilities, each with its trace.

        Raises InputError where the request's workload isn't there, NotModelledError where something
        takes part that the model doesn't understand (a lenient model: where that is no object or field).
        """
        pods = self.state.pods_of(request.source)
        if not (pods or request.through):
            raise InputError(
                f"there is no running workload {request.source}",
                why=self._why_absent(request.source),
                todo=did_you_mean(str(request.source), map(str, self.state.running)),
            )
        try:
            outcomes = decide(self.state, request)
        except NotModelledError as error:
            if not self.lenient:
                raise
            return self._without(error).decide(request)
        if self.state.pervasive:
            outcomes = with_omissions(request, outcomes, self.state.pervasive)
        mesh = unintercepted(pods[0]).mesh if pods else None
        return Decision(request, mesh.proxy if mesh else None, outcomes)

    def _why_absent(self, workload: Workload) -> str:
        """Why a workload of the manifests isn't there; empty if it is none of theirs."""
        absent = (each for each in self.state.left_out if not each.field and is_workload(each.resource))
        named = (each for each in absent if Workload(each.resource.namespace, each.resource.name) == workload)
        ending = (
            self.state.get("batch", kind, workload.namespace, workload.name) for kind in ("Job", "CronJob")
        )
        words = "makes pods that come to an end, which aren't modelled: ask as a workload of its account"
        return next((f"{each} {words}" for each in ending if each), next((str(each) for each in named), ""))

    @property
    def omissions(self) -> tuple[Undecided, ...]:
        """What it decides without."""
        return self.state.undecided

    @property
    def unevaluated(self) -> tuple[str, ...]:
        """The rules of definitions that its objects were taken without, since they can't be evaluated."""
        return self.state.served.unevaluated(stored.live for stored in self.state.objects.values())

    def _without(self, error: NotModelledError) -> Model:
        """The model without the field, or else the object, that a decision met and didn't understand."""
        stored = self.state.objects.get(error.resource.key) if error.resource else None
        if stored is None:
            raise error
        key = (str(stored.live), error.field)
        if key not in self._amended:
            leniency = Leniency(self.state.left_out)
            amended = leniency(stored.live, error)
            state = changes.apply(self.state, [amended] if amended else (), leniency)
            if leniency.leaves_out(stored.live):  # perhaps since the rest of it wasn't taken either
                state = changes.remove(state, [stored.live])
            self._amended[key] = Model(replace(state, left_out=leniency.omissions), self.lenient)
        return self._amended[key]
