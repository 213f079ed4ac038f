"""Pods of headless Services: the names and ports by which clients call them themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.service import Service
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.network.services import addresses, service_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod

DOMAIN = f".svc.{CLUSTER_DOMAIN}"
"""What ends a Service's name in full."""

UNNAMED_PORT = 4999
"""A port that no manifest is likely to name."""


def names(before: State, after: State, service: Resource, known: Iterable[str]) -> Iterator[str]:
    """Yields names by which pods of a headless Service are called, if they have one.

    One pod of each workload, one that only one side has, and those whose names are `known`, in full.
    """
    each = [
        {
            f"{pod.hostname}.{service.name}.{service.namespace}": pod.workload
            for pod in _headless(state, service)
            if pod.subdomain == service.name and pod.hostname
        }
        for state in (before, after)
    ]
    first = [name for names in each for name in {workload: name for name, workload in names.items()}.values()]
    own = {name for names in each for name in names if not all(name in others for others in each)}
    named = {name.removesuffix(DOMAIN) for name in known}
    every = dict.fromkeys(name for names in each for name in names)
    yield from (name for name in every if name in first or name in named or name in sorted(own)[:1])


def ports(before: State, after: State, service: Resource) -> Iterator[tuple[int, str]]:
    """Yields the other ports of a headless Service's pods, and one that they don't name, each in two ways.

    All can be dialled: its name leads to pods themselves.
    """
    pods = list(_headless(before, service)) + list(_headless(after, service))
    exposed = {port for pod in pods for container in pod.containers for port in container.exposed}
    own = {port.number for port in service_ports(service)}
    for port in sorted({*exposed, UNNAMED_PORT} - own) if pods else ():
        yield from ((port, "http"), (port, "tcp"))


def _headless(state: State, service: Resource) -> Iterator[Pod]:
    """The pods of a Service, if it is headless in a state."""
    stored = state.get(*service.key)
    if stored and Service.kept(stored).headless:
        yield from (pod for pod in addresses(state, stored) if not pod.outside)
