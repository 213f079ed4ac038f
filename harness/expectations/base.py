"""What all expectations share: how they are written, and how requests judge them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tenacity
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from harness.base.errors import HarnessError, WitnessError, did_you_mean
from harness.base.settings import Confidence
from harness.base.vocabulary import Mesh, Workload
from harness.expectations.verdict import NOT_PREDICTED, Explanation, Result, Verdict
from harness.traffic.disagreement import disagreement
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Outcomes
from harness.traffic.request import Request
from harness.traffic.statistics import Comparison, compare_exact, compare_sample, looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from fractions import Fraction

    from harness.analysis.translate import Translation
    from harness.base.resources import Resource
    from harness.ground.ground import Provider
    from harness.traffic.course import Course
    from harness.traffic.outcomes import Group, Outcome

log = logging.getLogger(__name__)

UNKNOWN = "not known"
"""The class of outcomes that don't tell what was asked; it makes a verdict inconclusive."""

WARM_UP = 20
"""Requests of a batch sent to see whether an expectation's effect is there yet."""


@dataclass(frozen=True)
class Ground:
    """What an expectation is judged on: a provider, and the scenario's objects.

    `shadow` is the model running beside a cluster, for predictions and traces. `translations` are the
    configs that were translated, as they were last applied, with their findings. `course` is what became of
    the expectation's load in the transition to this stage, `shadow_course` what the model predicts of it.
    `record` is told each sample that counts.
    """

    provider: Provider
    apps: tuple[Resource, ...] = ()
    configs: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    shadow: Provider | None = None
    confidence: Confidence = field(default_factory=Confidence)
    translations: Mapping[str, Translation] = field(default_factory=dict)
    course: Course | None = None
    shadow_course: Course | None = None
    record: Callable[[Request, Outcomes], None] | None = None


@dataclass(frozen=True)
class Reference:
    """A workload, config, or object of a config that an expectation names, and where in its YAML."""

    path: tuple[str | int, ...]
    workload: Workload | None = None
    config: str | None = None
    object_of: tuple[str, str] | None = None
    """A config's name, and one of its objects as `Kind namespace/name`."""
    translated: bool = False
    """Whether the config must be a translation."""


def _workload(value: object) -> object:
    return Workload.parse(value) if isinstance(value, str) else value


def _url(value: str) -> str:
    Request(Workload("any", "any"), value)
    return value


def _method(value: str) -> str:
    if not (value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f"{value!r} isn't a method: write it in capitals, as in GET")
    return value


def mesh(value: object) -> object:
    """Reads a mesh's name; raises ValueError for an unknown one."""
    return _chosen(value, tuple(Mesh))


def mesh_or_none(value: object) -> object:
    """Reads a mesh's name, or `none` as None; raises ValueError for an unknown one."""
    return _chosen(value, (*Mesh, "none"))


def _chosen(value: object, valid: tuple[str, ...]) -> Mesh | None:
    if value not in valid:
        raise ValueError(f"unknown mesh {value!r}; {did_you_mean(str(value), valid)}")
    return None if value == "none" else Mesh(str(value))


MeshName = Annotated[Mesh, BeforeValidator(mesh, json_schema_input_type=Literal["istio", "linkerd"])]
MeshNameOrNone = Annotated[
    Mesh | None, BeforeValidator(mesh_or_none, json_schema_input_type=Literal["istio", "linkerd", "none"])
]
WorkloadName = Annotated[Workload, BeforeValidator(_workload, json_schema_input_type=str)]
Url = Annotated[str, AfterValidator(_url)]
Method = Annotated[str, AfterValidator(_method)]


class Strict(BaseModel):
    """A part of a scenario file: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Expectation(Strict):
    """One thing that must be true in a stage."""

    kind: ClassVar[str]

    def title(self) -> str:
        """Returns the name that it has if the scenario gives it none."""
        raise NotImplementedError

    def references(self) -> Iterator[Reference]:
        """Yields the workloads and configs that it names."""
        return iter(())

    def unready(self) -> Iterator[Workload]:
        """Yields the workloads that it expects not to be ready, for which its stage mustn't wait."""
        return iter(())

    def judge(self, ground: Ground) -> Verdict:
        """Returns the verdict; raises HarnessError where the ground can't be asked at all."""
        raise NotImplementedError


class Asking(Expectation):
    """An expectation on what comes back of equal requests, wherever they are sent from."""

    to: Url
    method: Method = "GET"
    headers: dict[str, str] = Field(default_factory=dict)

    witness: ClassVar[bool] = False

    def request(self, ground: Ground) -> Request:
        """Returns the request that the probe repeats."""
        raise NotImplementedError

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        """Returns the share that each class of outcomes must have."""
        raise NotImplementedError

    def classify(self, outcome: Outcome) -> str:
        """Returns the class of an outcome; UNKNOWN if it doesn't tell."""
        raise NotImplementedError

    def compared(self, outcome: Outcome) -> str:
        """Returns the class of an outcome when an observed one is compared with the model's."""
        return self.classify(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        """Yields evidence that what is absent could be there; raises HarnessError where it couldn't."""
        return ()

    def judge(self, ground: Ground) -> Verdict:
        request, expected = self.request(ground), self.expected(ground)
        outcomes, comparison = measure(ground, request, expected, self.classify, self.witness)
        verdict = Verdict(
            result=_result(comparison, outcomes, self.classify),
            basis=ground.provider.basis,
            expected=_percentages((label, float(share)) for label, share in expected.items()),
            seen=_percentages((share.label, share.seen) for share in comparison.shares),
            n=outcomes.n,
            shares=comparison.shares,
            evidence=() if outcomes.exact else _witnesses(outcomes),
        )
        verdict = explain(verdict, ground, request, outcomes, self.classify, self.compared)
        return controlled(verdict, ground, self.control)


class Probing(Asking):
    """An expectation on what comes back of equal requests from a workload's pod."""

    source: WorkloadName = Field(alias="from")

    def title(self) -> str:
        return f"{self.kind} {self.method} from {self.source} to {self.to}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("from",), workload=self.source)

    def request(self, ground: Ground) -> Request:
        return Request(self.source, self.to, self.method, tuple(self.headers.items()))


def controlled(verdict: Verdict, ground: Ground, control: Callable[[Ground], Iterable[str]]) -> Verdict:
    """Returns a verdict with the evidence of its control: without any a pass is inconclusive."""
    if verdict.result is not Result.PASS:
        return verdict
    try:
        evidence = [f"control: {one}" for one in control(ground)]
    except HarnessError as error:
        return replace(verdict, result=Result.INCONCLUSIVE, evidence=(*verdict.evidence, str(error)))
    return replace(verdict, evidence=(*verdict.evidence, *evidence))


def measure(
    ground: Ground,
    request: Request,
    expected: Mapping[str, Fraction],
    classify: Callable[[Outcome], str],
    witness: bool,
) -> tuple[Outcomes, Comparison]:
    """Sends the request until the outcomes decide; returns them with what they say.

    The model's distribution decides at once. On a cluster small batches are sent first, until
    nothing unexpected comes back or the time to settle is over (each pooled connection serves one
    more request under an old policy); they don't count. Then one sample, grown look by look.
    """
    provider, confidence = ground.provider, ground.confidence
    if provider.basis is Basis.PREDICTED:
        outcomes = provider.send(request, 1, witness=witness)
        return outcomes, compare_exact(expected, outcomes.classes(classify))
    wanted = {label for label, share in expected.items() if share}
    settle = tenacity.Retrying(
        stop=tenacity.stop_after_delay(confidence.settle),
        wait=tenacity.wait_fixed(0.5),
        retry=tenacity.retry_if_result(lambda batch: not wanted.issuperset(batch.classes(classify)))
        | tenacity.retry_if_exception_type(WitnessError),  # pooled connections outlive a change
        retry_error_callback=lambda _: None,  # not settled: the sample will say so
    )
    settle(provider.send, request, WARM_UP, witness=witness)
    sample, comparison = Outcomes((), 0), Comparison(None, ())
    for size in looks(confidence):
        sample += provider.send(request, size - (sample.n or 0), witness=witness)
        comparison = compare_sample(expected, sample.classes(classify), confidence)
        log.info("%s: %d requests, %s", request, sample.n, dict(sample.classes(classify)))
        if comparison.holds is not None:
            break
    if ground.record is not None:
        ground.record(request, sample)
    return sample, comparison


def explain(
    verdict: Verdict,
    ground: Ground,
    request: Request,
    outcomes: Outcomes,
    classify: Callable[[Outcome], str],
    compared: Callable[[Outcome], str],
) -> Verdict:
    """Returns the verdict with the traces of its classes, the model's where a cluster was asked.

    There it also says what the model predicts, and how the sample differs from that by the classes of
    `compared`.
    """
    if ground.shadow is None:
        return replace(verdict, explanations=_explanations(outcomes.groups, classify))
    try:
        exact = ground.shadow.send(request, 1)
    except HarnessError as error:
        return replace(verdict, predicted=NOT_PREDICTED + error.what)
    classes = exact.classes(classify)
    return replace(
        verdict,
        explanations=_explanations(exact.groups, classify),
        predicted=_percentages((label, float(share)) for label, share in classes.items()),
        drift=disagreement(exact, outcomes, compared, ground.confidence, UNKNOWN),
    )


def _result(comparison: Comparison, outcomes: Outcomes, classify: Callable[[Outcome], str]) -> Result:
    if comparison.holds:
        return Result.PASS
    return Result.INCONCLUSIVE if UNKNOWN in outcomes.classes(classify) else Result.FAIL


def _witnesses(outcomes: Outcomes) -> tuple[str, ...]:
    seen = (witness for g in outcomes.groups if g.outcome.hop for witness in g.outcome.hop.witnesses)
    return tuple(dict.fromkeys(seen))


def _explanations(groups: tuple[Group, ...], classify: Callable[[Outcome], str]) -> tuple[Explanation, ...]:
    by_label = {classify(group.outcome): group.trace for group in reversed(groups) if group.trace}
    return tuple(Explanation(label, trace) for label, trace in reversed(by_label.items()))


def _percentages(shares: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{label} {100 * share:.4g} %" for label, share in shares)
