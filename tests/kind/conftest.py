"""A real kind cluster with Istio, for the tests that are marked `kind`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from harness.base.errors import MissingError
from harness.base.vocabulary import Mesh


def settings(**changes):
    from harness.cluster.api.settings import GATEWAY_API_CRDS
    from harness.ground.kind import KindSettings

    config, cli = os.environ.get("HARNESS_ISTIO_CONFIG"), os.environ.get("HARNESS_LINKERD")
    return KindSettings(
        **{
            "node_image": os.environ.get("HARNESS_NODE_IMAGE") or None,
            "istio_config": Path(config) if config else None,
            "gateway_api_crds": os.environ.get("HARNESS_GATEWAY_API_CRDS") or GATEWAY_API_CRDS,
            "images": tuple(os.environ.get("HARNESS_LOAD_IMAGE", "").replace(",", " ").split()),
            **({"linkerd": cli} if cli else {}),
            **changes,
        }
    )


@pytest.fixture(scope="session")
def ground():
    """A provider whose cluster has Istio; deleted at the end."""
    from harness.ground.kind import KindProvider

    provider = KindProvider(settings())
    try:
        provider.preflight()
    except MissingError as error:
        pytest.skip(str(error))
    lacking = provider.lacking(Mesh.ISTIO)
    if lacking:
        pytest.skip(lacking)
    try:
        provider.install(Mesh.ISTIO)
        yield provider
    finally:
        provider.close()


@pytest.fixture(scope="session")
def kubectl(ground):
    """Runs kubectl on the cluster, as somebody else than the harness."""
    from harness.cluster.api.tools import run

    def call(*arguments: str) -> str:
        return run([shutil.which("kubectl"), "--kubeconfig", str(ground.kubeconfig), *arguments], timeout=60)

    return call
