"""How a mesh's control plane is brought into a cluster: with which tool, from what, in which version."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Installer(StrEnum):
    """What installs a control plane."""

    CLI = "cli"
    """istioctl, or the linkerd CLI."""
    HELM = "helm"
    MANIFESTS = "manifests"
    """Rendered YAML, applied as it is."""
    EXTENSION = "extension"
    """What another package brings."""


@dataclass(frozen=True)
class Installation:
    """A control plane as it is asked for; the empty one takes whatever version the mesh's own CLI installs.

    `source` is the manifests' file or folder, or where charts are (a folder, or a repository's name or
    URL), or an extension's name. `values` is the CLI's or helm's file of settings. A `version` may leave its
    end out: 1.31 is 1.31.0, too.
    """

    version: str = ""
    installer: Installer = Installer.CLI
    source: str = ""
    values: Path | None = None
    gateway_api: str = ""
    """The release and channel of the Gateway API that comes with it (`1.6/standard`); empty takes any."""

    def over(self, other: Installation) -> Installation:
        """Returns this one with what it leaves open taken from another."""
        if self == DEFAULT:
            return other
        if other.gateway_api and not self.gateway_api:
            return replace(self, gateway_api=other.gateway_api).over(other)
        values = self.values or (other.values if self.installer is other.installer else None)
        if self.source or self.installer is not Installer.CLI:
            return replace(self, version=self.version or other.version, values=values)
        version, values = self.version or other.version, self.values or other.values
        return replace(other, version=version, values=values, gateway_api=self.gateway_api)

    def accepts(self, version: str) -> bool:
        """Returns whether a version is the one that is asked for."""
        wanted, given = self.version.removeprefix("v"), version.removeprefix("v")
        return not wanted or given == wanted or given.startswith((f"{wanted}.", f"{wanted}-"))


DEFAULT = Installation()
