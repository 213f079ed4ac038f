"""Requests by the values of their attributes: explored, and as they are sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from harness.analysis.explore.answers import Answers, answers
from harness.analysis.explore.client import explored, values_of
from harness.analysis.explore.exploration import Exploration, RequestClass, explore
from harness.analysis.explore.pods import with_address
from harness.analysis.explore.tokens import told_apart
from harness.api.headers import OpenHeaders
from harness.base.errors import NotModelledError
from harness.base.explored import ADDRESS, BARE, OBJECT, TOKEN, Journal, OpenQuery, Unasked, apart
from harness.base.records import with_fields
from harness.model import decide
from harness.model.apps import explored as application
from harness.model.distribution import certain
from harness.model.message import Message
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import HOST, Request, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.analysis.explore.callers import Caller
    from harness.analysis.explore.target import Target
    from harness.base.explored import Asked
    from harness.model.message import Answers as Branches
    from harness.model.state import Pod, State
    from harness.traffic.trace import Step


Decided = tuple[Answers, tuple["Step", ...]]
"""What comes of a request, and the steps that led there."""


@dataclass(frozen=True)
class Cluster:
    """A state whose applications all answer alike, as the attributes of requests say.

    `own_words` says whether what proxies say in words of their own is a part of answers.
    """

    state: State
    own_words: bool = False

    def explored(
        self,
        target: Target,
        client: Pod | None,
        limit: int,
        questions: int | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Exploration:
        """Returns the classes of requests from a client (None: from outside) to a target.

        The first that is decided has the values, or else the target's own.
        """
        first = {**(values or target.first), **(values_of(client) if client else {})}
        run = partial(self._run, target, client, _sent(target, client))
        return explore(run, first, target.kind, limit, questions)

    def run(self, target: Target, client: Pod | None, values: Mapping[str, Any]) -> RequestClass:
        """Returns the class of a request that has these values, but for those of its client."""
        values = {**values, **(values_of(client) if client else {})}
        found, asked = self._run(target, client, _sent(target, client), values)
        return RequestClass(tuple(asked), values, found, aside=True)

    def decided(self, request: Request, values: Mapping[str, Any], client: Pod | None = None) -> Decided:
        """Returns what comes of a request, and why; the application answers as the values say.

        The client is the pod that is given, or else one of the workload that sends it.
        """
        try:
            with application.answering(values):
                branches = self._paths(request, client, Message.of(request))
        except NotModelledError as error:
            return _undecided(error), ()
        answered = answers(branches, own_words=self.own_words)
        return answered, tuple(dict.fromkeys(step for branch in branches for step in branch.trace))

    def _paths(self, request: Request, client: Pod | None, message: Message) -> Branches:
        """What may come of a message from a pod, from outside, or else from the request's own workload."""
        gateway = request.through
        if gateway and not self.state.get("", "Service", gateway.namespace, gateway.name):
            return certain(Outcome(failure=Failure.REFUSED))  # nobody is there
        if client is not None:
            return decide.sent(self._alike, client, request, message)
        if gateway is None:
            return decide.paths(self._alike, request)
        return decide.entering(self._alike, request, message)

    @cached_property
    def _alike(self) -> State:
        """The state with one application everywhere."""

        def alike(pod: Pod) -> Pod:
            containers = tuple(replace(container, image=application.IMAGE) for container in pod.containers)
            return pod if pod.gateway else with_address(replace(pod, containers=containers))

        return with_pods(self.state, alike)

    def _run(
        self, target: Target, client: Pod | None, request: Request, values: Mapping[str, Any]
    ) -> tuple[Answers, list[Asked]]:
        journal = Journal(values)
        if request.through:
            request = with_fields(request, address=journal.text(ADDRESS))
        message = _message(target, journal)
        try:
            sender = explored(client, journal) if client else None
            outcome = answers(self._paths(request, sender, message), own_words=self.own_words)
        except NotModelledError as error:
            outcome = _undecided(error)
        except Unasked as error:
            outcome = Answers(undecided=str(error))
        if why := told_apart(values, journal.asked):
            outcome = Answers(undecided=why)
        return outcome, journal.asked


def _sent(target: Target, client: Pod | None) -> Request:
    """The request that says where an explored one goes."""
    source = HOST if client is None else client.workload
    return Request(source, f"{target.scheme}://{target.host}:{target.port}/", through=target.through)


def _undecided(error: NotModelledError) -> Answers:
    return Answers(undecided=f"{error.what} ({error.why})")


def _message(target: Target, journal: Journal) -> Message:
    grpc, tls = target.scheme == "grpc", target.scheme == "https"
    headers = OpenHeaders.of(journal)
    if grpc:
        own = (("content-type", "application/grpc"), ("te", "trailers"))
        headers = headers.having(own, (name for name, _ in own))
    return Message(
        journal.text("method"),
        journal.text("path"),
        OpenQuery(journal),
        journal.text("host") + _port(target),
        headers,
        grpc,
        tls=tls,
        tcp=target.scheme == "tcp",
        sni=journal.text("sni") if tls else "",
        scheme="https" if tls else "http",
        dialled=target.host,
    )


def _port(target: Target) -> str:
    """What stands behind the host of a request from outside; inside it is said with the host."""
    return f":{target.port}" if target.through and target.port not in (80, 443) else ""


def request(target: Target, caller: Caller | None, values: Mapping[str, Any]) -> Request:
    """Returns the request that has these values."""

    def named(kind: str) -> list[tuple[str, str]]:
        names = (key.partition(" ") for key, value in values.items() if value is not None)
        own = (name for first, _, name in names if first == kind and name)
        texts = ((name, text) for name in own for text in apart(values[f"{kind} {name}"]))
        return [(name, text.replace(TOKEN, stated)) for name, text in texts]

    stated = Token.of(_claims(values)).text
    tokens = list(_tokens(values, stated))
    parameters = [*named("parameter"), *((name, text) for kind, name, text in tokens if kind == "param")]
    query = "&".join(f"{name}={value}" for name, value in parameters)
    path = "" if target.scheme == "tcp" else values["path"] + (f"?{query}" if query else "")
    host = values["sni"] if target.scheme == "https" else target.host
    port = (
        "" if target.port == {"http": 80, "grpc": 80, "https": 443}.get(target.scheme) else f":{target.port}"
    )
    headers = named("header") + [
        ("cookie", f"{name}={text}") for kind, name, text in tokens if kind == "cookie"
    ]
    sent = values["host"] + _port(target)
    if sent != f"{host}{port}" and target.scheme != "tcp":
        headers.insert(0, ("host", sent))
    url = f"{target.scheme}://{host}{port}{path}"
    source = caller.workload if caller else HOST
    address = values[ADDRESS] if target.through else None
    return Request(source, url, values["method"], tuple(headers), through=target.through, address=address)


def is_repeated(values: Mapping[str, Any]) -> bool:
    """Returns whether a request has a header or a parameter several times."""
    names = (name for name in values if name.startswith(("header ", "parameter ")))
    return any(values[name] is not None and len(apart(values[name])) > 1 for name in names)


def _tokens(values: Mapping[str, Any], stated: str) -> Iterator[tuple[str, str, str]]:
    """Yields where tokens are beside headers (param or cookie, and its name), and what stands there."""
    for key, value in values.items():
        if key.startswith("token ") and value is not None:
            _, kind, name = key.split(" ", 2)
            yield kind, name, stated if value == "stated" else value


def is_signed(values: Mapping[str, Any]) -> bool:
    """Returns whether a request has a token that is stated to be signed."""
    texts = (value for key, value in values.items() if key.startswith(("token ", "header ")))
    return any(value == "stated" or (value is not None and TOKEN in value) for value in texts)


def _claims(values: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a token: texts, lists, and objects with further ones inside."""
    claims: dict[str, Any] = {}
    named = {tuple(key.removeprefix("claim ").split("][")): key for key in values if key.startswith("claim ")}
    for path in sorted(named, key=len):
        value, inner = values[named[path]], claims
        for part in path[:-1]:
            inner = inner.get(part, {})
            if not isinstance(inner, dict):
                break
        else:
            if value is not None:
                inner[path[-1]] = _claim(value)
    return claims


def _claim(value: str) -> object:
    """What a claim with a value is in a token."""
    if value.startswith(BARE):
        return json.loads(value.removeprefix(BARE))
    texts = apart(value)
    return {} if value == OBJECT else texts if len(texts) > 1 else value


def with_pods(state: State, change: Callable[[Pod], Pod]) -> State:
    """Returns the state with each of its pods changed."""
    running = {workload: tuple(map(change, pods)) for workload, pods in state.running.items()}
    return replace(state, running=running)
