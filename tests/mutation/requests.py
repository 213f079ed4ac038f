"""Requests to ask both sides of a change: made of what all objects say, and aimed at the one that changed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from harness.base.vocabulary import PLATFORM, Workload
from harness.model.network.services import addresses
from harness.traffic.request import HOST, Request, Token
from tests.mutation.aims import aimed, services
from tests.mutation.harvest import METHODS, Clause, Term, clauses, texts
from tests.mutation.strangers import address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random

    from harness.base.resources import Resource
    from harness.model import State

Pairs = list[tuple[str, str]]

_SPOKEN = {"grpc": "grpc", "http2": "grpc", "kubernetes.io/h2c": "grpc", "https": "https", "tls": "https", "tcp": "tcp", "mongo": "tcp", "redis": "tcp", "mysql": "tcp"}  # fmt: skip
"""What clients speak to a port, by what it says; HTTP, if it says nothing."""

_OTHER_HOSTS = {
    ("http", True): 1.0, ("grpc", True): 1.0, ("https", True): 0.2,
    ("http", False): 0.2, ("grpc", False): 0.2, ("https", False): 0.0,
}  # fmt: skip
"""How often a request has a Host of its own, by what is spoken and whether it comes through a gateway."""

_INWARD = frozenset(
    (
        "Gateway",
        "VirtualService",
        "HTTPRoute",
        "GRPCRoute",
        "TLSRoute",
        "TCPRoute",
        "Secret",
        "ReferenceGrant",
    )
)
_OUTWARD = frozenset(("ServiceEntry", "EgressNetwork"))


class Sampler:
    """Draws requests to two states that differ in one object."""

    def __init__(
        self, states: Sequence[State], changed: Sequence[Resource], every: Iterable[Resource], random: Random
    ) -> None:
        self.random = random
        self.own = [clause for each in changed for clause in clauses(each)] or [Clause()]
        self.pool = [clause for each in every for clause in clauses(each)] or [Clause()]
        self.services, self.gateways = services(states)
        self.aimed = aimed(changed, every, self.services, states[0])
        running = [source for source in states[0].running if states[-1].pods_of(source)]
        self.sources = [source for source in running if source.namespace not in PLATFORM]
        out = [each for each in (*every, *changed) if each.kind in _OUTWARD or "externalName" in texts(each)]
        self.outside = [term for each in out for clause in clauses(each) for term in clause.of("host")]
        self.claims = [term for clause in (*self.own, *self.pool) for term in clause.of("claim")]
        self.ports = sorted({term.text for clause in (*self.own, *self.pool) for term in clause.of("port")})
        self.pods = {each.key: list(_own_names(each, states)) for each in self.services}
        self.addresses = list(_own_addresses(states, self.services))
        self.inward = self._inward(changed) if self.gateways else 0.0

    @staticmethod
    def _inward(changed: Iterable[Resource]) -> float:
        """The share of requests that come from outside through a gateway."""
        words = frozenset().union(*map(texts, changed))
        if words & {"gateways", "ingressgateway", "istio-ingressgateway"} or any(
            each.kind == "Gateway" for each in changed
        ):
            return 0.5
        return 0.25 if any(each.kind in _INWARD for each in changed) else 0.1

    def draw(self) -> Request | None:
        """Returns a request, None where the parts that were drawn don't make one."""
        random = self.random
        clause = random.choice(self.own if random.random() < 0.75 else self.pool)
        try:
            return self._request(clause, random.choice(self.pool))
        except ValueError:
            return None

    def _request(self, clause: Clause, wide: Clause) -> Request:
        random = self.random
        through, port, scheme, host = self._target(clause, wide)
        path = "" if scheme == "tcp" else self._path(clause, wide, grpc=scheme == "grpc")
        headers, query = self._pairs(clause, wide)
        token = self._token(clause, wide, headers, query)
        if query and path:
            path += "?" + "&".join(f"{name}={value}" if value else name for name, value in query)
        if scheme in ("http", "grpc", "https") and random.random() < _OTHER_HOSTS[scheme, bool(through)]:
            authority = self._host(clause, wide)
            headers.append(("host", authority if random.random() < 0.85 else f"{authority}:{port}"))
        methods = [term.text for term in (*clause.of("method"), *wide.of("method"))] or ["GET"]
        method = random.choice(methods) if random.random() < 0.6 else random.choice(METHODS)
        source = HOST if through else random.choice(self.sources)
        return Request(
            source,
            f"{scheme}://{host}:{port}{path}",
            method,
            tuple(dict(headers).items()),
            token=token,
            through=through,
        )

    def _target(self, clause: Clause, wide: Clause) -> tuple[Workload | None, int, str, str]:
        """Through which gateway if any, the port, the scheme and the host to dial."""
        random = self.random
        if random.random() < self.inward or not self.services:
            if not self.gateways:
                raise ValueError("nothing can be called")
            gateway = random.choice(self.gateways)
            port, protocol = self._port(gateway, clause)
            scheme = random.choice(["http", "https", protocol, protocol])
            return (
                Workload(gateway.namespace, gateway.name),
                port,
                scheme,
                self._host(clause, wide).partition(":")[0],
            )
        if self.outside and random.random() < 0.35:
            host = self._near(random.choice(self.outside).text.partition(":")[0], 0.15)
            ports = [int(term.text) for term in (*clause.of("port"), *wide.of("port"))]
            scheme = random.choice(["http", "http", "https", "https", "tcp", "grpc"])
            return None, random.choice([80, 443, *ports, *ports]), scheme, host
        if self.addresses and random.random() < 0.1:
            host, number = random.choice(self.addresses)
            return None, number, random.choice(["http", "http", "tcp"]), host
        service = random.choice(self.aimed if random.random() < 0.8 else self.services)
        port, protocol = self._port(service, clause)
        scheme = (
            protocol if random.random() < 0.75 else random.choice(["http", "http", "grpc", "https", "tcp"])
        )
        name = f"{service.name}.{service.namespace}"
        if (pods := self.pods[service.key]) and random.random() < 0.3:
            name = random.choice(pods)
        return None, port, scheme, name + random.choice(["", "", ".svc", ".svc.cluster.local"])

    def _port(self, service: Resource, clause: Clause) -> tuple[int, str]:
        """A port of a Service, and what its clients speak."""
        spec = service.data.get("spec") or {}
        ports = [each for each in spec.get("ports") or [] if isinstance(each, dict)]
        if not ports or self.random.random() < 0.05:
            own = [term.text for term in clause.of("port")]
            return int(self.random.choice([*own, *own, *self.ports, "80"])), "http"
        port = self.random.choice(ports)
        word = str(port.get("appProtocol") or str(port.get("name", "")).partition("-")[0])
        return int(port.get("port") or 80), _SPOKEN.get(word, "http")

    def _path(self, clause: Clause, wide: Clause, *, grpc: bool) -> str:
        random = self.random
        terms = clause.of("path") or (wide.of("path") if random.random() < 0.5 else [])
        if not terms or random.random() < 0.05:
            return "/pkg.Service/Call" if grpc else random.choice(["/", "/any"])
        path = self._near(random.choice(terms).example(random), 0.4)
        if random.random() < 0.1:
            path += random.choice(terms).example(random)
        return re.sub(
            r"[^A-Za-z0-9_./~:@!$&'()*+,;=%{}|^\\-]", "_", path if path.startswith("/") else f"/{path}"
        )

    def _pairs(self, clause: Clause, wide: Clause) -> tuple[Pairs, Pairs]:
        """Headers and query parameters, most of those that stand together."""
        random = self.random
        pairs: dict[str, Pairs] = {"header": [], "query": []}
        for each in (clause, wide) if random.random() < 0.2 else (clause,):
            for term in each.terms:
                if term.part in pairs and random.random() < 0.7 and _is_sent(term.name):
                    value = self._text(term).strip()
                    if value and value.isprintable() and (term.part == "header" or _is_sent(value)):
                        pairs[term.part].append((term.name, value))
        return pairs["header"], pairs["query"]

    def _host(self, clause: Clause, wide: Clause) -> str:
        random = self.random
        hosts = clause.of("host") or wide.of("host")
        if not hosts or random.random() < 0.2:
            service = random.choice(self.services or self.gateways)
            names = service.name, f"{service.name}.{service.namespace}", "other.example"
            hosts = [*wide.of("host"), *(Term("host", "", name) for name in names)]
        return self._near(random.choice(hosts).text, 0.15)

    def _near(self, text: str, share: float) -> str:
        """The text, or for a share of all draws one that is close to it."""
        if self.random.random() >= share:
            return text
        if text.startswith("/"):
            near = [
                f"{text}x",
                f"{text}/",
                f"{text}/x",
                text[:-1] or "/",
                text.upper(),
                text.rpartition("/")[0] or "/",
                f"/{text}",
                f"/.{text}",
                f"/x/..{text}",
                text.replace("/", "/%2f", 1),
            ]
        else:
            near = [f"{text}x", f"x{text}", f"x.{text}", text.upper(), text.partition(".")[2] or text]
        return self.random.choice(near)

    def _text(self, term: Term) -> str:
        """A text that a term takes, or sometimes just doesn't."""
        text = term.example(self.random)
        chance = self.random.random()
        if chance > 0.98:
            return f"{text}é"
        return (
            f"{text}x"
            if chance < 0.08
            else text[:-1]
            if chance < 0.12
            else text.swapcase()
            if chance < 0.16
            else text
        )

    def _token(self, clause: Clause, wide: Clause, headers: Pairs, query: Pairs) -> Token | None:
        """A token with claims that objects ask for, or None where it goes another way than the usual one."""
        random = self.random
        if not self.claims or random.random() > (0.75 if clause.of("claim") else 0.35):
            return None
        issuers = [term for term in self.claims if term.name == "iss" and random.random() < 0.7]
        wanted = {*clause.of("claim"), *wide.of("claim"), random.choice(self.claims), *issuers}
        claims: dict[str, Any] = {"sub": "somebody"} if random.random() < 0.8 else {}
        for term in sorted(wanted, key=str):
            if random.random() < 0.85:
                _claim(
                    claims, re.findall(r"\[([^\]]+)\]", term.name) or [term.name], self._text(term), random
                )
        token = Token.of(claims)
        places = [term for term in (*clause.terms, *wide.terms) if term.part.startswith("token ")]
        if not places or random.random() < 0.3:
            return token
        place = random.choice(places)
        match place.part:
            case "token header":
                headers.append((place.name, f"{place.text}{token.text}"))
            case "token query":
                query.append((place.name, token.text))
            case _:
                headers.append(("cookie", f"{place.name}={token.text}"))
        return None


def _own_names(service: Resource, states: Sequence[State]) -> Iterator[str]:
    """The names of a headless Service's pods, as far as they have one."""
    spec = service.data.get("spec") or {}
    if spec.get("clusterIP") == "None":
        for pod in sorted({pod.name for state in states for pod in addresses(state, service)}):
            yield f"{pod}.{service.name}.{service.namespace}"


def _own_addresses(states: Sequence[State], services: Iterable[Resource]) -> Iterator[tuple[str, int]]:
    """The addresses of pods, each with the ports that containers have and no Service."""
    served = {
        pod.workload
        for state in states
        for each in services
        for pod in addresses(state, each)
        if _is_headless(each)
    }
    targets = {
        (each.namespace, str(port.get("targetPort", port.get("port"))))
        for each in services
        for port in (each.data.get("spec") or {}).get("ports") or []
    }
    for workload, pods in states[0].running.items():
        if (
            all(state.pods_of(workload) for state in states)
            and workload not in served
            and workload.namespace not in PLATFORM
            and not pods[0].gateway
        ):
            names = {number: name for name, number in pods[0].containers[0].ports.items()}
            for port in pods[0].containers[0].exposed:
                if not {(workload.namespace, str(port)), (workload.namespace, names.get(port, ""))} & targets:
                    yield address(workload), port


def _is_headless(service: Resource) -> bool:
    return (service.data.get("spec") or {}).get("clusterIP") == "None"


def _claim(claims: dict[str, Any], names: list[str], value: str, random: Random) -> None:
    """Sets a claim, sometimes as one of a list."""
    *outer, last = names
    for name in outer:
        claims = claims.setdefault(name, {})
        if not isinstance(claims, dict):
            return
    if last not in ("iss", "sub", "aud", "jti") and random.random() < 0.15:
        claims[last] = _no_text(value, random)
        return
    many = last not in ("iss", "sub") and random.random() < 0.3
    claims[last] = [value, "other"] if many else value


def _no_text(value: str, random: Random) -> object:
    """The number or truth that a text is, or any."""
    try:
        read = json.loads(value)
    except ValueError:
        read = None
    return read if isinstance(read, int | float) else random.choice([True, 7, -1.5])


def _is_sent(text: str) -> bool:
    """Whether a text can stand in a header's name, or in a query."""
    return bool(re.fullmatch(r"[A-Za-z0-9_.~-]+", text)) and text.lower() != "host"
