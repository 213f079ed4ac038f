"""An object that the API server or a webhook won't take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import HarnessError

if TYPE_CHECKING:
    from harness.base.resources import Resource


class Refused(HarnessError):  # noqa: N818
    """The API server's or a webhook's refusal, in its own words (`what`)."""

    @classmethod
    def invalid(cls, resource: Resource, field: str, words: str) -> Refused:
        """Returns the refusal of a field that validation by the API server gives."""
        what = f'The {resource.kind} "{resource.name}" is invalid: {field}: {words}'
        return cls(what, where=resource.place(field))

    @classmethod
    def by_webhook(cls, resource: Resource, webhook: str, words: str) -> Refused:
        """Returns the refusal that an admission webhook gives."""
        return cls(
            f'admission webhook "{webhook}" denied the request: {words}',
            where=resource.place(),
            why=f"{resource} breaks a rule of the webhook's",
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
