"""pytest's fixtures for scenarios that are written in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.base import Mesh
from harness.plugin.session import RUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.base import Workload
    from harness.expectations import Verdict
    from harness.plugin.bench import Bench
    from harness.traffic.outcomes import Outcomes


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The ground that --provider chooses; what the test makes there is taken away at its end."""
    from harness.plugin.bench import Bench  # most runs need no fixture

    runs = request.config.stash[RUNS]
    bench = Bench(runs, request.node, tmp_path)
    yield bench
    runs.leave()


@pytest.fixture
def istio(cluster: Bench) -> Mesh:
    """Istio, installed by the first stage; the test is skipped where it can't be had."""
    return cluster.install(Mesh.ISTIO)


@pytest.fixture
def linkerd(cluster: Bench) -> Mesh:
    """Linkerd, installed by the first stage; the test is skipped where it can't be had."""
    return cluster.install(Mesh.LINKERD)


@pytest.fixture
def frontend_backend(cluster: Bench) -> dict[str, Workload]:
    """The workloads of manifests/frontend-backend by name, which the first stage deploys."""
    return cluster.app("frontend-backend")


@pytest.fixture
def faces(cluster: Bench) -> dict[str, Workload]:
    """The workloads of manifests/faces by name, which the first stage deploys."""
    return cluster.app("faces")


@pytest.fixture
def stage(cluster: Bench) -> Callable[..., None]:
    """Brings the ground to its next stage: `stage("both", install=["linkerd"])`, see `Bench.stage`."""
    return cluster.stage


@pytest.fixture
def probe(cluster: Bench) -> Callable[..., Outcomes]:
    """Sends requests: `probe("shop/web", "http://cart/", count=20)`, see `Bench.probe`."""
    return cluster.probe


@pytest.fixture
def expect(cluster: Bench) -> Callable[..., Verdict]:
    """Judges one expectation: `expect(allow={"from": …, "to": …})`, see `Bench.expect`."""
    return cluster.expect
