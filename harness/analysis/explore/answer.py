"""An answer in the form in which meshes are compared: without what each adds of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.headers import OpenHeaders
from harness.traffic.outcomes import Failure
from harness.traffic.series import BY_CONNECTION

if TYPE_CHECKING:
    from harness.analysis.explore.renaming import Renaming
    from harness.api.headers import Headers
    from harness.traffic.outcomes import Outcome

_OWN_HEADERS = (
    "x-forwarded-", "x-envoy-", "x-request-id", "x-b3-", "l5d-", "traceparent", "server", "date", "via",
    "content-", "connection", "te", "grpc-message", "user-agent", "accept",
)  # fmt: skip
"""Beginnings of headers that proxies and clients set by themselves."""

_DENIED = (403, 404)
_CUT = (Failure.EMPTY_REPLY, Failure.TLS)  # of a connection without HTTP
_GRPC_DENIED = (5, 7)  # NOT_FOUND, PERMISSION_DENIED

_ERROR_HEADERS = ("grpc-message", "l5d-proxy-error")
"""Where proxies say why they answer, beside the body."""


@dataclass(frozen=True)
class ComparedAnswer:
    """What a client and a server notice of a request; texts that an explored request gave are marks.

    `refused` is a refusal, however it is worded (403; 404 by routes on a Linkerd Server; a reset by STRICT; a
    refused connection). `seconds` is the configured time; `affinity`, `zones` and `rates` are what holds for
    several requests, where a setting says so (that connections stay where they are is the same everywhere);
    `words` what a proxy says that answers by itself.
    """

    refused: bool = False
    failure: str = ""
    external: str = ""
    status: str = ""
    grpc_status: str = ""
    backend: str = ""
    path: str = ""
    host: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    response_headers: tuple[tuple[str, str], ...] = ()
    seconds: str = ""
    mutual: bool | None = None
    affinity: str = ""
    zones: str = ""
    rates: str = ""
    words: str = ""

    @property
    def fails(self) -> bool:
        """Whether nobody answers, in whatever words: refused, ended, or a proxy's own error (5xx)."""
        if self.backend or self.external:
            return False
        return self.refused or not self.status or self.status.startswith("5")

    @property
    def in_full(self) -> str:
        """The answer with its words."""
        return f"{self} {self.words!r}" if self.words else str(self)

    def __str__(self) -> str:
        if self.external:
            return f"leaves the cluster to {self.external}"
        grpc = f" grpc-status {self.grpc_status}" if self.grpc_status else ""
        how = self.failure or f"{self.status}{grpc}"
        if self.refused:
            return f"refused ({how})"
        if self.failure:
            return self.failure
        parts = [
            how or "connected",
            f"from {self.backend}" if self.backend else "",
            f"after {self.seconds} s" if self.seconds else "",
            {True: "by mutual TLS", False: "in plaintext", None: ""}[self.mutual],
            f"kept on one pod by {self.affinity}" if self.affinity else "",
            f"by zones: {self.zones}" if self.zones else "",
            f"at most {self.rates}" if self.rates else "",
        ]
        return " ".join(part for part in parts if part)

    def renamed(self, renaming: Renaming) -> ComparedAnswer:
        """Returns the answer with names exchanged; what stands for a failure has none."""
        return replace(
            self,
            external=renaming.text(self.external),
            backend=renaming.text(self.backend),
            path=renaming.text(self.path),
            host=renaming.text(self.host),
            request_headers=renaming.values(self.request_headers),
            response_headers=renaming.values(self.response_headers),
            rates=renaming.text(self.rates),
            words=renaming.text(self.words),
        )


def answered(outcome: Outcome, *, own_words: bool) -> ComparedAnswer:
    """Returns what is compared of what comes back; proxies' own words among it, or not."""
    words = _words(outcome) if outcome.is_worded or (own_words and not outcome.backend) else ""
    status = "" if outcome.status is None else str(outcome.status)
    grpc_status = "" if outcome.grpc_status is None else str(outcome.grpc_status)
    if _is_refusal(outcome):
        failure = str(outcome.failure or "")
        return ComparedAnswer(True, failure, "", status, grpc_status, words=words)
    if outcome.failure is not None:
        return ComparedAnswer(failure=str(outcome))
    saw, series = outcome.server_saw, outcome.series
    return ComparedAnswer(
        status=status,
        grpc_status=grpc_status,
        external=outcome.external,
        backend=str(outcome.backend or ""),
        path=str(saw.path) if saw else "",
        host=str(saw.host) if saw else "",
        request_headers=_kept(saw.headers) if saw else (),
        response_headers=_kept(outcome.headers),
        seconds=_time(outcome.seconds),
        mutual=outcome.hop.mutual if outcome.hop else None,
        affinity=" and ".join(map(str, series.affinity)) if series.affinity != BY_CONNECTION else "",
        zones=series.zones,
        rates=", ".join(map(str, series.rates)),
        words=words,
    )


def _words(outcome: Outcome) -> str:
    """What a proxy says that answers by itself."""
    texts = (outcome.body, *map(outcome.header, _ERROR_HEADERS))
    return "; ".join(str(text) for text in texts if text)


def _time(seconds: float) -> str:
    text = format(seconds, "g")
    return "" if text == "0" else text


def _is_refusal(outcome: Outcome) -> bool:
    """Whether a server's proxy refused the client: no backend answered, but somebody there did."""
    if outcome.failure is not None:
        refused = outcome.failure in (Failure.RESET, Failure.REFUSED)
        return refused or (outcome.failure in _CUT and outcome.hop is not None)
    if outcome.backend is not None or outcome.hop is None:
        return False
    # Envoy's 404 says "no route", and isn't a policy's.
    if outcome.status == 404 and outcome.header("server"):
        return False
    return outcome.status in _DENIED or outcome.grpc_status in _GRPC_DENIED


def _kept(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers that aren't the meshes' own; of an explored request also which of the client's are gone."""
    pairs = [(name.lower(), str(value)) for name, value in headers]
    if isinstance(headers, OpenHeaders):
        pairs += [(name, "") for name in headers.settled if name not in ("host", ":authority")]
    return tuple(sorted(pair for pair in pairs if not pair[0].startswith(_OWN_HEADERS)))
