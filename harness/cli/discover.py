"""`harness discover`: what is in use, what becomes of it, and in which order to migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.base import InputError
from harness.base.files import write_text
from harness.cli.options import (
    DEFAULT,
    AsHtml,
    AsJson,
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


def discover(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests: files, folders, dumps or kustomizations.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
    helm_values: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What `helm get values istiod -o yaml` printed, or the IstioOperator file of istioctl.",
        ),
    ] = None,
    as_json: AsJson = False,
    html: AsHtml = None,
) -> None:
    """Tell which of Istio's features are in use, what becomes of each, and in which order to migrate."""
    # The other commands need no translator.
    from harness.analysis.discover import discover as discovered
    from harness.analysis.discover import installation
    from harness.report import discovery

    with reported():
        if not (paths or helm_values or context):
            raise InputError(
                "nothing to look at",
                todo="name manifests, a cluster (--context), or an installation's values (--helm-values)",
            )
        if context:
            if paths or gateway_api:
                what = "--context goes with neither manifests nor --gateway-api"
                raise InputError(f"{what}: the cluster says what there is")
            resources = cluster_objects(context, kubeconfig)
        else:
            if kubeconfig:
                raise InputError("--kubeconfig goes with --context alone")
            how = ReadOptions(recursive, namespace, strict, gateway_api)
            manifests = manifests_of(paths or (), how, running=True)
            resources = manifests.resources
        settings = [setting for file in helm_values or () for setting in installation.of_file(file)]
        if not (resources or settings):
            where = ", ".join(map(str, (*(paths or ()), *(helm_values or ()))))
            todo = "name manifests that hold some"
            raise InputError("there is no object to look at", where=where, todo=todo)
        estate = discovered(resources, settings)
        if html:
            from harness.report.html.views import discovery as view  # templates take long to import

            write_text(html, view.page(estate))
    tell(discovery.data(estate) if as_json else discovery.text(estate), nl=False)
