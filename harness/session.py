"""The provider of a pytest run, and the scenario that it stands at."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError, InputError, MissingError, did_you_mean
from harness.settings import KNOBS, Confidence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from harness.providers.base import Provider
    from harness.providers.kind import KindProvider
    from harness.runner import Runner
    from harness.scenario import Scenario
    from harness.settings import Knob

PROPERTY = "harness"
"""The user property of a test report that holds a verdict."""

PROVIDERS = ("model", "kind")
PYTEST_KIND_NAME = "pytest-kind"
"""pytest-kind's default for --cluster-name: no name was asked for."""


class Knobs:
    """The values of all knobs, from options, environment and configuration file."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.knobs = {knob.name: knob for knob in KNOBS}

    def text(self, name: str) -> str:
        """Returns a knob's value as text."""
        knob = self.knobs[name]
        return str(self._given(knob) or knob.default)

    def flag(self, name: str) -> bool:
        """Returns whether a flag is on."""
        return str(self._given(self.knobs[name]) or "").lower() in ("true", "1", "yes", "on")

    def many(self, name: str) -> tuple[str, ...]:
        """Returns all values of a knob that may be given several times."""
        given = self._given(self.knobs[name])
        return tuple(given.split()) if isinstance(given, str) else tuple(given or ())

    def number(self, name: str) -> float:
        """Returns a knob's value as a number; raises InputError if it isn't one."""
        try:
            return float(self.text(name))
        except ValueError as error:
            raise InputError(f"{self.text(name)!r} isn't a number", where=self.knobs[name].option) from error

    def path(self, name: str) -> Path | None:
        """Returns a knob's value as a path that exists, or None; raises InputError if it doesn't exist."""
        text = self.text(name)
        if text and not Path(text).is_file():
            raise InputError(f"there is no file {text!r}", where=self.knobs[name].option)
        return Path(text) if text else None

    def _given(self, knob: Knob) -> str | list[str] | None:
        given: str | list[str] | None = self.config.getoption(knob.ini)
        return given or os.environ.get(knob.variable) or self.config.getini(knob.ini)


class Runs:
    """The one provider of this process, made when the first scenario needs it, and its runner."""

    def __init__(self, config: pytest.Config) -> None:
        self.knobs = Knobs(config)
        self.config = config
        self._provider: Provider | None = None
        self._runner: Runner | None = None
        self._unclean = False
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
        if self.kind == "kind":
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
            lacking = [self.provider.lacking(mesh) for mesh in sorted(scenario.stages[0].meshes)]
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

            self._leave()
            shadow = self._model() if self.kind != "model" else None
            self._runner = Runner(scenario, self.provider, shadow, self.confidence())
        return self._runner

    def close(self) -> bool:
        """Ends the last scenario's run, then the provider's work; returns whether all was cleaned up.

        What wasn't is told by the warnings: a failure to clean up must not hide the verdicts.
        """
        self._leave()
        provider, self._provider = self._provider, None
        if provider is not None:
            self._cleaning(provider.close, "the provider")
        return not self._unclean

    def confidence(self) -> Confidence:
        """Returns how sure verdicts must be."""
        return Confidence(
            false_fail=self.knobs.number("false-fail"),
            false_pass=self.knobs.number("false-pass"),
            deviation=self.knobs.number("deviation"),
            settle=self.knobs.number("settle"),
        )

    def _leave(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            self.warnings += runner.warnings
            self._cleaning(runner.close, str(runner.scenario.path))

    def _cleaning(self, close: Callable[[], None], what: str) -> None:
        try:
            close()
        except HarnessError as error:
            self._unclean = True
            self.warnings.append(f"cleaning up after {what} failed: {error}")

    def _make(self) -> Provider:
        return self._model() if self.kind == "model" else self._kind_provider()

    @staticmethod
    def _model() -> Provider:
        from harness.providers.model import ModelProvider

        return ModelProvider()

    def _kind_provider(self) -> KindProvider:
        """A provider with its settings from the knobs and from pytest-kind's own options."""
        from harness.providers.kind import KindProvider, KindSettings

        knobs = self.knobs
        defaults = KindSettings()
        return KindProvider(
            KindSettings(
                cluster_name=self._cluster_name(),
                keep=bool(self._pytest_kind("keep_cluster")),
                reuse=knobs.flag("reuse"),
                node_image=self._pytest_kind("kind_image") or knobs.text("node-image") or None,
                kind_bin=self._pytest_kind("kind_bin") or defaults.kind_bin,
                kubectl_bin=self._pytest_kind("kind_kubectl_bin") or defaults.kubectl_bin,
                images=knobs.many("load-image"),
                istioctl=knobs.text("istioctl"),
                istio_config=knobs.path("istio-config"),
                linkerd=knobs.text("linkerd"),
                gateway_api_crds=knobs.text("gateway-api-crds") or defaults.gateway_api_crds,
                curl_image=knobs.text("curl-image") or defaults.curl_image,
                parallel=max(1, int(knobs.number("parallel"))),
                request_timeout=knobs.number("request-timeout"),
                timeout=knobs.number("cluster-timeout"),
            )
        )

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
