"""What a scenario is, as written (pydantic models) and as loaded (frozen dataclasses)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from harness.expectations.base import MeshName, Strict, mesh_or_none
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.expectations import Expectation
    from harness.resources import Resource


def one_line(name: str) -> str:
    """Returns a name that can be part of a pytest node id; raises ValueError for another."""
    if not name.strip() or "::" in name or "\n" in name:
        raise ValueError("a name is text in one line, without '::'")
    return name


def _placement(value: object) -> object:
    if not isinstance(value, (str, list)):
        raise ValueError("write istio, linkerd, none, or a list of those asked for")
    meshes = [mesh_or_none(one) for one in (value if isinstance(value, list) else [value])]
    return frozenset(mesh for mesh in meshes if mesh is not None)


Name = Annotated[str, AfterValidator(one_line)]
MeshWord = Literal["istio", "linkerd", "none"]
Placement = Annotated[
    frozenset[Mesh], BeforeValidator(_placement, json_schema_input_type=MeshWord | list[MeshWord])
]
"""The meshes that are asked to inject a namespace."""


class StageFile(Strict):
    """A stage as written: how it is reached from the one before, and what must be true in it.

    A transition's steps run in this order: install, apply, mesh, restart, remove, uninstall; so a
    namespace's new configuration is there before its pods are injected anew, and its old one goes last.
    """

    name: Name
    install: list[MeshName] = Field(default_factory=list)
    apply: list[str] = Field(default_factory=list)
    mesh: dict[str, Placement] = Field(default_factory=dict)
    restart: list[str] = Field(default_factory=list)
    remove: list[str] = Field(default_factory=list)
    uninstall: list[MeshName] = Field(default_factory=list)
    expect: list[dict[str, Any]] = Field(default_factory=list)


class ScenarioFile(Strict):
    """A scenario file as written."""

    name: Name
    about: str = ""
    apps: list[str] = Field(min_length=1)
    configs: dict[str, str] = Field(default_factory=dict)
    always: list[dict[str, Any]] = Field(default_factory=list)
    stages: list[StageFile] = Field(min_length=1)

    @field_validator("configs")
    @classmethod
    def _named(cls, configs: dict[str, str]) -> dict[str, str]:
        if "" in configs:
            raise ValueError("a config needs a name")
        return configs


@dataclass(frozen=True)
class Check:
    """An expectation in a stage, and where it is written (`source` holds its lines)."""

    name: str
    expectation: Expectation
    where: str
    source: str


@dataclass(frozen=True)
class Stage:
    """A named state of the migration, the transition to it, and what must be true in it."""

    name: str
    install: tuple[Mesh, ...]
    apply: tuple[str, ...]
    place: Mapping[str, frozenset[Mesh]]
    restart: tuple[str, ...]
    remove: tuple[str, ...]
    uninstall: tuple[Mesh, ...]
    checks: tuple[Check, ...]

    @property
    def meshes(self) -> frozenset[Mesh]:
        """The meshes that the transition to this stage needs to have."""
        return frozenset(self.install).union(*self.place.values())


@dataclass(frozen=True)
class Scenario:
    """A loaded scenario: its references resolved, its manifests read."""

    path: Path
    name: str
    apps: tuple[Resource, ...]
    configs: Mapping[str, tuple[Resource, ...]]
    stages: tuple[Stage, ...]
