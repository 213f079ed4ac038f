"""Scenarios on a kind cluster that another process has made, and that several use at once."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from harness.base import DEFAULT, Installation
from harness.cluster.ownership import ownership
from harness.cluster.ownership.ownership import turn
from harness.ground.kind import KindProvider

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from harness.base import Mesh
    from harness.ground.kind import KindSettings


class SharedKindProvider(KindProvider):
    """Works in a cluster that outlives it, in namespaces of its own.

    What acts on all (control planes, the nodes' images) is done by one process at a time.
    """

    def __init__(self, settings: KindSettings, kubeconfig: Path) -> None:
        """`kubeconfig` is that of the process which made the cluster."""
        super().__init__(settings)
        self.lasting = False
        self._shared = kubeconfig

    def connect(self) -> Path:
        """Returns a kubeconfig (0600, in a directory 0700) for the shared cluster."""
        lease = self._hold(ownership.KIND, f"{self.cluster_name}.{os.getpid()}")
        shutil.copy(self._shared, lease.kubeconfig)
        return lease.kubeconfig

    def provide_images(self, images: Collection[str]) -> None:
        with turn(self.cluster_name, "images"):
            super().provide_images(images)

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        with turn(self.cluster_name, f"install-{mesh}"):
            super().install(mesh, wanted)
