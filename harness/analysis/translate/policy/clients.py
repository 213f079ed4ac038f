"""Sets of clients that policies speak of: by mutual-TLS identity, and by network."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeVar

from harness.analysis.translate.route.matches import Unsayable
from harness.api.linkerd.identity import (
    service_account,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


@dataclass(frozen=True, order=True)
class Identity:
    """A meshed client's identity, or all of a namespace, or all there are; empty parts stand for any."""

    namespace: str = ""
    account: str = ""

    def covers(self, other: Identity) -> bool:
        """Returns whether whoever the other identity stands for is meant by this one, too."""
        return self.namespace in ("", other.namespace) and self.account in ("", other.account)

    def meet(self, other: Identity) -> Identity | None:
        """Returns whom both mean, None if that is nobody."""
        if self.covers(other):
            return other
        return self if other.covers(self) else None

    def linkerd(self, trust_domain: str) -> str:
        """Returns how a MeshTLSAuthentication says it."""
        if not self.namespace:
            return "*"
        return service_account(self.account or "*", self.namespace, trust_domain)


@dataclass(frozen=True, order=True)
class Network:
    """Addresses in a block, but not in its exceptions, which are inside it."""

    block: str
    excepted: tuple[str, ...] = ()

    def meet(self, other: Network) -> Network | None:
        """Returns the addresses that are in both, None if there are none."""
        own, others = _network(self.block), _network(other.block)
        if _inside(own, others):
            inner, outer = self, other
        elif _inside(others, own):
            inner, outer = other, self
        else:
            return None
        return inner.without(outer.excepted)

    def without(self, blocks: Iterable[str]) -> Network | None:
        """Returns the addresses that are in none of these blocks, None if there are none."""
        own = _network(self.block)
        if any(_inside(own, _network(block)) for block in blocks):
            return None
        kept = [block for block in blocks if _inside(_network(block), own)]
        return Network(self.block, tuple(sorted({*self.excepted, *kept})))


EVERYWHERE = (Network("0.0.0.0/0"), Network("::/0"))


@dataclass(frozen=True)
class Clients:
    """Clients of these identities (None: everybody, plaintext clients too), but not the excluded ones.

    `networks` None means any address.
    """

    identities: frozenset[Identity] | None = None
    excluded: frozenset[Identity] = frozenset()
    networks: tuple[Network, ...] | None = None

    def meet(self, other: Clients) -> Clients | None:
        """Returns the clients in both sets, None if there are none."""
        identities = self.identities if other.identities is None else other.identities
        if self.identities is not None and other.identities is not None:
            pairs = (own.meet(its) for own in self.identities for its in other.identities)
            identities = frozenset(_uncovered({identity for identity in pairs if identity}))
        networks = self.networks if other.networks is None else other.networks
        if self.networks is not None and other.networks is not None:
            blocks = (own.meet(its) for own in self.networks for its in other.networks)
            networks = tuple(sorted({block for block in blocks if block}))
        excluded = self.excluded | other.excluded
        if identities is not None:
            identities = frozenset(i for i in identities if not any(out.covers(i) for out in excluded))
            excluded = frozenset(out for out in excluded if any(i.covers(out) for i in identities))
        if identities == frozenset() or networks == ():
            return None
        return Clients(identities, excluded, networks)

    def others(self) -> tuple[Clients, ...]:
        """Returns all other clients, as sets that together hold them."""
        sets = []
        if self.identities is not None:
            sets.append(Clients(excluded=self.identities))
        if self.excluded:
            sets.append(Clients(self.excluded))
        if self.networks is not None:
            blocks = [network.block for network in self.networks]
            outside = [kept for network in EVERYWHERE if (kept := network.without(blocks))]
            inner = [Network(block) for network in self.networks for block in network.excepted]
            sets.append(Clients(networks=tuple(sorted({*outside, *inner}))))
        return tuple(sets)

    def covers(self, other: Clients) -> bool:
        """Returns whether all of the other clients are surely among these."""
        return self.meet(other) == other

    @property
    def sayable(self) -> bool:
        """Whether Linkerd's authentications can say it: they know no exclusion of identities."""
        return not self.excluded


Set = TypeVar("Set", Identity, Clients)

EVERYBODY = Clients()
MESHED = Clients(frozenset({Identity()}))
ACCESS = {(EVERYBODY,): "all-unauthenticated", (MESHED,): "all-authenticated", (): "deny"}
"""Linkerd's access policies, by whom they let in."""


def meet_all(sets: Iterable[Clients], other: Iterable[Clients]) -> tuple[Clients, ...]:
    """Returns the clients that are in both unions of sets."""
    other = tuple(other)
    common = [both for first in sets for second in other if (both := first.meet(second))]
    return simplest(common)


def simplest(sets: Iterable[Clients]) -> tuple[Clients, ...]:
    """Returns a union of sets without those that others cover, in a stable order."""
    return tuple(_uncovered(dict.fromkeys(sets)))


def _uncovered(sets: Collection[Set]) -> Iterator[Set]:
    return (held for held in sets if not any(other != held and other.covers(held) for other in sets))


def principal(text: str, trust_domain: str) -> Identity:
    """Returns whom one of Istio's principals means; raises Unsayable for a pattern that isn't one identity's.

    Exact, `prefix*`, `*suffix` and `*` of `<trust domain>/ns/<namespace>/sa/<account>`.
    """
    if text == "*":
        return Identity()
    head = f"{trust_domain}/ns/"
    if text.endswith("*"):
        stem = text[:-1]
        if head.startswith(stem):
            return Identity()
        namespace, slash, rest = stem.removeprefix(head).partition("/")
        if stem.startswith(head) and slash and "sa/".startswith(rest):
            return Identity(namespace)
        raise Unsayable(text)
    if text.startswith("*"):
        text = head + text[1:].partition("/ns/")[2]
    parts = text.removeprefix(head).split("/")
    if not text.startswith(head) or len(parts) != 3 or parts[1] != "sa" or not (parts[0] and parts[2]):
        raise Unsayable(text)
    return Identity(parts[0], parts[2])


def _network(block: str) -> IPv4Network | IPv6Network:
    return ip_network(block, strict=False)


def _inside(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
