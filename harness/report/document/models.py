"""The document of a run: frozen models, whose JSON schema is published beside them (`schema.json`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1
"""Grows when a reader of the version before would misread a document; fields may be added without."""

ID = f"urn:mesh-migration-harness:report:{VERSION}"
"""The schema's name, by which validators know it wherever it lies."""


class Frozen(BaseModel):
    """A part of the document; a reader ignores fields that a later release has added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Truth(StrEnum):
    """What is true of a call; by this it is drawn."""

    MUTUAL = "mutual TLS"
    PLAINTEXT = "plaintext"
    DENIED = "denied"
    FAILED = "failed"
    REDIRECTED = "redirected"
    EGRESS = "egress"
    PROXY = "answered by a proxy"
    UNKNOWN = "not known"


class Judgement(StrEnum):
    """What became of an expectation in a stage."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    SKIP = "skip"
    NOT_RUN = "not run"


class Place(Frozen):
    """A point in a file; lines and columns are counted from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ObjectName(Frozen):
    """What names a Kubernetes object."""

    kind: str
    namespace: str
    name: str
    group: str = ""


class TraceStep(Frozen):
    """A step of a trace: what `object` did by its `field`, in words; `depth` counts applications between."""

    action: str
    text: str
    taken: bool = True
    subject: str = ""
    object: ObjectName | None = None
    field: str = ""
    place: Place | None = None
    where: str = ""
    depth: int = 0
    links: tuple[ObjectName, ...] = ()


class Trace(Frozen):
    """Why a class of outcomes came about; `steps` are places in the scenario's list of steps."""

    label: str
    steps: tuple[int, ...]


class Bounds(Frozen):
    """The least and the most that a share can be, or is by its interval."""

    least: float
    most: float


class Share(Frozen):
    """A class of outcomes: its expected and its seen share (0 to 1).

    Of a sample `count` says how many, and `interval` is its 99.9 % Clopper-Pearson interval. Of the model's
    exact shares there is an interval only where other requests move them.
    """

    label: str
    expected: float
    seen: float
    count: int | None = None
    interval: Bounds | None = None


class End(Frozen):
    """Where a call comes from or ends: a workload, a Service, or a place outside of the cluster."""

    kind: Literal["workload", "service", "outside"]
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Edge(Frozen):
    """A share of a call's requests with one truth: of a sample `count` says of how many requests it is.

    `mesh` is that of mutual TLS. `fast` and `slow` are the least and the most seconds to the whole answer;
    the model counts configured delays alone.
    """

    source: End
    target: End
    truth: Truth
    share: float
    mesh: str = ""
    bounds: Bounds | None = None
    count: int | None = None
    answer: str = ""
    client: str = ""
    fast: float = 0.0
    slow: float = 0.0


class Call(Frozen):
    """Equal requests: what was asked, what became of them, and what the model predicts beside a cluster.

    One from outside goes `through` a gateway's Service, from which its edges then lead. `onward` are the
    calls that applications make to answer, as the model has them.
    """

    source: End
    through: End | None = None
    method: str
    url: str
    basis: Literal["predicted", "observed"]
    edges: tuple[Edge, ...]
    predicted: tuple[Edge, ...] = ()
    onward: tuple[Edge, ...] = ()


class TimelineStep(Frozen):
    """A step of a transition; times are seconds since its load began, counts those of its requests."""

    doing: str
    start: float
    end: float
    requests: int
    failed: int
    unknown: int
    slowest: float


class TimelineFailure(Frozen):
    """A failed request: when, how, and what went on meanwhile."""

    at: float
    what: str
    step: str
    pods: tuple[str, ...] = ()


class Second(Frozen):
    """What became of the requests of one second."""

    second: int
    requests: int
    failed: int
    unknown: int


class Timeline(Frozen):
    """What happened to a load while a stage changed into the next one; `began` is in UTC."""

    load: str
    began: str
    seconds: float
    steps: tuple[TimelineStep, ...]
    by_second: tuple[Second, ...]
    failures: tuple[TimelineFailure, ...]
    pods: tuple[tuple[float, str, str], ...]


class Verdict(Frozen):
    """What became of an expectation in one stage; `moments` are the model's in a transition."""

    stage: int
    result: Judgement
    where: str
    source: str
    because: str = ""
    basis: Literal["predicted", "observed", ""] = ""
    expected: str = ""
    seen: str = ""
    requests: int | None = None
    shares: tuple[Share, ...] = ()
    moments: tuple[Share, ...] = ()
    evidence: tuple[str, ...] = ()
    predicted: str = ""
    drift: str = ""
    traces: tuple[Trace, ...] = ()
    call: Call | None = None
    timeline: Timeline | None = None


class Expectation(Frozen):
    """An expectation by its name, with its verdicts in the order of stages."""

    name: str
    kind: str
    verdicts: tuple[Verdict, ...]


class StepTaken(Frozen):
    """A step of a transition that was taken; `error` says why it failed."""

    doing: str
    seconds: float
    error: str = ""


class Held(Frozen):
    """A workload in a stage: the meshes whose proxies its pods have; `trouble` is what ails them.

    `unknown` says why nobody can tell; then the other fields say nothing.
    """

    namespace: str
    name: str
    meshes: tuple[str, ...] = ()
    pods: int = 0
    trouble: str = ""
    unknown: str = ""


class Stage(Frozen):
    """A stage: the steps to it, and what is there then.

    `reached` is None where this run didn't come to it. `changes` say what is different from the stage before.
    """

    name: str
    where: str = ""
    planned: tuple[str, ...] = ()
    reached: bool | None = None
    error: str = ""
    steps: tuple[StepTaken, ...] = ()
    workloads: tuple[Held, ...] = ()
    changes: tuple[str, ...] = ()


class Scenario(Frozen):
    """A scenario of a run (`run` is its place in the document's list).

    `notes` are lines on what isn't covered, and on what the model doesn't decide. `steps` are those that
    traces name by their places.
    """

    file: str
    name: str
    about: str = ""
    run: int = 0
    stages: tuple[Stage, ...]
    expectations: tuple[Expectation, ...]
    notes: tuple[str, ...] = ()
    steps: tuple[TraceStep, ...] = ()


class Run(Frozen):
    """A run of pytest: on which provider, when (UTC), with which meshes and settings.

    `settings` are those that say how sure a verdict is, as rates and seconds. `shard` is the part of all
    files that it had (`2/3`).
    """

    provider: str
    basis: Literal["predicted", "observed"]
    began: str
    seconds: float = 0.0
    versions: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, float | str] = Field(default_factory=dict)
    status: int = 0
    shard: str = ""


class Problem(Frozen):
    """What kept a part of a run from being judged: a file that can't be read, a fault of the harness."""

    where: str
    what: str


class Document(Frozen):
    """All of a run, or of several that were joined.

    `not_run` are ids of expectations that were collected and have no verdict: nothing is proven of them.
    """

    version: Literal[1] = 1
    made_by: str
    runs: tuple[Run, ...]
    scenarios: tuple[Scenario, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()


def schema() -> dict[str, Any]:
    """Returns the document's JSON schema (draft 2020-12), as a document is written."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        **Document.model_json_schema(mode="serialization"),
    }
