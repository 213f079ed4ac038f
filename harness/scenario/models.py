"""What a scenario is, as written (pydantic models) and as loaded (frozen dataclasses)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from harness.api.schema.releases import Release
from harness.base import InputError, Mesh, ObjectName, Workload
from harness.base.display import line
from harness.expectations.traffic.availability import Available
from harness.expectations.values import MeshName, Seconds, Strict, mesh_or_none, text_as
from harness.manifests import patching
from harness.scenario.steps import Install, Site
from harness.traffic.outside import ALLOWED, NOTHING_KNOWN, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.analysis.translate import Translation
    from harness.base import Installation, Resource
    from harness.expectations import Expectation
    from harness.ground.ground import Provider
    from harness.scenario.steps import Step
    from harness.traffic.load import Load

_KEY = "gateway_api of the scenario"

MeshWord = Literal["istio", "linkerd", "none"]


def one_line(name: str) -> str:
    """Returns a name that can be part of a pytest node id; raises ValueError for another."""
    if not name.strip() or "::" in name or line(name) != name:
        raise ValueError("a name is text in one line, without '::'")
    return name


def _placement(value: object) -> object:
    if not isinstance(value, (str, list)):
        raise ValueError("write istio, linkerd, none, or a list of those asked for")
    meshes = [mesh_or_none(name) for name in (value if isinstance(value, list) else [value])]
    return frozenset(mesh for mesh in meshes if mesh is not None)


Name = Annotated[str, AfterValidator(one_line)]
Object = Annotated[ObjectName, text_as(ObjectName.parse)]
Placement = Annotated[
    frozenset[Mesh], BeforeValidator(_placement, json_schema_input_type=MeshWord | list[MeshWord])
]
"""The meshes that are asked to inject a namespace."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class PatchFile(Strict):
    """A patch as written: what to merge (RFC 7386), or the operations of a JSON patch (RFC 6902)."""

    target: Object
    merge: dict[str, Any] | None = None
    json_: list[dict[str, Any]] | None = Field(default=None, alias="json")

    def faults(self) -> Iterator[str]:
        if (self.merge is None) is (self.json_ is None):
            yield "a patch says one of merge and json"
        for operation in self.json_ or ():
            patching.check(operation)


class WaitFile(Strict):
    """A condition as written: of the object `for`."""

    for_: Object = Field(alias="for")
    condition: str = ""
    field: str = ""
    is_: Any = Field(default=None, alias="is")
    absent: Literal[True] | None = None
    within: Seconds | None = None

    def faults(self) -> Iterator[str]:
        if sum(map(bool, (self.condition, self.field, self.absent))) > 1:
            yield "a wait says one of condition, field and absent"
        if self.is_ is not None and not self.field:
            yield "'is' goes with 'field'"


Waits = Annotated[list[WaitFile], BeforeValidator(_as_list, json_schema_input_type=WaitFile | list[WaitFile])]


class TransitionFile(Strict):
    """Steps as written; they are done in the order of these keys.

    So a namespace's new configuration is there before its pods are injected anew, its old one goes after
    that, and what must have come about by then is waited for last.
    """

    install: list[MeshName] = Field(default_factory=list)
    apply: list[str] = Field(default_factory=list)
    patch: list[PatchFile] = Field(default_factory=list)
    translate: list[str] = Field(default_factory=list)
    mesh: dict[str, Placement] = Field(default_factory=dict)
    restart: list[str] = Field(default_factory=list)
    remove: list[str] = Field(default_factory=list)
    uninstall: list[MeshName] = Field(default_factory=list)
    wait: Waits = Field(default_factory=list)
    do: list[dict[str, Any]] = Field(default_factory=list)
    run: list[str] = Field(default_factory=list)


class StageFile(TransitionFile):
    """A stage as written: how it is reached from the one before, and what must be true in it.

    One that begins `anew` needs none before it. `steps` take the place of the keys of a transition where
    another order is wanted.
    """

    name: Name
    anew: bool = False
    steps: list[TransitionFile] = Field(default_factory=list)
    accepted: list[str] = Field(default_factory=list)
    needs: list[Literal["network-policy"]] = Field(default_factory=list)
    expect: list[dict[str, Any]] = Field(default_factory=list)

    def faults(self) -> Iterator[str]:
        beside = sorted(self.model_fields_set & TransitionFile.model_fields.keys())
        if self.steps and beside:
            yield f"{', '.join(beside)} beside steps: which is first? Write it as one of the steps"


class TranslationFile(Strict):
    """A config that is translated of other ones."""

    translate: str | list[str]

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the configs that it is translated of."""
        return (self.translate,) if isinstance(self.translate, str) else tuple(self.translate)


def _release(text: str) -> str:
    try:
        return str(Release.parse(text)) if text else ""
    except InputError as error:
        raise ValueError(f"{error.what}; {error.todo}") from error


GatewayAPI = Annotated[str, text_as(_release)]
"""A release and channel of the Gateway API."""


class InstallationFile(Strict):
    """How a mesh is installed: by its own CLI, an `installer` of another package, `charts` or `manifests`."""

    version: str = ""
    installer: str = ""
    charts: str = ""
    manifests: str = ""
    values: str = ""

    def faults(self) -> Iterator[str]:
        if sum(map(bool, (self.installer, self.charts, self.manifests))) > 1:
            yield "a mesh is installed by one of installer, charts and manifests"
        if self.manifests and self.values:
            yield "manifests are rendered already: 'values' change nothing of them"


class MeshesFile(Strict):
    """How the meshes are installed."""

    istio: InstallationFile = InstallationFile()
    linkerd: InstallationFile = InstallationFile()


class AuthorizerFile(Strict):
    """What an external authorizer answers: 200 lets a request through, 5xx is an error."""

    status: int = Field(default=ALLOWED, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""


class OutsideFile(Strict):
    """What is told of the world around the cluster, for the model.

    Files with the keys at each `jwksUri`, and what the authorizers answer that MeshConfig names.
    """

    jwks: dict[str, str] = Field(default_factory=dict)
    authorizers: dict[str, AuthorizerFile] = Field(default_factory=dict)


class ScenarioFile(Strict):
    """A scenario file as written."""

    name: Name
    about: str = ""
    apps: list[str] = Field(min_length=1)
    configs: dict[str, str | TranslationFile] = Field(default_factory=dict)
    undecided: list[str] = Field(default_factory=list)
    meshes: MeshesFile = MeshesFile()
    gateway_api: GatewayAPI = ""
    outside: OutsideFile = OutsideFile()
    always: list[dict[str, Any]] = Field(default_factory=list)
    during: list[dict[str, Any]] = Field(default_factory=list)
    stages: list[StageFile] = Field(min_length=1)

    @field_validator("configs")
    @classmethod
    def _named(cls, configs: dict[str, str | TranslationFile]) -> dict[str, str | TranslationFile]:
        if "" in configs:
            raise ValueError("a config needs a name")
        return configs


@dataclass(frozen=True)
class Check:
    """An expectation in a stage, and where it is written (`source` holds its lines).

    One that takes another's place says `because` of what; `asked` is the other, which mustn't hold there.
    """

    name: str
    expectation: Expectation
    where: str
    source: str
    because: str = ""
    asked: Expectation | None = None


@dataclass(frozen=True)
class Stage:
    """A named state of the migration, the transition's steps to it, and what must be true in it.

    `accepted` are codes of findings that the meshes' own checks may have in it, `needs` what the ground must
    be able to: it isn't reached elsewhere. Before one that begins `anew` all is taken away; none before it
    needs to be reached. `where` is its place in the file.
    """

    name: str
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()
    accepted: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    anew: bool = False
    where: str = ""

    @property
    def meshes(self) -> Mapping[Mesh, Installation]:
        """The meshes that the transition to this stage needs to have."""
        return {
            mesh: wanted
            for step in self.steps
            if isinstance(step, Install)
            for mesh, wanted in step.meshes.items()
        }

    @property
    def loads(self) -> Mapping[str, Load]:
        """What is sent in the transition to this stage, by the names of the expectations that judge it."""
        return {
            check.name: check.expectation.load()
            for check in self.checks
            if isinstance(check.expectation, Available)
        }

    @property
    def unready(self) -> frozenset[Workload]:
        """The workloads that are expected not to be ready in it."""
        return frozenset(workload for check in self.checks for workload in check.expectation.unready())

    @property
    def digest(self) -> str:
        """What tells two transitions apart, as text."""
        return sha256("\n".join(map(repr, self.steps)).encode()).hexdigest()


@dataclass(frozen=True)
class Scenario:
    """A loaded scenario: its references resolved, its manifests read, its translations made.

    `sources` names, of each translated config, those that it is translated of. `undecided` are objects that
    the model doesn't decide with, and that somebody answers for. `notes` are lines on what was read.
    `gateway_api` is the release of the Gateway API that it wants; empty takes any. `outside` is what it tells
    of the world around the cluster.
    """

    path: Path
    name: str
    apps: tuple[Resource, ...]
    configs: Mapping[str, tuple[Resource, ...]]
    stages: tuple[Stage, ...]
    translations: Mapping[str, Translation] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    gateway_api: str = ""
    outside: Outside = NOTHING_KNOWN
    about: str = ""

    @property
    def beginnings(self) -> tuple[Stage, ...]:
        """The stages that need none before them."""
        return tuple(stage for index, stage in enumerate(self.stages) if stage.anew or not index)

    def beginning(self, index: int) -> int:
        """Returns the place of the stage from which a run to another stage begins."""
        return max(place for place in range(index + 1) if self.stages[place].anew or not place)

    def site(self, provider: Provider, *, allow_run: bool = False) -> Site:
        """Returns a site where nothing of it is done yet."""
        configs, translations = dict(self.configs), dict(self.translations)
        definitions = Release.parse(self.gateway_api).definitions(_KEY) if self.gateway_api else ()
        return Site(
            provider,
            self.apps,
            configs,
            translations,
            self.sources,
            allow_run=allow_run,
            definitions=definitions,
        )
