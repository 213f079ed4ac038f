"""`harness translate`: manifests in, files and findings out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.translate import ingress2gateway, writer
from harness.analysis.translate.translation import Translation, translate
from harness.base.errors import InputError, did_you_mean
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh
from harness.manifests.documents import read_text
from harness.manifests.files import MAX_BYTES, SUFFIXES, place, read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from harness.analysis.translate.finding import Finding
    from harness.base.resources import Resource


_TRANSLATORS = ("builtin", ingress2gateway.TOOL)


def run(
    paths: Iterable[Path],
    to: str,
    using: str,
    tool_output: Path | None,
    context: str | None,
    kubeconfig: Path | None,
) -> Translation:
    """Returns the translation that the options ask for; raises InputError if they don't go together."""
    paths = tuple(paths)
    if to != Mesh.LINKERD:
        raise InputError(f"can't translate to {to!r}", todo=did_you_mean(to, (Mesh.LINKERD,)))
    if using not in _TRANSLATORS:
        raise InputError(f"unknown translator {using!r}", todo=did_you_mean(using, _TRANSLATORS))
    tool = using == ingress2gateway.TOOL
    if tool_output and not tool:
        raise InputError("--tool-output goes with --using ingress2gateway")
    if context is not None:
        if paths or tool:
            raise InputError("--context goes with neither manifests nor ingress2gateway")
        return translated_cluster(context, kubeconfig)
    if not paths or kubeconfig:
        raise InputError("nothing to translate", todo="name manifests, or a cluster's context (--context)")
    return translated(paths, tool=tool, tool_output=tool_output)


def translated(paths: Iterable[Path], *, tool: bool = False, tool_output: Path | None = None) -> Translation:
    """Returns the translation of manifests, whose findings have the line of their field.

    `tool` has ingress2gateway translate them, or takes what it printed from a file, and puts that right.
    Raises InputError with file:line for what can't be read, MissingError without the tool.
    """
    paths = tuple(paths)
    resources = [resource for path in paths for resource in read_manifests(path)]
    if not tool:
        made = translate(resources)
    else:
        name = str(tool_output or ingress2gateway.TOOL)
        text = read_text(tool_output, MAX_BYTES) if tool_output else ingress2gateway.output(_files(paths))
        made = ingress2gateway.repaired(resources, ingress2gateway.raw(text, name))
    return replace(made, findings=located(made.findings))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (
            sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else (path,)
        )


def translated_cluster(context: str, kubeconfig: Path | None) -> Translation:
    """Returns the translation of what a cluster holds, which is read and not changed.

    Raises MissingError for an unknown context, ApiError where the cluster doesn't answer or forbids it.
    """
    from harness.cluster.objects import snapshot  # files need no Kubernetes client

    return translate(of_cluster(snapshot.read(context, kubeconfig).objects))


def output(made: Translation, folder: Path | None) -> tuple[str, str]:
    """Writes a translation to a folder, if there is one; returns what to print, and to tell beside it."""
    told = [str(finding) for finding in made.findings]
    told += [
        f"patch {patch.kind} {patch.namespace}/{patch.name}:\n  do:  {writer.patch_command(patch)}"
        for patch in made.patches
    ]
    if folder is None:
        return writer.manifests(made.translated, made.findings), "".join(f"{one}\n" for one in told)
    texts = writer.files(made)
    writer.write(folder, texts)
    listed = "".join(f"{folder / name}\n" for name in texts)
    return listed, "".join(f"{one}\n" for one in told)


def located(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns findings with the line of their field in place of their object's, where it is in a file."""
    # A rule's name may follow its path.
    return tuple(replace(one, where=place(one.origin, one.field.partition(" ")[0])) for one in findings)


def of_cluster(objects: Iterable[Resource]) -> tuple[Resource, ...]:
    """Returns a live cluster's objects without what its controllers made, and what holds no configuration."""
    return tuple(
        one
        for one in objects
        if one.kind not in ("Secret", "Node", "Endpoints", "EndpointSlice")
        and not any(owner.get("controller") for owner in one.data["metadata"].get("ownerReferences") or ())
        and one.namespace not in PLATFORM - {ROOT_NAMESPACE}
    )
