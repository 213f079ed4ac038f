"""Scenarios on a kind cluster that another process has made, and that several use at once."""

from __future__ import annotations

import atexit
import os
import shutil
from typing import TYPE_CHECKING

from harness.base.installation import DEFAULT, Installation
from harness.cluster.api.interrupts import interrupt_on_sigterm
from harness.cluster.ownership import ownership
from harness.cluster.ownership.turns import turn
from harness.ground.kind import KindProvider

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from harness.base.vocabulary import Mesh
    from harness.ground.kind import KindSettings, SharedCluster


class SharedKindProvider(KindProvider):
    """Works in a cluster that outlives it, in namespaces of its own.

    What acts on all (control planes, the nodes' images) is done by one process at a time.
    """

    def __init__(self, settings: KindSettings, cluster: SharedCluster) -> None:
        super().__init__(settings)
        self.cluster_name = cluster.name
        self.lasting = False
        self._shared = cluster

    def connect(self) -> Path:
        """Returns a kubeconfig (0600, in a directory 0700) for the shared cluster."""
        self._lease = lease = ownership.take(ownership.KIND, f"{self.cluster_name}.{os.getpid()}")
        atexit.register(self.close)
        interrupt_on_sigterm()
        shutil.copy(self._shared.kubeconfig, lease.kubeconfig)
        return lease.kubeconfig

    def provide_images(self, images: Collection[str]) -> None:
        """Loads those images that are in the local Docker; the nodes pull the others."""
        with turn(self.cluster_name, "images"):
            super().provide_images(images)

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        """Installs a mesh's control plane, unless another process has."""
        with turn(self.cluster_name, f"install-{mesh}"):
            super().install(mesh, wanted)
