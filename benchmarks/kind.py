"""What the harness adds to the tools' own times on kind: `python -m benchmarks.kind [--runs N]`.

Each run makes two clusters, one after the other, with Istio and an app: by kind, istioctl and kubectl
alone, one waiting for the other, and by the harness. Settings are those of the harness's environment
(HARNESS_NODE_IMAGE, HARNESS_ISTIO_CONFIG, HARNESS_GATEWAY_API_CRDS, HARNESS_LOAD_IMAGE).
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh
from harness.cluster.api.settings import GATEWAY_API_CRDS
from harness.cluster.api.tools import run
from harness.ground.kind import KindProvider, KindSettings
from harness.manifests.files import read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path("manifests/faces")
SECONDS = 900.0


class Clock:
    """Seconds of each step, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Times a step."""
        start = perf_counter()
        yield
        self.seconds[step] = perf_counter() - start


def settings() -> KindSettings:
    """Returns what the environment says."""
    config = os.environ.get("HARNESS_ISTIO_CONFIG")
    return KindSettings(
        node_image=os.environ.get("HARNESS_NODE_IMAGE"),
        istio_config=Path(config) if config else None,
        gateway_api_crds=os.environ.get("HARNESS_GATEWAY_API_CRDS") or GATEWAY_API_CRDS,
        images=tuple(os.environ.get("HARNESS_LOAD_IMAGE", "").split()),
        timeout=SECONDS,
    )


def bare(chosen: KindSettings) -> Clock:
    """Returns how long the tools take by themselves."""
    clock, name = Clock(), f"bare-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = f"{folder}/kubeconfig"

        def tool(*argv: str) -> None:
            run(argv, timeout=SECONDS)

        def kubectl(*argv: str) -> None:
            tool("kubectl", "--kubeconfig", kubeconfig, *argv)

        image = ["--image", chosen.node_image] if chosen.node_image else []
        config = ["-f", str(chosen.istio_config)] if chosen.istio_config else []
        try:
            with clock("kind create cluster"):
                tool(
                    "kind",
                    "create",
                    "cluster",
                    "--name",
                    name,
                    "--kubeconfig",
                    kubeconfig,
                    "--wait",
                    "5m",
                    *image,
                )
            if chosen.images:
                with clock("kind load"):
                    tool("kind", "load", "docker-image", "--name", name, *chosen.images)
            with clock("istioctl install"):
                kubectl("apply", "--server-side", "-f", chosen.gateway_api_crds)
                tool("istioctl", "install", "-y", "--kubeconfig", kubeconfig, *config)
            with clock("kubectl apply, wait"):
                kubectl("create", "namespace", "faces")
                kubectl("label", "namespace", "faces", "istio-injection=enabled")
                kubectl("apply", "-f", str(APP))
                kubectl(
                    "-n", "faces", "wait", "--for=condition=Available", "deployment", "--all", "--timeout=5m"
                )
        finally:
            with clock("delete"):
                tool("kind", "delete", "cluster", "--name", name, "--kubeconfig", kubeconfig)
    return clock


def harness(chosen: KindSettings) -> Clock:
    """Returns how long the harness takes for the same."""
    clock, provider = Clock(), KindProvider(chosen)
    app = read_manifests(APP)
    try:
        provider.require(app)
        with clock("cluster and images"):
            provider.provide_images(())
        with clock("Istio"):
            provider.install(Mesh.ISTIO)
        with clock("app"):
            provider.place("faces", [Mesh.ISTIO])
            provider.deploy(app)
    finally:
        with clock("delete"):
            provider.close()
    return clock


def main() -> None:
    """Prints the steps of each run, the sums, and what the harness adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    chosen = settings()
    for number in range(parser.parse_args().runs):
        sums = {}
        for kind in (bare, harness):
            clock = kind(chosen)
            sums[kind.__name__] = sum(clock.seconds.values())
            steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in clock.seconds.items())
            print(f"run {number + 1}, {kind.__name__:<8}{sums[kind.__name__]:>7.1f} s: {steps}", flush=True)
        print(f"run {number + 1}, overhead {sums['harness'] / sums['bare'] - 1:+.0%}", flush=True)


if __name__ == "__main__":
    main()
