"""istioctl: how it installs Istio, and why it can't."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.base.installation import DEFAULT, Installation, Installer
from harness.base.vocabulary import Mesh
from harness.cluster.api.tools import find, run
from harness.manifests.documents import plain
from harness.meshes import istio_tls
from harness.meshes.charts import STATISTICS
from harness.meshes.source import lacking_source

if TYPE_CHECKING:
    from pathlib import Path

    from harness.cluster.api.settings import ClusterSettings
    from harness.cluster.api.tools import Run

_TOOL_SECONDS = 30.0


def install_argv(istioctl: str, kubeconfig: Path, config: Path | None, deadline_seconds: float) -> list[str]:
    """Returns `istioctl install` with the user's IstioOperator file (else the default profile).

    The statistics that show mutual TLS are added to those that the file asks for.
    """
    chosen = ["-f", str(config)] if config else ["--set", "profile=default"]
    first = _suffixes_in(config) if config else 0
    statistics = [
        part
        for index, suffix in enumerate(istio_tls.TLS_STATISTICS, start=first)
        for part in ("--set", f"{STATISTICS}[{index}]={suffix}")
    ]
    common = ["--kubeconfig", str(kubeconfig), "--readiness-timeout", f"{deadline_seconds:.0f}s"]
    return [istioctl, "install", "-y", *common, *chosen, *statistics]


def _suffixes_in(config: Path) -> int:
    """How many suffixes of statistics the user's file asks for itself."""
    found: object = plain(config.read_text())
    for key in ("spec", *STATISTICS.split(".")):
        found = found.get(key) if isinstance(found, dict) else None
    return len(found) if isinstance(found, list) else 0


def lacking(settings: ClusterSettings, wanted: Installation = DEFAULT, run: Run = run) -> str | None:
    """Returns why Istio can't be installed from here as it is wanted, or None."""
    if wanted.installer is not Installer.CLI:
        return lacking_source(Mesh.ISTIO, wanted, settings.helm)
    istioctl, config = settings.istioctl, settings.istio_config
    if find(istioctl) is None:
        return (
            f"{istioctl} isn't on PATH: install it (https://istio.io/latest/docs/setup), or say where it is"
        )
    if config and not config.is_file():
        return f"{config}, the file for `istioctl install -f`, isn't there"
    if wanted.version:
        argv = [str(find(istioctl)), "version", "--remote=false", "--output", "json"]
        found = json.loads(run(argv, timeout=_TOOL_SECONDS))["clientVersion"]["version"]
        if not wanted.accepts(found):
            return f"{istioctl} is of version {found}, and {wanted.version} is asked for"
    return None
