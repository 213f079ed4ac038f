"""What the meshes themselves do differently, whatever an estate says: each has a name to accept it by."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from harness.analysis.compare.harm import RANKS
from harness.analysis.explore.answer import ComparedAnswer
from harness.analysis.explore.pods import ADDRESS, UNNAMED_PORT
from harness.analysis.explore.strangers import STAYING
from harness.base.errors import InputError, did_you_mean
from harness.base.explored import BEYOND
from harness.model.apps.explored import RESETS
from harness.model.istio.header_lines import JOINED
from harness.model.network.services import names, service_port
from harness.traffic.outcomes import Failure
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.analysis.compare.difference import Difference
    from harness.traffic.trace import Step

_DENORMAL = re.compile(r"//|/\.\.?(/|$)|%[0-9a-fA-F]{2}|\\")
"""What a normalized path doesn't have [Istio: MeshConfig, pathNormalization]."""
_WORDS = frozenset(("seconds", "status", "grpc_status", "failure", "refused"))


def _names_another(difference: Difference) -> bool:
    """Whether the Host header names something else than the Service that is dialled."""
    request, service = difference.request, difference.service
    if request is None or request.through is not None or not (difference.is_aside or service is None):
        return False
    host = request.authority.partition(":")[0]
    own = names(service, request.source.namespace) if service else (request.host,)
    return host not in own


def _is_added(difference: Difference) -> bool:
    """Whether nobody could call it before: its name led nowhere."""
    return {answer.failure for answer, _ in difference.before.shares} == {str(Failure.RESOLVE)}


def _is_bytes(difference: Difference) -> bool:
    """Whether a client sends TLS or bytes to a port that says it speaks HTTP: Istio's proxies close that."""
    request, service = difference.request, difference.service
    if request is None or not (request.tcp or request.tls) or service is None:
        return False
    port = service_port(service, request.port)
    return port is not None and port.http


def _is_denormal(difference: Difference) -> bool:
    request = difference.request
    return request is not None and difference.is_aside and _DENORMAL.search(request.path) is not None


def _is_reset(difference: Difference) -> bool:
    """Whether the application ends the connection, or nothing listens: proxies say so in other words."""
    # What a client sees of a reset is no answer, where the proxy passes bytes on.
    unanswered = {"failure"} if difference.values.get(RESETS) else frozenset()
    own = _ANSWERED.issuperset(set(difference.parts) - unanswered)
    sides = (difference.before, difference.after)
    return own and all(
        answer.status in _FAILED and not answer.backend for side in sides for answer, _ in side.shares
    )


_ANSWERED = frozenset(("status", "grpc_status", "refused", "seconds"))
_FAILED = ("", "502", "503", "200")  # the last of a gRPC call

_DEFAULT_TRIES = 3
"""Of a request that Istio's proxies send again by default [Istio: VirtualService, HTTPRetry]."""


def _is_retried(difference: Difference) -> bool:
    """Whether Istio's proxies send again what they do by default, and the other mesh's don't."""
    sides = (difference.before, difference.after)
    once, tried = sorted(sum(number for _, number in side.arrivals or ()) for side in sides)
    return tried == _DEFAULT_TRIES * once > 0 and _RETRIED.issuperset(difference.parts)


_RETRIED = frozenset(("arrivals", "seconds", "status", "grpc_status"))


def _is_worded(difference: Difference) -> bool:
    return difference.harm == "words"


def _is_beyond_ascii(difference: Difference) -> bool:
    """Whether a header has characters that no expression of Linkerd's is tried on."""
    request = difference.request
    return (
        request is not None and difference.is_aside and any(BEYOND in value for _, value in request.headers)
    )


def _is_repeated(difference: Difference) -> bool:
    """Whether a header or parameter is there twice: Envoy may join them, or take the first."""
    request = difference.request
    if request is None:
        return False
    names = [name for name, _ in request.headers if name in JOINED]
    keys = [part.partition("=")[0] for part in request.query.split("&")]
    return len(set(names)) < len(names) or len(set(keys)) < len(keys)


def _is_by_address(difference: Difference) -> bool:
    """Whether a pod is called at its own address, and all else that differs is the meshes' own, too.

    Where nobody answers that is so: Istio's proxies pass such a call on in plaintext, another refuses it.
    """
    request = difference.request
    if request is None or not request.host.startswith(ADDRESS):
        return False
    if all(answer.fails for side in (difference.before, difference.after) for answer, _ in side.shares):
        return not (difference.before.undecided or difference.after.undecided)
    if "mutual" not in difference.parts:
        return False
    rest = replace(difference, parts=tuple(part for part in difference.parts if part != "mutual"))
    return not rest.parts or any(accounts(rest) for accounts in _CAUSES.values())


def _is_unnamed(difference: Difference) -> bool:
    """Whether a pod is called at its own address, at a port that it doesn't name.

    Linkerd's Servers are of named ones. A port that rules alone name counts where STRICT refused what Istio's
    proxies pass on in plaintext: whatever else rules would say of it was never asked.
    """
    request = difference.request
    if request is None or not difference.is_unnamed:
        return False
    if request.port == UNNAMED_PORT:
        return True
    was, now = difference.before, difference.after
    passed = all(answer.mutual for answer, _ in now.shares) and all(answer.fails for answer, _ in was.shares)
    before, _ = difference.traces
    return passed and any(step.resource and step.resource.kind == "PeerAuthentication" for step in before)


def _is_left_behind(difference: Difference) -> bool:
    """Whether a client that stays in the old mesh loses mutual TLS: there is none between the meshes."""
    caller = difference.caller
    return caller is not None and caller.workload.namespace == STAYING and difference.parts == ("mutual",)


def _is_dropped(difference: Difference) -> bool:
    """Whether a NetworkPolicy drops the connection, before and after: the meshes wait for different times."""
    return _WORDS.issuperset(difference.parts) and all(map(_dropped, difference.traces))


def _dropped(steps: Iterable[Step]) -> bool:
    return any(
        step.resource is not None and step.resource.kind == "NetworkPolicy" and step.action is Action.DENIED
        for step in steps
    )


ADDED = "added-service"
_CAUSES: Mapping[str, Callable[[Difference], bool]] = {
    ADDED: _is_added,
    "bytes-on-http": _is_bytes,
    "host-header": _names_another,
    "path-normalization": _is_denormal,
    "dropped-connection": _is_dropped,
    "reset-answer": _is_reset,
    "default-retries": _is_retried,
    "refusal-words": _is_worded,
    "beyond-ascii": _is_beyond_ascii,
    "sent-twice": _is_repeated,
    "pod-address": _is_by_address,
    "unnamed-port": _is_unnamed,
    "stays-behind": _is_left_behind,
}


def causes(difference: Difference) -> Iterator[str]:
    """Yields the names of what accounts for a difference by itself, where workloads change their mesh."""
    for name, accounts in _CAUSES.items():
        if (difference.is_moved or name == ADDED) and accounts(difference):
            yield name


MESH = "mesh"
"""Accepts what differs between the meshes themselves."""


def allowed(difference: Difference, patterns: Iterable[str]) -> bool:
    """Whether a difference is accepted by one of `namespace/name[:part]`, either with `*`.

    The name is a Service's, a workload's, an object's (its kind before it, or not), or a host; the part is
    one of `Difference.parts`, its `harm`, one of its `causes`, or `mesh` for any of those.
    """
    return any(
        _is_at(difference.place, name) and (not colon or _is_of(difference, part))
        for name, colon, part in map(_apart, patterns)
    )


def _is_at(place: str, name: str) -> bool:
    """Whether a name is a place's; an object's goes without its kind, too."""
    return fnmatch(place, name) or fnmatch(place.rpartition(" ")[2], name)


def check(patterns: Iterable[str]) -> None:
    """Raises InputError for a pattern whose part no difference can have."""
    valid = (*RANKS, *_CAUSES, MESH, *_PARTS)
    for pattern in patterns:
        _, colon, part = _apart(pattern)
        if colon and part not in valid:
            todo = did_you_mean(part, valid)
            raise InputError(f"no difference is of the part {part!r}", where=f"--allow {pattern}", todo=todo)


_PARTS = (*(each.name for each in fields(ComparedAnswer)), "shares", "arrivals")


def _apart(pattern: str) -> tuple[str, str, str]:
    return pattern.rpartition(":") if ":" in pattern else (pattern, "", "")


def _is_of(difference: Difference, part: str) -> bool:
    names = list(causes(difference))
    return part in (difference.harm, *names, *([MESH] if names else [])) or {part} >= set(difference.parts)
