"""`kustomization`: a mesh that a platform team installs by a kustomization of its own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, ClassVar

from harness import MeshInstaller, StageError

if TYPE_CHECKING:
    from pathlib import Path

    from harness import Installation, Mesh


class Kustomization(MeshInstaller):
    """Applies the kustomization that `values` names.

    As a scenario writes it::

        meshes: {istio: {installer: kustomization, values: platform/istio/kustomization.yaml}}
    """

    kind: ClassVar[str] = "kustomization"

    def lacking(self, mesh: Mesh, wanted: Installation) -> str | None:
        if wanted.values is None:
            return f"the kustomization of {mesh} isn't named: meshes.{mesh}.values"
        return None if shutil.which("kubectl") else "kubectl isn't on PATH"

    def install(self, mesh: Mesh, wanted: Installation, kubeconfig: Path, seconds: float) -> None:
        self._kubectl("apply", "--server-side", wanted=wanted, kubeconfig=kubeconfig, seconds=seconds)

    def uninstall(self, mesh: Mesh, wanted: Installation, kubeconfig: Path, seconds: float) -> None:
        self._kubectl("delete", "--ignore-not-found", wanted=wanted, kubeconfig=kubeconfig, seconds=seconds)

    @staticmethod
    def _kubectl(*arguments: str, wanted: Installation, kubeconfig: Path, seconds: float) -> None:
        assert wanted.values is not None, "`lacking` has looked"
        command = ["kubectl", "--kubeconfig", kubeconfig, *arguments, "-k", wanted.values.parent]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds)
        except subprocess.CalledProcessError as error:
            raise StageError(f"kubectl {arguments[0]} failed", why=error.stderr.strip()) from error
        except subprocess.TimeoutExpired as error:
            raise StageError(f"kubectl {arguments[0]} didn't end within {seconds:.0f} s") from error
