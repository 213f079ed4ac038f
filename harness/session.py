"""The provider of a pytest run, and the scenario that it stands at."""

from __future__ import annotations

import re
import time
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError, InputError, MissingError, did_you_mean
from harness.installation import Installation, Installer
from harness.journal import Journal
from harness.knobs import Knobs
from harness.resumption import resumable, window
from harness.settings import Confidence
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from harness.cluster.settings import ClusterSettings
    from harness.providers.base import Provider
    from harness.providers.context import ContextProvider
    from harness.providers.kind import KindProvider
    from harness.runner import Runner
    from harness.scenario import Scenario

PROPERTY = "harness"
"""The user property of a test report that holds a verdict."""

HEALTH = ("each", "none")
PROVIDERS = ("model", "kind", "context")
PYTEST_KIND_NAME = "pytest-kind"
"""pytest-kind's default for --cluster-name: no name was asked for."""


class Runs:
    """The one provider of this process, made when the first scenario needs it, and its runner."""

    def __init__(self, config: pytest.Config) -> None:
        self.knobs = Knobs(config)
        self.config = config
        self._provider: Provider | None = None
        self._runner: Runner | None = None
        self._unclean = False
        self._began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._bundles: dict[str, Path | None] = {}
        self.warnings: list[str] = []

    @property
    def kind(self) -> str:
        """The provider's name; raises InputError if there is no such provider."""
        name = self.knobs.text("provider")
        if name not in PROVIDERS:
            raise InputError(
                f"unknown provider {name!r}; {did_you_mean(name, PROVIDERS)}", where="--provider"
            )
        return name

    def preflight(self) -> None:
        """Raises InputError for a wrong knob, MissingError for what the provider needs and isn't there."""
        self.confidence()
        if self.knobs.text("health") not in HEALTH:
            raise InputError(did_you_mean(self.knobs.text("health"), HEALTH), where="--health")
        bounded = self.knobs.text("from") or self.knobs.text("until")
        if bounded and self.config.getoption("numprocesses", default=None):
            raise InputError("--from and --until need one process", todo="leave -n out")
        if self.kind != "model":
            self.provider.preflight()

    def ready(self, scenarios: Collection[Scenario]) -> None:
        """Raises MissingError if no scenario's first stage can be reached, or an image can't be had."""
        reason = self._lacking(scenarios)
        if reason:
            raise MissingError(f"no scenario can start: {reason}")
        configs = (config for scenario in scenarios for config in scenario.configs.values())
        apps = (scenario.apps for scenario in scenarios)
        self.provider.require(chain.from_iterable(chain(apps, configs)))

    def _lacking(self, scenarios: Iterable[Scenario]) -> str | None:
        reasons: dict[str, None] = {}
        for scenario in scenarios:
            lacking = [self.provider.lacking(*item) for item in scenario.stages[0].meshes.items()]
            if not any(lacking):
                return None
            reasons |= dict.fromkeys(reason for reason in lacking if reason)
        return "; ".join(reasons) or None

    @property
    def provider(self) -> Provider:
        """The provider, made at first use."""
        if self._provider is None:
            self._provider = self._make()
        return self._provider

    def runner(self, scenario: Scenario) -> Runner:
        """Returns the scenario's runner; the one before is closed first, since they share the ground."""
        if self._runner is None or self._runner.scenario is not scenario:
            from harness.runner import Runner

            self.leave()
            shadow = self._model() if self.kind != "model" else None
            journal = Journal(self.provider.kept_as) if self.provider.kept_as else None
            runner = Runner(
                scenario,
                self.provider,
                shadow,
                self.confidence(),
                journal=journal,
                allow_run=self.knobs.flag("allow-run"),
                checking=self.knobs.text("health") == "each",
            )
            self._begin(runner)
            self._runner = runner
        return self._runner

    def window(self, scenarios: Collection[Scenario]) -> range | None:
        """Returns which stages of the one scenario run, None if all of all do.

        Raises InputError where --from and --until can't be meant so.
        """
        first, last = self.knobs.text("from"), self.knobs.text("until")
        if not (first or last):
            return None
        found = window(scenarios, first, last)
        if first and self.kind != "model":
            resumable(self.provider.kept_as, next(iter(scenarios)), found.start)
        return found

    def _begin(self, runner: Runner) -> None:
        """Has a runner go on from what the journal says, or clears that away."""
        if runner.journal is None:
            return
        start = self.knobs.text("from")
        if start:
            names = [stage.name for stage in runner.scenario.stages]
            runner.resume(resumable(self.provider.kept_as, runner.scenario, names.index(start)))
        elif left := runner.journal.read():
            self.provider.remember(left.memory)
            self.provider.clear()
            runner.journal.forget()

    def close(self) -> bool:
        """Ends the last scenario's run, then the provider's work; returns whether all was cleaned up.

        What wasn't is told by the warnings: a failure to clean up must not hide the verdicts.
        """
        self.leave()
        provider, self._provider = self._provider, None
        if provider is not None:
            self._cleaning(provider.close, "the provider")
        return not self._unclean

    def bundle(self, item: pytest.Item) -> Path | None:
        """Returns a folder with what the cluster was like when the stage first failed; None on the model."""
        stage = item.parent.nodeid if item.parent else item.nodeid
        if self.kind == "model" or self._provider is None:
            return None
        if stage not in self._bundles:
            from harness.providers.cluster import ClusterProvider

            name = re.sub(r"[^\w.-]+", "_", stage)
            folder = self.config.rootpath / self.knobs.text("bundle") / self._began / name
            try:
                made = isinstance(self._provider, ClusterProvider) and self._provider.diagnose(folder)
            except (HarnessError, OSError) as error:  # what failed is told all the same
                self.warnings.append(f"no bundle of {stage}: {error}")
                made = False
            self._bundles[stage] = folder if made else None
        return self._bundles[stage]

    def confidence(self) -> Confidence:
        """Returns how sure verdicts must be."""
        return Confidence(
            false_fail=self.knobs.number("false-fail"),
            false_pass=self.knobs.number("false-pass"),
            deviation=self.knobs.number("deviation"),
            settle=self.knobs.number("settle"),
        )

    def leave(self) -> None:
        """Ends the scenario's run that is under way, if there is one."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self.warnings += runner.warnings
        if runner.journal is not None and self.knobs.text("until"):
            self.warnings.append(runner.stands())
        else:
            self._cleaning(runner.close, str(runner.scenario.path))

    def _cleaning(self, close: Callable[[], None], what: str) -> None:
        try:
            close()
        except HarnessError as error:
            self._unclean = True
            self.warnings.append(f"cleaning up after {what} failed: {error}")

    def _make(self) -> Provider:
        if self.kind == "model":
            return self._model()
        from harness.cluster.interrupts import interrupt_on_sigterm

        interrupt_on_sigterm()
        return self._kind_provider() if self.kind == "kind" else self._context_provider()

    @staticmethod
    def _model() -> Provider:
        from harness.providers.model import ModelProvider

        return ModelProvider()

    def _kind_provider(self) -> KindProvider:
        """A provider with its settings from the knobs and from pytest-kind's own options."""
        from harness.providers.kind import KindProvider, KindSettings

        knobs, defaults = self.knobs, KindSettings()
        return KindProvider(
            KindSettings(
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
        )

    def _context_provider(self) -> ContextProvider:
        """A provider for the cluster of the context that is named."""
        from harness.providers.context import ContextProvider, ContextSettings

        if hasattr(self.config, "workerinput") or self.config.getoption("numprocesses", default=None):
            raise InputError(
                "scenarios share the cluster's namespaces, so they can't run at once",
                where="--provider context",
                todo="run without -n",
            )
        return ContextProvider(
            ContextSettings(
                **vars(self._cluster_settings()),
                context=self.knobs.text("context"),
                kubeconfig=self.knobs.path("kubeconfig"),
                install_mesh=self.knobs.flag("install-mesh"),
            )
        )

    def _cluster_settings(self) -> ClusterSettings:
        """What all real clusters have in common."""
        from harness.cluster.settings import ClusterSettings

        knobs, defaults = self.knobs, ClusterSettings()
        return ClusterSettings(
            istioctl=knobs.text("istioctl"),
            istio_config=knobs.path("istio-config"),
            linkerd=knobs.text("linkerd"),
            helm=knobs.text("helm"),
            installations={mesh: self._installation(mesh) for mesh in Mesh},
            gateway_api_crds=knobs.text("gateway-api-crds") or defaults.gateway_api_crds,
            curl_image=knobs.text("curl-image") or defaults.curl_image,
            parallel=max(1, int(knobs.number("parallel"))),
            request_timeout=knobs.number("request-timeout"),
            timeout=knobs.number("cluster-timeout"),
        )

    def _installation(self, mesh: Mesh) -> Installation:
        """How the options say that a mesh is to be installed."""
        knobs = self.knobs
        version, charts = knobs.text(f"{mesh}-version"), knobs.text(f"{mesh}-charts")
        manifests = knobs.text(f"{mesh}-manifests")
        if charts and manifests:
            raise InputError("charts or manifests, not both", where=f"--{mesh}-charts")
        if manifests:
            return Installation(version, Installer.MANIFESTS, manifests)
        values = knobs.path("istio-config" if mesh is Mesh.ISTIO and not charts else f"{mesh}-values")
        return Installation(version, Installer.HELM if charts else Installer.CLI, charts, values)

    def _cluster_name(self) -> str | None:
        """The name asked for, a worker's own under xdist; None where the provider may choose."""
        name = self._pytest_kind("cluster_name")
        asked = name if name != PYTEST_KIND_NAME else None
        worker = getattr(self.config, "workerinput", {}).get("workerid")
        if worker is None or not (asked or self.knobs.flag("reuse") or self._pytest_kind("keep_cluster")):
            return asked
        return f"{asked or 'harness'}-{worker}"

    def _pytest_kind(self, name: str) -> str | None:
        """The value of one of pytest-kind's options; None where that plugin isn't loaded."""
        value: str | None = self.config.getoption(name, default=None)
        return value


RUNS = pytest.StashKey[Runs]()
