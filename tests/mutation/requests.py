"""Requests to ask both sides of a change: made of what all objects say, and aimed at the one that changed."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from harness.base.vocabulary import PLATFORM, Workload
from harness.traffic.request import HOST, Request, Token
from tests.mutation import dialled
from tests.mutation.aims import aimed, services
from tests.mutation.claims import set_claim
from tests.mutation.harvest import METHODS, Clause, Term, clauses, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
        self.pods = {each.key: list(dialled.names(each, states)) for each in self.services}
        self.addresses = list(dialled.ports(states))
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

    def is_listed(self, request: Request) -> bool:
        """Returns whether no Service is called at a port that it hasn't."""
        called = [each for each in self.services if request.host.startswith(f"{each.name}.{each.namespace}")]
        return all(
            request.port in (port.get("port") for port in (each.data.get("spec") or {}).get("ports") or [])
            for each in called
        )

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
        address = self._address(clause, wide, headers) if through else None
        token = self._token(clause, wide, headers, query)
        if query and path:
            pairs = ((name, self._escaped(value)) for name, value in query)
            path += "?" + "&".join(f"{name}={value}" if value else name for name, value in pairs)
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
            (*dict(headers).items(), *self._again(headers)),
            token=token,
            through=through,
            address=address,
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

    def _again(self, headers: Pairs) -> Pairs:
        """A header that is sent a second time, mostly none."""
        again = [(name, text) for name, text in headers if name.lower() != "host"]
        if not again or self.random.random() >= 0.05:
            return []
        name, text = self.random.choice(again)
        return [(name, self.random.choice([text, "other", f"{text}x"]))]

    def _escaped(self, text: str) -> str:
        """The text, sometimes with an escape that needn't be there."""
        if not text or self.random.random() >= 0.05:
            return text
        at = self.random.randrange(len(text))
        return f"{text[:at]}%{ord(text[at]):02X}{text[at + 1 :]}"

    def _address(self, clause: Clause, wide: Clause, headers: Pairs) -> str | None:
        """Where a request comes in from: mostly an address in or beside a network that objects name."""
        networks = [
            ip_network(term.text, strict=False) for term in (*clause.of("network"), *wide.of("network"))
        ]
        addresses = ["203.0.113.77", *(str(net[self.random.choice((0, -1))]) for net in networks)]
        addresses += [str(net[-1] + 1) for net in networks if int(net[-1]) + 1 < 1 << net.max_prefixlen]
        if networks and self.random.random() < 0.3:
            headers.append(("x-forwarded-for", self.random.choice(addresses)))
        return self.random.choice(addresses) if self.random.random() < 0.8 else None

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
                set_claim(
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


def _is_sent(text: str) -> bool:
    """Whether a text can stand in a header's name, or in a query."""
    return bool(re.fullmatch(r"[A-Za-z0-9_.~-]+", text)) and text.lower() != "host"
