"""Installers of meshes that other packages bring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from harness.base.extensions import Extensible, subclass_of

if TYPE_CHECKING:
    from pathlib import Path

    from harness.base import Installation, Mesh


class MeshInstaller(ABC):
    """Installs a mesh's control plane on a cluster in a way of its own: by an operator, say.

    `kind` is the name that a scenario has below `meshes`, as `installer`. Each method raises HarnessError.
    """

    kind: ClassVar[str]

    @abstractmethod
    def lacking(self, mesh: Mesh, wanted: Installation) -> str | None:
        """Returns why it can't be installed from here as it is wanted, or None."""

    @abstractmethod
    def install(self, mesh: Mesh, wanted: Installation, kubeconfig: Path, seconds: float) -> None:
        """Installs it within so many seconds; the harness waits for the Deployments itself."""

    @abstractmethod
    def uninstall(self, mesh: Mesh, wanted: Installation, kubeconfig: Path, seconds: float) -> None:
        """Takes away what it has put there; the harness deletes the control plane's namespace itself."""


INSTALLERS = Extensible[type[MeshInstaller]]("installers", {}, subclass_of(MeshInstaller))
"""The installers by their names."""
