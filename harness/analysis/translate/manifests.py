"""Manifests translated, by the harness itself or by ingress2gateway and then put right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.translate import ingress2gateway
from harness.analysis.translate.to_istio import translation as to_istio
from harness.analysis.translate.translation import Translation, translate
from harness.base.vocabulary import Mesh
from harness.manifests.documents import MAX_BYTES, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.base.resources import Resource

_TRANSLATORS = {Mesh.LINKERD: translate, Mesh.ISTIO: to_istio.translate}


def translated(
    resources: Sequence[Resource],
    *,
    to: Mesh = Mesh.LINKERD,
    tool: bool = False,
    tool_output: Path | None = None,
) -> Translation:
    """Returns the translation of objects that were read of manifests, for a mesh from the other one.

    `tool` has ingress2gateway translate them, or takes what it printed from a file, and puts that right.
    Raises InputError with file:line for what can't be read, MissingError without the tool.
    """
    if not tool:
        return _TRANSLATORS[to](resources)
    name = str(tool_output or ingress2gateway.TOOL)
    text = read_text(tool_output, MAX_BYTES) if tool_output else ingress2gateway.output(_files(resources))
    return ingress2gateway.repaired(resources, ingress2gateway.raw(text, name))


def _files(resources: Iterable[Resource]) -> Iterable[Path]:
    """The files that objects stand in; what kubectl made of a kustomization stands in none."""
    sources = dict.fromkeys(Path(resource.where.source) for resource in resources)
    return (path for path in sources if path.is_file())
