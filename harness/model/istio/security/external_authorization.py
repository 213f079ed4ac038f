"""Action CUSTOM: a proxy asks an external authorizer, which MeshConfig names among its extensionProviders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.headers import OpenHeaders
from harness.api.istio.mesh_config import HTTPAuthorizer
from harness.api.istio.security.authorization_policy import KIND, AuthorizationPolicy
from harness.base.errors import not_modelled
from harness.model import apps, replies
from harness.model.distribution import Branches, after, certain, mapped
from harness.model.istio import mesh_config
from harness.model.istio.registry import service_entry
from harness.model.istio.security import policies
from harness.model.istio.security.authorization import DENIED, Seen, matching_rule
from harness.model.istio.upstream import cluster as upstream
from harness.model.istio.upstream import tries
from harness.model.istio.upstream.retries import (
    Retries,
)
from harness.model.message import ClientSide
from harness.model.network.services import endpoints, fqdn, service_port
from harness.traffic.outcomes import Outcome
from harness.traffic.outside import ALLOWED
from harness.traffic.trace import Action, Step, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.headers import Headers
    from harness.api.istio.mesh_config import GRPCAuthorizer
    from harness.base.resources import Resource
    from harness.model.message import Arrival, Deliver, Message
    from harness.model.state import State
    from harness.traffic.outside import AuthorizerAnswer

_TIMEOUT = 600.0
"""Seconds that an authorizer has where its provider sets no limit."""

_ERROR = 500
_TODO = "say what it answers (--authorizer {}=STATUS, or `authorizers` in a scenario's `outside`)"

_ALWAYS_TOLD = ("authorization", "content-length")


@dataclass(frozen=True)
class Authorized:
    """What an authorizer makes of a request, and how long it takes: the client's refusal, or the request."""

    message: Message
    refusal: Outcome | None = None
    seconds: float = 0.0


def ask(state: State, arrival: Arrival, deliver: Deliver) -> Branches[Authorized]:
    """Returns what becomes of a request by the policies that select the server and have this action.

    Where their provider doesn't exist (or several are named for one workload, which Istio doesn't allow)
    what they match is denied. Raises NotModelledError for an authorizer whose answer isn't known.
    """
    selecting = map(AuthorizationPolicy.kept, policies.selecting(state, arrival.server, KIND))
    custom = [policy for policy in selecting if policy.action == "CUSTOM"]
    if not custom:
        return certain(Authorized(arrival.message))
    seen, passed = Seen.of(state, arrival), list[Step]()
    for trial in (policy.resource for policy in custom if policy.is_dry_run):
        raise not_modelled(trial, "metadata.annotations istio.io/dry-run", "together with CUSTOM")
    matching = [(policy, field) for policy in custom if (field := matching_rule(policy, seen, passed))]
    if not matching:
        return certain(Authorized(arrival.message), *passed)
    decisive, field = matching[0]
    policy, name = decisive.resource, decisive.provider.name
    names = {policy.provider.name for policy in custom}
    providers = mesh_config.of(state).extension_providers
    provider = next((each for each in reversed(providers) if each.name == name), None)
    if provider is None or len(names) > 1:
        fault = words("names an extension provider that MeshConfig doesn't have ({})", name)
        if len(names) > 1:
            fault = words("is one of several for {}: {}", arrival.server.workload, ", ".join(sorted(names)))
        why = step(policy, "spec.provider.name", Action.DENIED, "{}: what matches is denied", fault)
        refusal = replies.envoy(arrival.message, 403, DENIED)
        return certain(Authorized(arrival.message, refusal), *passed, why)
    http, grpc = provider.http_authorizer, provider.grpc_authorizer
    if arrival.opaque and http is not None:
        text = "is ignored for a connection without HTTP: its provider is asked by HTTP"
        return certain(Authorized(arrival.message), *passed, step(policy, field, Action.IGNORED, text))
    matches = step(policy, field, Action.MATCHED, "matches")
    authorizer, told = http or grpc, state.outside.authorizers.get(name)
    if authorizer is not None and told is not None:
        return after(_told(state, policy, authorizer, told, arrival), *passed, matches)
    if http is None:
        what = "what an authorizer answers that is asked by gRPC" if grpc else "what such a provider does"
        raise not_modelled(policy, "spec.provider.name", f"{what} isn't known", _TODO.format(name))
    return after(_answers(state, decisive, http, arrival, deliver), *passed, matches)


def _told(
    state: State,
    policy: Resource,
    authorizer: HTTPAuthorizer | GRPCAuthorizer,
    told: AuthorizerAnswer,
    arrival: Arrival,
) -> Branches[Authorized]:
    """What becomes of a request by the answer that somebody tells; who is asked must be there, too."""
    namespace, _, host = authorizer.service.rpartition("/")
    field, message = "spec.provider.name", arrival.message
    if not service_entry.by_host(state).covering(host) and _service(state, namespace, host) is None:
        return certain(*_absent(policy, host, message))
    why = step(policy, field, Action.CALLED, "its provider is told to answer {}", str(told.status))
    if isinstance(authorizer, HTTPAuthorizer):
        outcome = Outcome(status=told.status, headers=told.headers, body=told.body)
        return certain(_answer(authorizer, message, outcome, in_time=True), why)
    if told.status >= _ERROR:
        return certain(_failed(authorizer, message), why)
    if told.status == ALLOWED:  # by gRPC it says which headers servers get, and no setting does
        return certain(Authorized(message.plus(*told.headers)), why)
    return certain(Authorized(message, replies.envoy(message, told.status, told.body, told.headers)), why)


def _service(state: State, namespace: str, host: str) -> Resource | None:
    """The Service of a provider: named in full, and in this namespace if one is given [LookupCluster]."""
    name, _, rest = host.partition(".")
    service = state.get("", "Service", rest.partition(".")[0], name)
    is_meant = service is not None and fqdn(service) == host and namespace in ("", service.namespace)
    return service if is_meant else None


def _absent(policy: Resource, host: str, message: Message) -> tuple[Authorized, Step]:
    text = "the provider's Service {} isn't there by its full name: what matches is denied"
    why = step(policy, "spec.provider.name", Action.DENIED, text, host)
    return Authorized(message, replies.envoy(message, 403, DENIED)), why


def _answers(
    state: State, decisive: AuthorizationPolicy, http: HTTPAuthorizer, arrival: Arrival, deliver: Deliver
) -> Branches[Authorized]:
    policy, provider = decisive.resource, decisive.provider.name
    field = "spec.provider.name"
    for name in sorted(http.undeclared()):
        raise not_modelled(policy, field, f"the provider's envoyExtAuthzHttp.{name}")
    namespace, _, host = http.service.rpartition("/")
    if service_entry.by_host(state).covering(host):
        raise not_modelled(policy, field, f"a ServiceEntry may be meant by the provider's {host}")
    service = _service(state, namespace, host)
    if service is None:
        return certain(*_absent(policy, host, arrival.message))
    port = service_port(service, int(http.port or 0))
    if port is None:
        text = "the provider's {} has no port {}: an error"
        why = step(policy, field, Action.FAILED, text, service, str(http.port))
        return certain(_failed(http, arrival.message), why)
    for endpoint in endpoints(state, port):
        container = apps.listening(endpoint.pod, endpoint.port)
        app = apps.known(container) if container else None
        if container is not None and (app is None or app.stands_in):
            text = f"nobody knows what {endpoint.pod.workload} answers to an authorization request"
            raise not_modelled(policy, field, text, _TODO.format(provider))
    why = step(policy, field, Action.CALLED, "asks {}", port.service)
    side = ClientSide(state, arrival.server, deliver)
    target = upstream.cluster(side, port, why)
    answers = tries.send(side, _check(http, arrival.message), target, Retries(attempts=0))
    limit = http.timeout or _TIMEOUT

    def read(outcome: Outcome) -> Authorized:
        answer = _answer(http, arrival.message, outcome, in_time=outcome.seconds <= limit)
        return replace(answer, seconds=min(outcome.seconds, limit))

    return mapped(answers, read)


def _check(http: HTTPAuthorizer, message: Message) -> Message:
    """What the authorizer is asked: the request without body, and with those headers that it is told."""
    headers = message.headers
    if not isinstance(headers, OpenHeaders):
        headers = _chosen(headers, (*_ALWAYS_TOLD, *http.request_headers))
    added = tuple((name.lower(), value) for name, value in http.additional_headers.items())
    return replace(
        message, path=http.path_prefix + message.path, headers=headers, grpc=False, verified=None
    ).plus(*added)


def _answer(http: HTTPAuthorizer, message: Message, outcome: Outcome, *, in_time: bool) -> Authorized:
    """200 allows; 5xx and silence are errors, which deny unless it fails open; all else is for the client."""
    if outcome.status is None or outcome.status >= _ERROR or not in_time:
        return _failed(http, message)
    if outcome.status == ALLOWED:
        added = _chosen(outcome.headers, http.headers_on_allow)
        return Authorized(message.plus(*added))
    headers = outcome.headers
    if http.has("headersToDownstreamOnDeny"):
        headers = _chosen(headers, http.headers_on_deny)
    headers = tuple((name, value) for name, value in headers if name != "server")
    return Authorized(message, replies.envoy(message, outcome.status, outcome.body or "", headers))


def _failed(authorizer: HTTPAuthorizer | GRPCAuthorizer, message: Message) -> Authorized:
    if authorizer.fail_open:
        return Authorized(message)
    return Authorized(message, replies.envoy(message, int(authorizer.status_on_error or 403)))


def _chosen(headers: Headers, patterns: Iterable[str]) -> Headers:
    """The headers whose name is one of these, or matches `prefix*` or `*suffix`."""
    wanted = [pattern.lower() for pattern in patterns]
    return tuple(
        (name, value) for name, value in headers if any(_matches(pattern, name) for pattern in wanted)
    )


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
