"""Where a VirtualService's rules send what they take, and with which headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.headers import HeaderChanges
from harness.api.istio.hosts import full_host
from harness.api.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator


class PortSelector(Node):
    """A port of a host."""

    number = field.integer("number")


class Percent(Node):
    """A share in percent."""

    value = field.number("value")


class Destination(Node):
    """Where requests or connections go."""

    host = field.text("host")
    subset = field.text("subset")
    port = field.node("port", PortSelector)

    @property
    def full_host(self) -> str:
        """The host in full: a short one is of the object's own namespace."""
        return full_host(self.host, self.resource.namespace)


class HeaderOperations(Node):
    """Changes of the headers of requests, or of answers."""

    set = field.labels("set")
    add = field.labels("add")
    remove = field.texts("remove")

    @property
    def changes(self) -> HeaderChanges:
        """What is done to headers, as it is written here (see `formats`)."""
        return HeaderChanges(tuple(self.set.items()), tuple(self.add.items()), self.remove)


class Headers(Node):
    """Changes of headers, on the way to the server and back."""

    request = field.node("request", HeaderOperations)
    response = field.node("response", HeaderOperations)


class RouteDestination(Node):
    """A destination with its share, and the changes that are made on the way there."""

    destination = field.node("destination", Destination)
    weight = field.integer("weight")
    headers = field.node("headers", Headers)


def weighted(route: tuple[RouteDestination, ...]) -> Iterator[tuple[RouteDestination, int | None]]:
    """Yields a rule's destinations with their weights: 0 if unset, None for a lone one, which has all."""
    for part in route:
        weight = part.weight or 0  # read in any case: nothing is lost of it
        yield part, None if len(route) == 1 else weight
