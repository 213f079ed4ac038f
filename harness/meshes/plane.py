"""What the meshes have in common on a real cluster: how one is installed, taken away, looked for, checked."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.api import marks
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.workload import PodController
from harness.base import DEFAULT, Installation, Installer, Mesh, StageError
from harness.base.vocabulary import CONTROL_PLANES
from harness.cluster.api import DEPLOYMENTS, SITES, find, run
from harness.cluster.objects.rollout import is_scaled_to_nothing, wait_for_rollouts
from harness.manifests.files import read_manifests
from harness.meshes import charts
from harness.meshes.installers import INSTALLERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from harness.base import Resource
    from harness.cluster.api import Client, ClusterSettings, Deadline, Json, Run
    from harness.cluster.objects.apply import Applier

TOOL_SECONDS = 30.0


class Plane(ABC):
    """A mesh on one cluster, installed by its own CLI, by helm, or from manifests that somebody rendered."""

    mesh: Mesh
    cli: ClassVar[str]
    releases: ClassVar[tuple[charts.Release, ...]]
    main: ClassVar[tuple[str, str]]
    """The Deployment without which there is no control plane, and its container with the mesh's version."""

    def __init__(
        self, client: Client, applier: Applier, run: Run, kubeconfig: Path, settings: ClusterSettings
    ) -> None:
        self._client = client
        self._applier = applier
        self._run = run
        self._kubeconfig = kubeconfig
        self._settings = settings
        self._home = CONTROL_PLANES[self.mesh]

    @classmethod
    def missing(cls, settings: ClusterSettings, wanted: Installation = DEFAULT, run: Run = run) -> str | None:
        """Returns why it can't be installed from here as it is wanted, or None."""
        if wanted.installer is Installer.EXTENSION:
            return INSTALLERS[wanted.source]().lacking(cls.mesh, wanted)
        if wanted.installer is Installer.MANIFESTS:
            return None if Path(wanted.source).exists() else f"there are no manifests {wanted.source}"
        from_charts = wanted.installer is Installer.HELM
        tool = settings.helm if from_charts else settings.cli(cls.mesh)
        if find(tool) is None:
            if from_charts:
                why = f"and {cls.mesh} is to be installed from charts: https://helm.sh/docs/intro/install"
                return f"{tool} isn't on PATH, {why}"
            return f"{tool} isn't on PATH: install it ({SITES[cls.cli]}), or say where it is"
        if reason := cls._unfit(settings, wanted):
            return reason
        if wanted.version and not (
            from_charts or wanted.accepts(there := cls._cli_version(str(find(tool)), run))
        ):
            return f"{tool} is of version {there}, and {wanted.version} is asked for"
        return None

    @staticmethod
    @abstractmethod
    def _unfit(settings: ClusterSettings, wanted: Installation) -> str | None:
        """Why what the tool, which is there, is given doesn't suffice."""

    @staticmethod
    @abstractmethod
    def _cli_version(tool: str, run: Run) -> str: ...

    def lacking(self, wanted: Installation = DEFAULT) -> str | None:
        return self.missing(self._settings, wanted, self._run)

    def installed(self) -> bool:
        return self._main() is not None

    def version(self) -> str:
        """Returns the tag of the image of the main container, which is its program's version."""
        deployment = self._main()
        for container in PodController.live(deployment).template.spec.containers if deployment else ():
            if container.name == self.main[1]:
                name, _, tag = container.image.partition("@")[0].rpartition(":")
                return tag if name and "/" not in tag else ""
        return ""

    def install(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        match wanted.installer:
            case Installer.CLI:
                self._install_by_cli(deadline, wanted)
            case Installer.HELM:
                self._run_all(
                    charts.install_argvs(self._settings.helm, self.releases, wanted, self._kubeconfig),
                    deadline,
                )
            case Installer.MANIFESTS:
                self._applier.make_namespace(self._home, deadline)  # charts leave theirs out
                self._applier.apply(self._rendered(wanted), deadline)
            case Installer.EXTENSION:
                INSTALLERS[wanted.source]().install(self.mesh, wanted, self._kubeconfig, deadline.left)
        wait_for_rollouts(self._client, self._home, deadline)

    def uninstall(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        """Takes away what the CLI, helm or manifests have put there; the namespace last."""
        match wanted.installer:
            case Installer.CLI:
                gone = self._uninstall_by_cli(deadline)
            case Installer.HELM:
                self._run_all(
                    charts.uninstall_argvs(self._settings.helm, self.releases, self._kubeconfig), deadline
                )
                gone = [self._home]
            case Installer.MANIFESTS:
                gone = self._delete(self._rendered(wanted)[::-1], deadline)
            case Installer.EXTENSION:
                INSTALLERS[wanted.source]().uninstall(self.mesh, wanted, self._kubeconfig, deadline.left)
                gone = [self._home]
        self._applier.delete_namespaces(gone, deadline)

    def asks(self, namespace: Json) -> bool:
        metadata = Metadata.live(namespace)
        return marks.asks(self.mesh, metadata.labels, metadata.annotations)

    def _main(self) -> Json | None:
        return self._client.find(DEPLOYMENTS.path(self._home, self.main[0]))

    @abstractmethod
    def _install_by_cli(self, deadline: Deadline, wanted: Installation) -> None: ...

    @abstractmethod
    def _uninstall_by_cli(self, deadline: Deadline) -> list[str]:
        """Deletes all but namespaces, whose names are returned."""

    def _delete(self, listed: Sequence[Resource], deadline: Deadline) -> list[str]:
        """Deletes all but namespaces, whose names are returned."""
        self._applier.delete([resource for resource in listed if resource.kind != "Namespace"], deadline)
        return [resource.name for resource in listed if resource.kind == "Namespace"]

    @staticmethod
    def _rendered(wanted: Installation) -> tuple[Resource, ...]:
        return read_manifests(Path(wanted.source))

    def _run_all(self, argvs: Sequence[Sequence[str]], deadline: Deadline) -> None:
        for argv in argvs:
            self._run(argv, timeout=deadline.left)

    def _argv(self, *arguments: str) -> list[str]:
        """The CLI's command line."""
        tool = self._settings.cli(self.mesh)
        return [str(find(tool) or tool), *arguments, "--kubeconfig", str(self._kubeconfig)]


def refuse_scaled_down(deployment: Json, so: str) -> None:
    """Raises StageError, with what comes of it, if a control plane's Deployment is to have no pods."""
    metadata = Metadata.live(deployment)
    if is_scaled_to_nothing(deployment):
        raise StageError(
            f"{metadata.name} is scaled to 0, so {so}",
            where=f"Deployment {metadata.namespace}/{metadata.name}",
            todo=f"kubectl -n {metadata.namespace} scale deployment/{metadata.name} --replicas=1",
        )


def analyzed(text: str, namespaces: Collection[str], accepted: Collection[str]) -> list[str]:
    """Returns the errors of `istioctl analyze -o json` in these namespaces, bar the accepted codes."""
    findings: list[dict[str, Any]] = _parsed(text, "istioctl analyze") or []
    return [
        f"{finding['code']} {finding.get('origin', '')}: {finding['message']}"
        for finding in findings
        if finding["level"] == "Error" and finding["code"] not in accepted and _concerns(finding, namespaces)
    ]


def checked(text: str) -> list[str]:
    """Returns the errors that `linkerd check -o json` found; its warnings are none."""
    return [
        f"{category['categoryName']}: {check['description']}: {check.get('error', '')}{_hint(check)}"
        for category in _parsed(text, "linkerd check")["categories"]
        for check in category["checks"]
        if check["result"] == "error"
    ]


def _hint(check: dict[str, Any]) -> str:
    return f" (see {check['hint']})" if check.get("hint") else ""


def _concerns(finding: dict[str, Any], namespaces: Collection[str]) -> bool:
    """Whether a finding is about one of these namespaces, or an object in them, or of the whole cluster."""
    kind, _, name = str(finding.get("origin", "")).partition(" ")
    namespace, slash, _ = name.partition("/")
    return namespace in namespaces if slash or kind == "Namespace" else True


def _parsed(text: str, tool: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise StageError(f"{tool} gave no answer", why=text.strip() or "it printed nothing") from None
