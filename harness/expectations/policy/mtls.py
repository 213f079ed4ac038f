"""`mtls`: how the hop between two workloads is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from harness.api.kubernetes.service import services_of
from harness.base.errors import InputError
from harness.base.vocabulary import Workload
from harness.expectations.base import Probing
from harness.expectations.values import MeshName, Url
from harness.expectations.verdict import UNKNOWN
from harness.traffic.request import Request

if TYPE_CHECKING:
    from harness.expectations.base import Ground
    from harness.traffic.outcomes import Outcome


def _target(value: object) -> object:
    return Workload.parse(value) if isinstance(value, str) and "://" not in value else value


class Mtls(Probing):
    """The hop is mutual TLS by `mesh`, or plaintext; `client` is the identity that the server sees.

    `to` is a workload (a Service of its own is called) or a URL.
    """

    kind: ClassVar[str] = "mtls"
    witness: ClassVar[bool] = True

    to: Annotated[Workload | Url, BeforeValidator(_target, json_schema_input_type=str)]  # type: ignore[assignment]
    mode: Literal["mutual", "plaintext"] = "mutual"
    mesh: MeshName | None = None
    client: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Mtls:
        if self.mode == "mutual" and self.mesh is None:
            raise ValueError("say by which mesh (mesh: istio or linkerd), or mode: plaintext")
        if self.mode == "plaintext" and (self.mesh or self.client):
            raise ValueError("plaintext has neither mesh nor client identity")
        return self

    def title(self) -> str:
        how = f"mtls by {self.mesh}" if self.mode == "mutual" else "plaintext"
        return f"{how} from {self.source} to {self.to}"

    def request(self, ground: Ground) -> Request:
        url = self.to
        if isinstance(url, Workload):
            services = services_of(url, ground.apps)
            if not services:
                raise InputError(f"no Service with an HTTP port selects {url}", todo="write `to` as a URL")
            url = services[0]
        return Request(self.source, url, self.method, tuple(self.headers.items()))

    @property
    def label(self) -> str:
        if self.mode == "plaintext":
            return "plaintext"
        return f"mutual TLS by {self.mesh}" + (f" as {self.client}" if self.client else "")

    def classify(self, outcome: Outcome) -> str:
        hop = outcome.hop
        if hop is None or hop.refused:
            return str(outcome) if outcome.failure else UNKNOWN
        if not hop.mutual:
            return "plaintext"
        if self.client and hop.client is None:
            return UNKNOWN
        return f"mutual TLS by {hop.mesh}" + (f" as {hop.client}" if self.client else "")
