"""An object that the API server or a webhook won't take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from harness.base.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource


class Fault(str):
    """What a webhook finds wrong, in its words; `path` is that of the field that it is about."""

    __slots__ = ("path",)
    path: str

    def __new__(cls, words: str, path: str) -> Self:
        fault = super().__new__(cls, words)
        fault.path = path
        return fault


def about(path: str, faults: Iterable[str]) -> Iterator[Fault]:
    """Yields the faults of a part of an object: those that tell no nearer field are about that part."""
    for fault in faults:
        yield fault if isinstance(fault, Fault) else Fault(fault, path)


class Refused(HarnessError):  # noqa: N818
    """The API server's or a webhook's refusal, in its own words (`what`)."""

    @classmethod
    def invalid(cls, resource: Resource, field: str, words: str) -> Refused:
        """Returns the refusal of a field that validation by the API server gives."""
        what = f'The {resource.kind} "{resource.name}" is invalid: {field}: {words}'
        return cls(what, where=resource.place(field))

    @classmethod
    def by_webhook(cls, resource: Resource, webhook: str, words: str, field: str) -> Refused:
        """Returns the refusal that an admission webhook gives; `field` is the first that it is about."""
        return cls(
            f'admission webhook "{webhook}" denied the request: {words}',
            where=resource.place(field),
            why=f"{resource} breaks a rule of the webhook's",
        )

    @classmethod
    def unknown_version(cls, resource: Resource, served: Iterable[str]) -> Refused:
        """Returns the refusal of a version that Kubernetes doesn't serve; `served` are those that it does."""
        versions = [f"{resource.group}/{version}".removeprefix("/") for version in served]
        return cls(
            f'no matches for kind "{resource.kind}" in version "{resource.api_version}"',
            where=resource.place("apiVersion"),
            why=f"Kubernetes serves {resource.kind} as {' and '.join(versions)}",
            todo=f"write apiVersion: {versions[0]}",
        )

    @classmethod
    def unknown_kind(cls, resource: Resource) -> Refused:
        """Returns the refusal of a kind that isn't installed."""
        return cls(
            f'no matches for kind "{resource.kind}" in version "{resource.api_version}"',
            where=resource.place("apiVersion"),
            why=f"the definition (CRD) that {resource} needs isn't installed",
            todo="install the mesh that brings it first",
        )
