"""`harness discover`: manifests, a cluster or an installation's values in, a report out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.discover import installation, report
from harness.analysis.discover.discovery import discover
from harness.base.errors import InputError
from harness.manifests.files import read_manifests

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def run(
    paths: Collection[Path],
    values: Collection[Path],
    context: str | None,
    kubeconfig: Path | None,
    *,
    as_json: bool,
) -> str:
    """Returns what to print about manifests, or a cluster, and files of an installation's values.

    Raises InputError for what can't be read, MissingError for an unknown context, ApiError where the cluster
    doesn't answer or forbids it.
    """
    if context is None and kubeconfig:
        raise InputError("--kubeconfig goes with --context alone")
    if context and paths:
        raise InputError("--context goes with no manifests: the cluster says what there is")
    if not (paths or values or context):
        raise InputError(
            "nothing to look at",
            todo="name manifests, a cluster (--context), or an installation's values (--helm-values)",
        )
    if context:
        from harness.cluster.objects import snapshot  # files need no Kubernetes client

        resources = snapshot.read(context, kubeconfig).objects
    else:
        resources = tuple(one for path in paths for one in read_manifests(path, running=True))
    settings = [setting for file in values for setting in installation.of_file(file)]
    found = discover(resources, settings)
    return report.data(found) if as_json else report.text(found)
