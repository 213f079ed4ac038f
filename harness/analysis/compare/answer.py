"""Outcomes in the form in which two meshes' are compared: without what each adds of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.traffic.outcomes import Outcome, Outcomes

Key = TypeVar("Key")

_OWN_HEADERS = (
    "x-forwarded-", "x-envoy-", "x-request-id", "x-b3-", "l5d-", "traceparent", "server", "date", "via",
    "content-", "connection", "te", "grpc-message", "user-agent", "accept",
)  # fmt: skip
"""Beginnings of headers that proxies and clients set by themselves."""

_DENIED = (403, 404)
_CUT = (Failure.EMPTY_REPLY, Failure.TLS)  # of a connection without HTTP
_GRPC_DENIED = (5, 7)  # NOT_FOUND, PERMISSION_DENIED


@dataclass(frozen=True)
class ComparedAnswer:
    """What a client and a server notice of a request.

    `refused` is a refusal, however it is worded (403; 404 by routes on a Linkerd Server; a reset by STRICT; a
    refused connection): its other fields are empty. `seconds` is the configured time.
    """

    status: int | None = None
    failure: str = ""
    grpc_status: int | None = None
    backend: str = ""
    path: str = ""
    host: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    response_headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    mutual: bool | None = None
    refused: bool = False

    def __str__(self) -> str:
        if self.refused:
            return "refused"
        if self.failure:
            return self.failure
        grpc = f" grpc-status {self.grpc_status}" if self.grpc_status is not None else ""
        parts = [
            f"{self.status}{grpc}" if self.status is not None else "connected",
            f"from {self.backend}" if self.backend else "",
            f"after {self.seconds:g} s" if self.seconds else "",
            {True: "by mutual TLS", False: "in plaintext", None: ""}[self.mutual],
        ]
        return " ".join(part for part in parts if part)


Answers = tuple[tuple[ComparedAnswer, Fraction], ...]
"""Answers with their probabilities."""


def answers(outcomes: Outcomes) -> Answers:
    """Returns the distribution over what is compared."""
    weighted = summed((_answer(group.outcome), group.weight) for group in outcomes.groups)
    return tuple(sorted(weighted.items(), key=str))


def unlike(before: Answers, after: Answers) -> tuple[str, ...]:
    """Returns what differs between two distributions (`status`, `backend`…), empty if nothing.

    Where a refusal or a failure stands against an answer, nothing else is worth saying.
    """
    if before == after:
        return ()
    for name in ("refused", "failure"):
        if _shares(before, name) != _shares(after, name):
            return (name,)
    names = tuple(
        name for name in ComparedAnswer.__dataclass_fields__ if _shares(before, name) != _shares(after, name)
    )
    return names or ("shares",)


def _shares(answers: Answers, name: str) -> Mapping[object, Fraction]:
    return summed((getattr(answer, name), weight) for answer, weight in answers)


def summed(weighted: Iterable[tuple[Key, Fraction]]) -> dict[Key, Fraction]:
    """Returns the weight of each key."""
    shares: dict[Key, Fraction] = {}
    for key, weight in weighted:
        shares[key] = shares.get(key, Fraction(0)) + weight
    return shares


def worded(answers: Answers) -> str:
    """Returns the distribution in words."""
    shares = summed((str(answer), weight) for answer, weight in answers)
    if len(shares) == 1:
        return next(iter(shares))
    return ", ".join(f"{float(weight):.4g} {text}" for text, weight in sorted(shares.items()))


def _answer(outcome: Outcome) -> ComparedAnswer:
    if _is_refusal(outcome):
        return ComparedAnswer(refused=True)
    if outcome.failure is not None:
        return ComparedAnswer(failure=str(outcome))
    saw = outcome.server_saw
    return ComparedAnswer(
        status=outcome.status,
        grpc_status=outcome.grpc_status,
        backend=str(outcome.backend or ""),
        path=saw.path if saw else "",
        host=saw.host if saw else "",
        request_headers=_kept(saw.headers) if saw else (),
        response_headers=_kept(outcome.headers),
        seconds=outcome.seconds,
        mutual=outcome.hop.mutual if outcome.hop else None,
    )


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


def _kept(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted((name.lower(), value) for name, value in headers if not name.lower().startswith(_OWN_HEADERS))
    )
