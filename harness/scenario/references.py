"""What expectations name: it must be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import workloads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.base.resources import Resource
    from harness.expectations import Reference
    from harness.manifests.documents import KeyPath
    from harness.scenario.problems import Problems


def check(
    problems: Problems,
    reference: Reference,
    path: KeyPath,
    configs: Mapping[str, tuple[Resource, ...]],
    translated: Collection[str],
    apps: Iterable[Resource],
) -> None:
    """Notes a config (of those `translated`, if it must be), an object or a workload that isn't there."""
    if reference.config is not None:
        noun, known = ("translated config", translated) if reference.translated else ("config", configs)
        if reference.config not in known:
            problems.unknown(path, noun, reference.config, known)
    if reference.object_of is not None and reference.object_of[0] in configs:
        config, name = reference.object_of
        objects = [str(resource) for resource in configs[config]]
        if name not in objects:
            problems.unknown(path, f"object of config {config}", name, objects)
    if reference.workload is None:
        return
    there = workloads(apps)
    if reference.workload.namespace:
        if reference.workload not in there:
            problems.unknown(path, "workload", str(reference.workload), map(str, there))
        return
    same = [workload for workload in there if workload.name == reference.workload.name]
    if not same:
        problems.unknown(path, "workload", reference.workload.name, (w.name for w in there))
    elif len(same) > 1:
        problems.add(path, f"several workloads have this name: {', '.join(map(str, same))}")
