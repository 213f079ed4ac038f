"""Scenarios on a cluster that is someone else's, by a context of a kubeconfig that is named."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base import DEFAULT, Installation, StageError
from harness.cluster.api import ClusterSettings
from harness.cluster.api.kubeconfig import extract
from harness.cluster.objects.apply import Applier
from harness.cluster.ownership import ownership, reclaim
from harness.cluster.ownership.guest import Guest
from harness.cluster.ownership.ownership import Record
from harness.ground.cluster import ClusterProvider

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from harness.base import Mesh, Resource
    from harness.cluster.api import Client, Discovery


@dataclass(frozen=True)
class ContextSettings(ClusterSettings):
    """Which cluster is used, and what may be done to it."""

    context: str = ""
    """The context's name: it is the consent, so no default is taken."""
    kubeconfig: Path | None = None
    """The file that has it; None: where kubectl looks."""
    install_mesh: bool = False
    """Whether meshes that aren't there may be installed; they stay."""


class ContextProvider(ClusterProvider):
    """Works on someone else's cluster, in the namespaces that it makes or that the scenario places.

    All that it makes bears the run's label, and nothing else is deleted. What a killed run leaves is
    reclaimed by the next one on the context, or by `harness clean`.
    """

    name = "context"
    settings: ContextSettings

    def __init__(self, settings: ContextSettings) -> None:
        super().__init__(settings)
        self.run_id = secrets.token_hex(4)
        self._installed_here: set[Mesh] = set()

    def preflight(self) -> None:
        """Raises InputError or MissingError where there is no such context; the cluster isn't asked yet."""
        extract(self.settings.context, self.settings.kubeconfig)

    def require(self, resources: Iterable[Resource]) -> None:
        """Requires nothing: the cluster's nodes pull their images themselves."""

    def provide_images(self, images: Collection[str]) -> None:
        """Brings nothing: the cluster's nodes pull their images themselves."""

    def connect(self) -> Path:
        """Returns a kubeconfig (0600, in a directory 0700) that holds the named context alone."""
        config = extract(self.settings.context, self.settings.kubeconfig)
        lease = self._hold(ownership.CONTEXT, self.run_id)
        lease.kubeconfig.touch(0o600)
        lease.kubeconfig.write_text(config)
        lease.write(Record(ownership.CONTEXT, self.settings.context, run=self.run_id))
        reclaim.dead_guests(self.settings.context)
        return lease.kubeconfig

    def make_applier(self, client: Client, discovery: Discovery, *, system: bool = False) -> Applier:
        """Returns an applier that is a guest; for control planes only where they mustn't be installed."""
        assert self._lease is not None, "there is a connection"
        if system and self.settings.install_mesh:
            return Applier(client, discovery)
        return Guest(client, discovery, self.run_id, self._lease.directory / reclaim.JOURNAL)

    def lacking(self, mesh: Mesh, wanted: Installation = DEFAULT) -> str | None:
        """Returns why there is no such mesh here, and none can be installed; None where there is one."""
        if self._at.planes[mesh].healthy():
            return None
        if self.settings.install_mesh:
            return super().lacking(mesh, wanted)
        there = "isn't healthy" if self._at.planes[mesh].installed() else "isn't installed"
        where = f"{mesh} {there} in context {self.settings.context}"
        return f"{where}: install it, or allow that: --harness-install-mesh"

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        """Takes the mesh that is there; installs one, which then stays, if that is allowed."""
        reason = self.lacking(mesh, wanted)
        if reason:
            raise StageError(f"{mesh} can't be had", why=reason)
        if not self._at.planes[mesh].healthy():
            self._installed_here.add(mesh)
        super().install(mesh, wanted)

    def uninstall(self, mesh: Mesh) -> None:
        """Takes a control plane away that this run installed; raises StageError for any other."""
        if mesh not in self._installed_here:
            raise StageError(
                f"{mesh} isn't uninstalled: its control plane is someone else's",
                todo="leave it out of `uninstall`, or run the scenario with --harness-provider kind",
            )
        super().uninstall(mesh)

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        """Has these meshes inject a namespace: the scenario names it, so that it may be used."""
        self._guest.admit(namespace)
        super().place(namespace, meshes)

    def close(self) -> None:
        """Ends the provider's work; what `clear` couldn't take away waits for `harness clean`."""
        lease = self._let_go()
        if lease is None:
            return
        if "_at" in self.__dict__ and reclaim.left(self._at.client, self.run_id):
            lease.release()
        else:
            lease.remove()

    @property
    def _guest(self) -> Guest:
        applier = self._at.applier
        assert isinstance(applier, Guest)
        return applier

    def _unplace(self, namespace: str) -> None:
        if self._guest.unmark(namespace):
            self.restart(namespace)
