"""`harness doctor`: what of a real cluster's needs is on this machine, and what to do about the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.base.settings import KNOBS
from harness.cluster.api import SITES, find, run
from harness.cluster.objects.docker import NODE_REPOSITORY, Images, images_of
from harness.manifests.files import read_manifests
from harness.meshes.charts import istio_images, linkerd_images

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness.cluster.api import Run

_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """One thing that scenarios on real clusters need: what there is of it, or what to do where it is missing.

    What isn't `needed` is for some scenarios only, or can be pulled.
    """

    what: str
    found: str = ""
    todo: str = ""
    needed: bool = False

    @property
    def there(self) -> bool:
        """Whether it is there."""
        return bool(self.found)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, and which scenarios they let run on kind."""

    findings: tuple[Finding, ...]

    def can_run(self, *whats: str) -> bool:
        """Whether all that is needed is there, and these things too."""
        there = {finding.what for finding in self.findings if finding.there}
        return all(finding.there for finding in self.findings if finding.needed) and set(whats) <= there

    def lines(self) -> tuple[str, ...]:
        """Returns what to print: a line for each finding, then what can run."""
        width = max(len(finding.what) for finding in self.findings)
        rows = [
            f"{'✓' if finding.there else '✗' if finding.needed else '-'} {finding.what:<{width}}  "
            + (finding.found or f"missing: {finding.todo}")
            for finding in self.findings
        ]
        istio, linkerd = ("istioctl", "Istio's images"), ("linkerd", "Linkerd's images")
        scenarios = {"Istio": istio, "Linkerd": linkerd, "two meshes": (*istio, *linkerd)}
        rows += [
            "",
            *(f"scenarios with {mesh} on kind {self._verdict(*uses)}" for mesh, uses in scenarios.items()),
        ]
        return tuple(rows)

    def _verdict(self, *whats: str) -> str:
        tools = [what for what in whats if not what.endswith("images")]
        if not self.can_run(*tools):
            return "can't run"
        return "can run" if self.can_run(*whats) else "can run if images can be pulled"


def diagnose(tool: Run = run, apps: Iterable[Path] = ()) -> Diagnosis:
    """Returns what there is; `apps` are the folders of manifests whose images are looked for."""
    engine = _program("docker", ["version", "--format", "{{.Server.Version}}"], tool, "docker")
    findings = [
        Finding(
            "pytest-kind",
            "installed" if find_spec("pytest_kind") else "",
            "pip install 'mesh-migration-harness[kind]'",
            needed=True,
        ),
        engine,
        *tools(tool),
    ]
    if engine.there:
        findings += _images(tool, findings, apps)
    return Diagnosis(tuple(findings))


def tools(tool: Run = run) -> tuple[Finding, ...]:
    """Returns the command line tools that work on clusters, each with its version if it is there."""
    return (
        _program("kind", ["version"], tool, "kind"),
        _program("kubectl", ["version", "--client"], tool, "kubectl"),
        _program(_knob("istioctl"), ["version", "--remote=false"], tool, "istioctl", needed=False),
        _program(_knob("linkerd"), ["version", "--client", "--short"], tool, "linkerd", needed=False),
    )


def _program(name: str, arguments: Sequence[str], tool: Run, what: str, *, needed: bool = True) -> Finding:
    path = find(name)
    if path is None:
        return Finding(what, "", f"{name} isn't on PATH: {SITES[what]}", needed)
    try:
        printed = tool([str(path), *arguments], timeout=_SECONDS).strip().splitlines()
    except HarnessError as error:
        return Finding(what, "", f"{path} doesn't work: {error.why or error.what}", needed)
    return Finding(what, f"{printed[0] if printed else 'there'} ({path})", "", needed)


def _images(tool: Run, programs: Sequence[Finding], apps: Iterable[Path]) -> list[Finding]:
    """The images that are used, and whether the local Docker has them; those that it hasn't are pulled."""
    images = Images(tool)
    node = _knob("node-image") or images.newest_node()
    there = {program.what for program in programs if program.there}
    wanted = {
        "node image": [node] if node else [],
        "Istio's images": istio_images(_knob("istioctl"), _knob("istio-config"), tool)
        if "istioctl" in there
        else [],
        "Linkerd's images": linkerd_images(_knob("linkerd"), tool) if "linkerd" in there else [],
        "apps' images": sorted({image for path in apps for image in images_of(read_manifests(path))}),
        "curl image": [_knob("curl-image") or "curlimages/curl:8.7.1"],
    }
    findings = [_local(what, names, images) for what, names in wanted.items() if names]
    if not node:
        findings.append(
            Finding("node image", "", f"kind pulls its default, or: docker load one of {NODE_REPOSITORY}")
        )
    return findings


def _local(what: str, names: Sequence[str], images: Images) -> Finding:
    missing = [name for name in names if not images.local(name)]
    if not missing:
        return Finding(what, ", ".join(names))
    return Finding(what, "", f"not in the local Docker, pulled at need: {', '.join(missing)}")


def _knob(name: str) -> str:
    [knob] = [knob for knob in KNOBS if knob.name == name]
    return os.environ.get(knob.variable) or knob.default
