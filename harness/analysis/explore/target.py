"""A place that is called, and what a request to it can be."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.explore.attributes import AUTHORITY, KINDS, NAMES, NOT_IN_NAMES, SOMEWHERE
from harness.analysis.explore.kinds import Kind
from harness.base.explored import ADDRESS, AGAIN, AND, Several
from harness.base.matching import TextMatch
from harness.model.network.services import service_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.explore.exploration import RequestClass
    from harness.base.explored import Asked
    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload

_BETWEEN = {"header": AND, "parameter": AGAIN}
"""What stands between the values of what is there several times."""

_ALONE = 2
"""Whether it is there, and one more."""

_PORT = re.compile(":[0-9]*(\\.\\*)?$")
"""The end of what a rule says of a host with a port."""

OUTSIDE = "harness-elsewhere.com"
"""A host that no configuration knows."""


@dataclass(frozen=True)
class Target:
    """A place that is called: a host and a port, in a way of speaking; `service` is None beyond the cluster.

    `through` is the gateway's Service for what comes from outside, `pod` says that one of the Service's pods
    is called by its own name, or without a Service at its own address. `hosts` are the Host headers that are
    tried, () for any; `names` those that TLS asks for. Of `others` among the hosts one request is enough
    where they are `apart`: they lead to where all of their requests are tried. `unlisted`: the Service
    has no such port; `unnamed`: the pod itself doesn't name it. No attributes are varied but those of `only`,
    if there are any.
    """

    label: str
    host: str
    port: int
    scheme: str
    service: Resource | None = None
    through: Workload | None = None
    hosts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    with_ports: bool = False
    repeated: frozenset[str] = frozenset()
    apart: bool = True
    pod: bool = False
    unlisted: bool = False
    unnamed: bool = False
    only: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody says that it is spoken there: how it fails on both sides is no difference then."""
        return self.scheme == "https" and not self.through and not self.speaks_tls

    @cached_property
    def speaks_tls(self) -> bool:
        """Whether the Service's port says that it speaks TLS: who ends that says how it fails."""
        ports = service_ports(self.service) if self.service else ()
        return any(port.number == self.port and port.protocol == "tls" for port in ports)

    @property
    def first(self) -> dict[str, object]:
        """The values of the request that is decided first."""
        grpc = self.scheme == "grpc"
        return {
            "method": "POST" if grpc else "GET",
            "path": "/harness.Probe/Call" if grpc else "/",
            "host": self.hosts[0] if self.hosts else OUTSIDE,
            "sni": self.names[0] if self.names else OUTSIDE,
            ADDRESS: SOMEWHERE,
            "status": 200,
            "gRPC status": 0,
            "seconds": 0.0,
        }

    def seen_from(self, namespace: str) -> Target:
        """Returns the target as a namespace's clients can name it: a Service of another has no short name."""
        if self.service is None or self.service.namespace == namespace:
            return self
        alone = (self.service.name, authority(self.service.name, self.port))
        hosts, tls = (
            tuple(name for name in given if name not in alone) for given in (self.hosts, self.names)
        )
        return replace(self, hosts=hosts, names=tls)

    def asks_for_ports(self, questions: Iterable[Iterable[Asked]]) -> bool:
        """Returns whether rules name ports in Host headers that aren't tried with one yet."""
        if self.hosts or self.with_ports or not self._may_have_ports:
            return False
        tests = (each.test for asked in questions for each in asked if each.attribute == "host")
        return any(isinstance(test, TextMatch) and _PORT.search(test.value) for test in tests)

    def asked_apart(self, classes: Iterable[RequestClass]) -> frozenset[str]:
        """Returns the headers and parameters of which a rule sees each value, and more than one is asked for.

        One question alone is answered as for a request that has them once.
        """
        tests: dict[str, set[object]] = {}
        apart: set[str] = set()
        for each in classes:
            for name, asked in each.by_attribute.items():
                if name.startswith(tuple(_BETWEEN)):
                    apart.update(name for one in asked if isinstance(one.test, Several))
                    tests.setdefault(name, set()).update(
                        (one.test.kind, one.test.value) for one in asked if isinstance(one.test, TextMatch)
                    )
        return frozenset(name for name in apart if len(tests[name]) > _ALONE)

    @property
    def _may_have_ports(self) -> bool:
        return self.port in (80, 443)  # others are there anyway

    @property
    def _any_host(self) -> Kind:
        """What a Host header can be; with a port where rules ask for that."""
        if self.with_ports:
            form = "[^:]+(:[0-9]{1,5})?"
            return Kind(usual=(OUTSIDE,), characters=AUTHORITY, never=NOT_IN_NAMES, form=form)
        return Kind(usual=(OUTSIDE,), characters=NAMES, never=NOT_IN_NAMES)

    def kind(self, attribute: str) -> Kind | None:
        """Returns what an attribute of a request to it can be; None for one that isn't varied."""
        if self.only and attribute not in self.only:
            return None
        if attribute == "method" and self.scheme == "grpc":
            return Kind(few=("POST",))
        if attribute == "path" and self.scheme == "grpc":
            return replace(KINDS["path"], usual=("/harness.Probe/Call",), form="/[^/]+(/+|%2F)[^/]+")
        if attribute == "host":
            aside = self.others if self.apart else ()
            return (
                Kind(few=self.hosts, aside=aside, open=True, characters=AUTHORITY, never=NOT_IN_NAMES)
                if self.hosts
                else self._any_host
            )
        if attribute == "sni":
            return Kind(few=self.names) if self.names else Kind(usual=(OUTSIDE,), characters=f"{NAMES}_")
        name = attribute.partition(" ")[0]
        kind = KINDS.get(attribute) or KINDS.get(name)
        return replace(kind, several=_BETWEEN[name]) if kind and attribute in self.repeated else kind


def authority(host: str, port: int) -> str:
    """Returns a Host header for a host at a port."""
    return host if port in (80, 443) else f"{host}:{port}"
