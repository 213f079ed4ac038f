"""What a pytest run asks for: the values of its knobs, and the provider that they choose."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import InputError, Installation, Installer, Mesh, did_you_mean
from harness.base.settings import KNOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from harness.base.settings import Knob
    from harness.cluster.api import ClusterSettings
    from harness.ground.context import ContextProvider
    from harness.ground.ground import Provider
    from harness.ground.kind import KindProvider

PROVIDERS = ("model", "kind", "context")

PYTEST_KIND_NAME = "pytest-kind"
"""pytest-kind's default for --cluster-name: no name was asked for."""

SHARED_NAME, SHARED_KUBECONFIG = "harness_cluster", "harness_kubeconfig"
"""Under these keys a worker of pytest-xdist is told of the cluster that it shares."""


class Knobs:
    """The values of all knobs, from options, environment and configuration file."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.knobs = {knob.name: knob for knob in KNOBS}

    def text(self, name: str) -> str:
        """Returns a knob's value as text."""
        knob = self.knobs[name]
        return str(self._chosen(knob) or knob.default)

    def flag(self, name: str) -> bool:
        """Returns whether a flag is on."""
        return str(self._chosen(self.knobs[name]) or "").lower() in ("true", "1", "yes", "on")

    def many(self, name: str) -> tuple[str, ...]:
        """Returns all values of a knob that may be given several times."""
        values = self._chosen(self.knobs[name])
        values = values or self.knobs[name].default
        return tuple(values.split()) if isinstance(values, str) else tuple(values)

    def number(self, name: str) -> float:
        """Returns a knob's value as a finite number; raises InputError if it isn't one."""
        try:
            value = float(self.text(name))
        except ValueError:
            value = nan
        if not isfinite(value):
            raise InputError(f"{self.text(name)!r} isn't a number", where=self.knobs[name].option)
        return value

    def positive(self, name: str) -> float:
        """Returns a knob's value as a number above zero; raises InputError if it isn't one."""
        value = self.number(name)
        if value <= 0:
            raise InputError(f"{self.text(name)} isn't above 0", where=self.knobs[name].option)
        return value

    def count(self, name: str) -> int:
        """Returns a knob's value as a whole number from 1 on; raises InputError if it isn't one."""
        value = self.positive(name)
        if value != int(value):
            raise InputError(f"{self.text(name)} isn't a whole number", where=self.knobs[name].option)
        return int(value)

    def path(self, name: str) -> Path | None:
        """Returns a knob's value as a path that exists, or None; raises InputError if it doesn't exist."""
        text = self.text(name)
        if text and not Path(text).is_file():
            raise InputError(f"there is no file {text!r}", where=self.knobs[name].option)
        return Path(text) if text else None

    def _chosen(self, knob: Knob) -> str | list[str] | None:
        value: str | list[str] | None = self.config.getoption(knob.ini, default=None)
        if not value and knob.theirs:
            value = self.config.getoption(knob.name, default=None)  # pytest-kind's
        return value or os.environ.get(knob.variable) or self.config.getini(knob.ini)


@dataclass(frozen=True)
class Choice:
    """Makes the provider that a run's knobs, and pytest-kind's own options, ask for.

    `worker` is what pytest-xdist told this process, if it is one of its workers.
    """

    knobs: Knobs
    config: pytest.Config
    worker: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The provider's name; raises InputError if there is no such provider."""
        name = self.knobs.text("provider")
        if name not in PROVIDERS:
            raise InputError(
                f"unknown provider {name!r}; {did_you_mean(name, PROVIDERS)}",
                where=self.knobs.knobs["provider"].option,
            )
        return name

    @property
    def sharing(self) -> str | None:
        """The cluster that other workers or shards use, too: its name, or its context's; None if none is."""
        if (self.worker or self.knobs.text("shard")) and self.kind == "context":
            return self.knobs.text("context")
        return self.worker.get(SHARED_NAME)

    def make(self) -> Provider:
        """Returns the provider; raises InputError for a wrong knob."""
        if self.kind == "model":
            return self.model()
        from harness.cluster.ownership.ownership import interrupt_on_sigterm

        interrupt_on_sigterm()
        return self._kind_provider() if self.kind == "kind" else self._context_provider()

    @staticmethod
    def model() -> Provider:
        """Returns a model of its own."""
        from harness.ground.model import ModelProvider

        return ModelProvider()

    def _kind_provider(self) -> KindProvider:
        from harness.ground.kind import KindProvider, KindSettings

        knobs, defaults = self.knobs, KindSettings()
        settings = KindSettings(
            **vars(self._cluster_settings()),
            cluster_name=self._cluster_name(),
            keep=bool(self._pytest_kind("keep_cluster")),
            reuse=knobs.flag("reuse"),
            resume=bool(knobs.text("from")),
            node_image=self._pytest_kind("kind_image") or knobs.text("node-image") or None,
            kind_bin=self._pytest_kind("kind_bin") or defaults.kind_bin,
            kubectl_bin=self._pytest_kind("kind_kubectl_bin") or defaults.kubectl_bin,
            images=knobs.many("load-image"),
        )
        if SHARED_NAME in self.worker:
            from harness.ground.shared import SharedKindProvider

            shared = replace(settings, cluster_name=self.worker[SHARED_NAME])
            return SharedKindProvider(shared, Path(self.worker[SHARED_KUBECONFIG]))
        return KindProvider(settings)

    def _context_provider(self) -> ContextProvider:
        from harness.ground.context import ContextProvider, ContextSettings

        settings = ContextSettings(
            **vars(self._cluster_settings()),
            context=self.knobs.text("context"),
            kubeconfig=self.knobs.path("kubeconfig"),
            install_mesh=self.knobs.flag("install-mesh"),
        )
        return ContextProvider(settings)

    def _cluster_settings(self) -> ClusterSettings:
        """What all real clusters have in common."""
        from harness.cluster.api.settings import ClusterSettings

        knobs, defaults = self.knobs, ClusterSettings()
        return ClusterSettings(
            istioctl=knobs.text("istioctl"),
            istio_config=knobs.path("istio-config"),
            linkerd=knobs.text("linkerd"),
            helm=knobs.text("helm"),
            installations={mesh: self._installation(mesh) for mesh in Mesh},
            gateway_api_crds=knobs.text("gateway-api-crds") or defaults.gateway_api_crds,
            curl_image=knobs.text("curl-image") or defaults.curl_image,
            openssl_image=knobs.text("openssl-image"),
            parallel=knobs.count("parallel"),
            request_timeout=knobs.positive("request-timeout"),
            timeout=knobs.positive("cluster-timeout"),
        )

    def _installation(self, mesh: Mesh) -> Installation:
        """How the options say that a mesh is to be installed."""
        knobs = self.knobs
        version, charts = knobs.text(f"{mesh}-version"), knobs.text(f"{mesh}-charts")
        manifests = knobs.text(f"{mesh}-manifests")
        if charts and manifests:
            raise InputError("charts or manifests, not both", where=f"--harness-{mesh}-charts")
        if manifests:
            return Installation(version, Installer.MANIFESTS, manifests)
        values = knobs.path("istio-config" if mesh is Mesh.ISTIO and not charts else f"{mesh}-values")
        return Installation(version, Installer.HELM if charts else Installer.CLI, charts, values)

    def _cluster_name(self) -> str | None:
        """The name asked for, a worker's own under xdist; None where the provider may choose."""
        name = self._pytest_kind("cluster_name")
        wanted = name if name != PYTEST_KIND_NAME else None
        worker = self.worker.get("workerid")
        if worker is None or not (wanted or self.knobs.flag("reuse") or self._pytest_kind("keep_cluster")):
            return wanted
        return f"{wanted or 'harness'}-{worker}"

    def _pytest_kind(self, name: str) -> str | None:
        """The value of one of pytest-kind's options; None where that plugin isn't loaded."""
        value: str | None = self.config.getoption(name, default=None)
        return value
