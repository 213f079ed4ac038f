"""Kubernetes objects as read from the user's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Resource:
    """A Kubernetes object, cleaned of what a cluster adds (status, managedFields, uid…).

    `data` is the whole object as plain dicts and lists: treat it as read-only. `where` is
    its `file:line`, empty for objects that came from no file. `namespace` is empty for
    cluster-scoped kinds. `created` is when a live cluster made it (RFC 3339, in UTC), empty if unknown.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    data: dict[str, Any] = field(repr=False, compare=False)
    where: str = field(default="", compare=False)
    created: str = field(default="", compare=False)

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The API version inside its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the object, whichever version it is written in."""
        return (self.group, self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
