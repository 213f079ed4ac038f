"""What shows of workloads beside answers: what becomes of the kubelet's probes, and what proxies count."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh, Workload
from harness.model import planes
from harness.model.decide import arrivals, kubelet_asks
from harness.model.distribution import ONE
from harness.model.message import Arrival, Message
from harness.model.state import Pod, State
from harness.traffic.observables import Growth, Meter, Metered, Probed
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes
from harness.traffic.request import Request
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from harness.api.kubernetes.pod import KubeletProbe
    from harness.base.resources import Resource
    from harness.traffic.status import Status

KUBELET = Pod("kubelet", Workload("node", "kubelet"), {}, {}, "", (), host_network=True)

_SCHEMES = {"httpGet": "http", "tcpSocket": "tcp", "grpc": "grpc"}

_ERROR = 400


def reported(state: State, resource: Resource) -> tuple[Status, ...]:
    """Returns what the control planes that are there report in an object's status."""
    there = (plane for mesh, plane in planes.CONTROL_PLANES.items() if mesh in state.meshes)
    return tuple(status for plane in there for status in plane.reports(state, resource))


@dataclass(frozen=True)
class CheckedProbe:
    """One probe of one pod, and what comes back to the kubelet; `unguarded`: if no proxy were in the way."""

    pod: str
    container: str
    probe: KubeletProbe
    outcomes: Outcomes
    unguarded: Outcomes

    @property
    def passes(self) -> bool:
        """Whether whatever comes back is a success to the kubelet."""
        return self._succeed(self.outcomes)

    @property
    def probed(self) -> Probed:
        """The same in the words that all providers share."""
        answers = self._succeed(self.unguarded)
        return Probed(
            self.pod,
            f"{self.container} {self.probe.name}",
            self.passes,
            _words(self.outcomes),
            f"without its proxy {self.container} answers {_words(self.unguarded)}" if answers else "",
            tuple(reason for group in self.outcomes.groups for reason in group.trace),
        )

    def _succeed(self, outcomes: Outcomes) -> bool:
        return all(_succeeds(self.probe, group.outcome) for group in outcomes.groups)


def probes(state: State, workload: Workload) -> tuple[CheckedProbe, ...]:
    """Returns what becomes of each probe of a workload's pods, as policies stand now.

    NetworkPolicies let a node ask its own pods. Istio rewrites probes to ask its agent, past all policies,
    unless an annotation forbids it [istio/istio: pkg/kube/inject, app_probe.go]; Linkerd opens the paths of
    HTTP probes while no route is attached to their Server. A command passes: no proxy is in its way. So does
    a TCP probe, which the proxy answers.
    """
    return tuple(
        CheckedProbe(
            pod.name,
            container.name,
            probe,
            _answer(
                state, pod, probe, by_agent=len(pod.proxies) == 1 and planes.of(pod).rewrites_probes(pod)
            ),
            _answer(state, pod, probe, by_agent=True),
        )
        for pod in state.pods_of(workload)
        for container in pod.containers
        if container.name not in [mesh.proxy for mesh in Mesh]
        for probe in container.probes
    )


def _answer(state: State, pod: Pod, probe: KubeletProbe, *, by_agent: bool) -> Outcomes:
    if probe.port is None:
        if probe.handler == "exec":
            return _certain(probe, Outcome(connected=True), Action.ANSWERED, "{} runs in the container")
        text = "{} asks a port that the container doesn't name"
        return _certain(probe, Outcome(failure=Failure.REFUSED), Action.FAILED, text)
    plane = planes.of(pod)
    if probe.port == plane.agent_port:
        text = "{} was rewritten at the pod's start: Istio's agent asks the application itself"
        return _certain(probe, Outcome(connected=True), Action.REWRITTEN, text)
    scheme = "https" if probe.tls else _SCHEMES[probe.handler]
    path = "/grpc.health.v1.Health/Check" if probe.handler == "grpc" else probe.path
    url = f"{scheme}://{pod.ip or pod.name}:{probe.port}{path}"
    arrival = Arrival(KUBELET, pod, probe.port, Message.of(Request(KUBELET.workload, url)))
    past = plane.inbound_bypass(state, arrival)
    if probe.handler == "tcpSocket" and pod.proxies and not (by_agent or past):
        text = "{} asks for a connection alone: the proxy takes each before a policy decides"
        return _certain(probe, Outcome(connected=True), Action.ANSWERED, text)
    return kubelet_asks(state, arrival, by_agent=by_agent)


def _words(outcomes: Outcomes) -> str:
    return ", ".join(dict.fromkeys(str(group.outcome) for group in outcomes.groups))


def _certain(probe: KubeletProbe, outcome: Outcome, action: Action, text: str) -> Outcomes:
    return Outcomes((Group(outcome, ONE, (built_in(action, text, probe.name),)),))


def _succeeds(probe: KubeletProbe, outcome: Outcome) -> bool:
    if outcome.failure is not None:
        return False
    if probe.handler == "grpc":
        return outcome.status == 200 and not outcome.grpc_status
    if probe.handler == "httpGet" and outcome.status is not None:
        return 200 <= outcome.status < 400
    return outcome.connected


def metered(state: State, request: Request, count: int, meter: Meter) -> Metered:
    """Returns by how much counters grow when `count` equal requests are sent.

    It follows where all of them are answered by applications that proxies reach as HTTP: each proxy on the
    way then counts each request once. Raises NotPredictedError for all else, and for counters that aren't
    among the golden ones.
    """
    pods = state.pods_of(meter.at)
    outcomes, arrived = arrivals(state, request)
    without = next((pod for pod in pods if meter.mesh not in [proxy.mesh for proxy in pod.proxies]), None)
    if without or not pods:
        why = f"{meter.at} has no {meter.mesh.proxy}"
        absent = tuple(Growth(name, 0, there=False) for name in meter.counters)
        return Metered(count, outcomes, absent, (why,))
    _refuse_unpredictable(meter, outcomes)
    goes_out = meter.at == request.source
    past = planes.of(pods[0]).outbound_bypass(state, pods[0], request.port)
    if goes_out and past:
        raise meter.unpredicted(past.text)
    if arrived is None and not goes_out:
        raise meter.unpredicted("how many requests arrive depends on timing")
    each = Fraction(1) if goes_out else dict(arrived or ()).get(meter.at, Fraction(0))
    growths = []
    for name in meter.counters:
        there = planes.PLANES[meter.mesh].shows(state, meter, name, goes_out=goes_out)
        growths.append(Growth(name, int(count * each) if there else 0, there=there))
    return Metered(count, outcomes, tuple(growths), ("the model",))


def _refuse_unpredictable(meter: Meter, outcomes: Outcomes) -> None:
    """Raises NotPredictedError where proxies see no HTTP, or where one answers itself."""
    for group in outcomes.groups:
        outcome = group.outcome
        if outcome.backend is None or (outcome.status or 0) >= _ERROR:
            raise meter.unpredicted(f"not each proxy on the way counts a request that gets {outcome}")
        if outcome.status is None or (outcome.hop is not None and outcome.hop.opaque):
            raise meter.unpredicted("a proxy takes the connection for bytes, and counts no requests")
