"""What comes of a request, in the form in which meshes are compared: without what each adds of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from harness.api.headers import OpenHeaders
from harness.base.explored import END, START
from harness.model.distribution import tally, unmodelled
from harness.traffic.between import Between, moved_by, narrowed, percent
from harness.traffic.outcomes import Failure
from harness.traffic.series import BY_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from fractions import Fraction

    from harness.analysis.explore.renaming import Renaming
    from harness.api.headers import Headers
    from harness.model.distribution import Branch
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.trace import Arrivals, Trace

Key = TypeVar("Key")

_OWN_HEADERS = (
    "x-forwarded-", "x-envoy-", "x-request-id", "x-b3-", "l5d-", "traceparent", "server", "date", "via",
    "content-", "connection", "te", "grpc-message", "user-agent", "accept",
)  # fmt: skip
"""Beginnings of headers that proxies and clients set by themselves."""

_DENIED = (403, 404)
_CUT = (Failure.EMPTY_REPLY, Failure.TLS)  # of a connection without HTTP
_GRPC_DENIED = (5, 7)  # NOT_FOUND, PERMISSION_DENIED

_SHOWN = 8
"""Answers of one distribution that are shown."""

WORDS = "words"
"""The part that differs where both refuse, or proxies answer alike, but in other words."""

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


@dataclass(frozen=True)
class Answers:
    """What may come back, with its probabilities; and how much arrives at applications meanwhile.

    `arrivals` is None where that depends on timing. `undecided` says what the model doesn't decide, by
    object and field; nothing else is known then. `without` are the steps that tell what it is decided
    without, which is no part of the answer.
    """

    shares: tuple[tuple[ComparedAnswer, Fraction], ...] = ()
    arrivals: Arrivals | None = ()
    undecided: str = ""
    without: Trace = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.described()

    def described(self, parts: Collection[str] = ()) -> str:
        """Returns what may come back; with the words of proxies where they are among the parts that count."""
        if self.undecided:
            return f"not decided: {self.undecided}"
        texts = (
            (answer.in_full if WORDS in parts else str(answer), weight) for answer, weight in self.shares
        )
        weights = narrowed(summed(texts))
        if len(weights) == 1 and 1 in weights.values():
            return next(iter(weights))
        listed = [f"{_share(weight)} {text}" for text, weight in sorted(weights.items())]
        more = [f"{len(listed) - _SHOWN} others"] if len(listed) > _SHOWN else []
        shares = ", ".join(listed[:_SHOWN] + more)
        settings = sorted({name for weight in weights.values() for name in moved_by(weight)})
        return f"{shares}, as other requests have it by {'; '.join(settings)}" if settings else shares

    def filled(self, values: Mapping[str, Any]) -> Answers:
        """Returns the answers that a request with these values gets: marks are what they stand for."""

        def fill(answer: ComparedAnswer) -> ComparedAnswer:
            seconds = _MARK.sub(lambda mark: _seconds(mark[1], values), answer.seconds)
            status, grpc = (
                _MARK.sub(lambda mark: str(values[mark[1]]), text)
                for text in (answer.status, answer.grpc_status)
            )
            return replace(answer, status=status, grpc_status=grpc, seconds="" if seconds == "0" else seconds)

        shares = narrowed(summed((fill(answer), weight) for answer, weight in self.shares))
        return replace(self, shares=tuple(shares.items()))

    def renamed(self, renaming: Renaming) -> Answers:
        """Returns the answers with names exchanged."""
        shares = tuple((answer.renamed(renaming), weight) for answer, weight in self.shares)
        return replace(
            self,
            shares=shares,
            arrivals=renaming.of(self.arrivals),
            undecided=renaming.text(self.undecided),
        )

    @property
    def arrival_words(self) -> str:
        """How many requests arrive where."""
        if self.arrivals is None:
            return "depends on timing"
        return ", ".join(f"{float(number):.4g} at {workload}" for workload, number in self.arrivals) or "none"


_MARK = re.compile(f"{START}([^{END}]*){END}")


def _seconds(mark: str, values: Mapping[str, Any]) -> str:
    times, _, rest = mark.rpartition("×")
    name, _, offset = rest.partition("+")
    return f"{int(times or 1) * values[name] + float(offset or 0):g}"


def differ_anyhow(before: Answers, after: Answers) -> bool:
    """Returns whether explored answers differ for all requests: not only where one repeats what is sent."""
    if before.undecided or after.undecided or before.arrivals != after.arrivals:
        return True

    def plain(answers: Answers) -> Mapping[object, Fraction]:
        return summed(
            ((answer.refused, answer.failure, answer.external, answer.backend, answer.mutual), weight)
            for answer, weight in answers.shares
        )

    return plain(before) != plain(after)


def answers(branches: Iterable[Branch[Outcome]], *, own_words: bool) -> Answers:
    """Returns what is compared of the ways that a request may take; proxies' own words among it, or not."""
    branches = tuple(branches)
    weighted = narrowed(
        summed((_answer(branch.value, own_words=own_words), branch.weight) for branch in branches)
    )
    return Answers(tuple(sorted(weighted.items(), key=str)), tally(branches), without=unmodelled(branches))


def compared(outcomes: Outcomes) -> Answers:
    """Returns what is compared of a distribution, beside what arrives and what proxies say in own words."""
    weighted = narrowed(
        summed((_answer(group.outcome, own_words=False), group.weight) for group in outcomes.groups)
    )
    return Answers(tuple(sorted(weighted.items(), key=str)))


def unlike(before: Answers, after: Answers) -> tuple[str, ...]:
    """Returns what differs between two distributions (`status`, `backend`…), empty if nothing.

    Where a refusal or a failure stands against an answer, nothing else is worth saying.
    """
    if before == after and not before.undecided:
        return ()
    if before.undecided or after.undecided:
        return ("undecided",)
    sides = (*before.shares, *after.shares)
    refused = all(answer.refused for answer, _ in sides)
    for name in ("refused", "external", "failure"):
        if _shares(before, name) != _shares(after, name):
            return (WORDS,) if refused else (name,)
    names = [
        each.name
        for each in fields(ComparedAnswer)
        if _shares(before, each.name) != _shares(after, each.name)
    ]
    if refused and names:
        names = [WORDS]
    answered = [any(answer.backend for answer, _ in side.shares) for side in (before, after)]
    if answered[0] != answered[1]:  # who didn't answer saw nothing either
        names = [name for name in names if name in ("status", "grpc_status", "seconds")]
    if not names and before.shares != after.shares:
        names = ["shares"]
    if before.arrivals != after.arrivals and "backend" not in names:
        names.append("arrivals")
    return tuple(name for name in names if name != WORDS) or tuple(names)


def _shares(answers: Answers, name: str) -> Mapping[object, Fraction]:
    return narrowed(summed((getattr(answer, name), weight) for answer, weight in answers.shares))


def summed(weighted: Iterable[tuple[Key, Fraction]]) -> dict[Key, Fraction]:
    """Returns the weight of each key."""
    shares: dict[Key, Fraction] = {}
    for key, weight in weighted:
        shares[key] = shares[key] + weight if key in shares else weight
    return shares


def _share(weight: Fraction) -> str:
    return percent(weight) if isinstance(weight, Between) else f"{float(weight):.4g}"


def _answer(outcome: Outcome, *, own_words: bool) -> ComparedAnswer:
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
