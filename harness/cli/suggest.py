"""`harness suggest`: a scenario of a configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError
from harness.cli.options import (
    DEFAULT,
    Context,
    GatewayAPI,
    Kubeconfig,
    Namespace,
    ReadOptions,
    Recursive,
    Strict,
    cluster_objects,
    manifests_of,
    reported,
)
from harness.cli.output import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.suggest.sources import Sources


def suggest(
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The scenario to write.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests: the apps, and Istio's configuration.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
    by_namespace: Annotated[
        bool, typer.Option("--by-namespace", help="A stage for each namespace, not one for all.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Expectations of each topic, at most.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Write a scenario of a configuration: what it does now, as expectations for a move to Linkerd."""
    from harness.suggest.composition import compose  # the other commands suggest nothing

    with reported():
        how = ReadOptions(recursive, namespace, strict, gateway_api)
        sources = sources_of(paths or [], context, kubeconfig, how)
        summary = compose(sources, file, by_namespace=by_namespace, limit=limit, force=force)
    tell(summary, nl=False)


def sources_of(
    paths: Sequence[Path],
    context: str | None,
    kubeconfig: Path | None,
    how: ReadOptions,
) -> Sources:
    """Returns what the scenario is made of; raises InputError for options that don't go together."""
    from harness.api.kubernetes.metadata import configuration
    from harness.api.schema.releases import Release
    from harness.suggest.sources import of_objects, of_paths

    if context is None:
        if not paths or kubeconfig:
            raise InputError("nothing to read", todo="name manifests, or a cluster's context (--context)")
        release = Release.parse(how.gateway_api, "--gateway-api") if how.gateway_api else None
        return of_paths(paths, manifests_of(paths, replace(how, gateway_api=None)), release)
    if paths or how.gateway_api:
        what = "--context goes with neither manifests nor --gateway-api"
        raise InputError(f"{what}: the cluster says what there is")
    return of_objects(configuration(cluster_objects(context, kubeconfig)))
