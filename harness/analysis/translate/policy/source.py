"""Sources of an AuthorizationPolicy's rules, as sets of clients."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.analysis.translate.policy.clients import (
    EVERYBODY,
    EVERYWHERE,
    Clients,
    Identity,
    Network,
    principal,
)
from harness.analysis.translate.route.matches import Unsayable
from harness.api.istio.security.authorization_policy import in_full
from harness.api.istio.security.identity import with_aliases
from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.security.authorization_policy import Source
    from harness.api.node import Node


_FORWARDED = "Linkerd goes by the connection's address, not by X-Forwarded-For"


def clients_of(draft: Draft, part: Source) -> Iterable[Clients]:
    """Yields the clients of a source; raises Unsayable for a part that Linkerd can't say."""
    unsayable = (
        ("Linkerd doesn't look into tokens", "requestPrincipals", part.request_principals),
        ("Linkerd doesn't look into tokens", "notRequestPrincipals", part.not_request_principals),
        (_FORWARDED, "remoteIpBlocks", part.remote_ip_blocks),
        (_FORWARDED, "notRemoteIpBlocks", part.not_remote_ip_blocks),
    )
    for why, key, values in unsayable:
        if values:
            raise Unsayable(f"{why} ({key})")
    clients = EVERYBODY
    excluded: frozenset[Identity] = frozenset()
    for key, read, wanted, unwanted in (
        ("principals", principals_of, part.principals, part.not_principals),
        ("namespaces", namespaces_of, part.namespaces, part.not_namespaces),
        ("serviceAccounts", service_accounts_of, part.service_accounts, part.not_service_accounts),
    ):
        if part.has(key):
            both = clients.meet(Clients(read(draft, part, key, wanted)))
            if both is None:
                return
            clients = both
        excluded |= read(draft, part, f"not{key[0].upper()}{key[1:]}", unwanted)
    networks = networks_of(part, part.ip_blocks, part.not_ip_blocks)
    if met := clients.meet(Clients(excluded=excluded, networks=networks)):
        yield met


def networks_of(
    part: Node, blocks: tuple[str, ...], not_blocks: tuple[str, ...]
) -> tuple[Network, ...] | None:
    """Returns addresses in one of these blocks and in none of the others, None for any address.

    Raises InputError for a text that is neither an address nor a block of them.
    """
    if not blocks and not not_blocks:
        return None
    wanted = [Network(_block(part, block)) for block in blocks] or EVERYWHERE
    unwanted = [_block(part, block) for block in not_blocks]
    return tuple(sorted(kept for network in wanted if (kept := network.without(unwanted))))


def _block(part: Node, text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise InputError(
            f"{part.resource} {part.path}: {text!r} is no address, nor a block of addresses",
            where=part.resource.place(part.path),
        ) from None


def principals_of(draft: Draft, part: Node, key: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of principals; patterns that Linkerd can't say are expanded."""
    config = draft.estate.mesh_config
    domain, domains = config.trust_domain, config.trust_domains
    identities: set[Identity] = set()
    for text in texts:
        try:
            identities.add(principal(with_aliases(text, domains)[0], domain))
        except Unsayable:
            names = (
                (f"{domain}/ns/{space}/sa/{name}", space, name) for space, name in draft.estate.identities
            )
            fitting = {Identity(space, name) for full, space, name in names if fits(text, full)}
            identities |= _expanded(draft, part, key, text, fitting)
    return frozenset(identities)


def namespaces_of(draft: Draft, part: Node, key: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of namespaces; patterns are expanded to the known ones."""
    identities: set[Identity] = set()
    for text in texts:
        if text != "*" and "*" in text:
            spaces = {space for space, _ in draft.estate.identities} | draft.estate.namespaces.keys()
            fitting = {Identity(space) for space in spaces if fits(text, space)}
            identities |= _expanded(draft, part, key, text, fitting)
        else:
            identities.add(Identity("" if text == "*" else text))
    return frozenset(identities)


def service_accounts_of(_: Draft, part: Node, __: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of service accounts, by `namespace/name` or name."""
    return frozenset(Identity(*in_full(text, part.resource.namespace).rsplit("/", 1)) for text in texts)


def _expanded(draft: Draft, part: Node, key: str, text: str, fitting: set[Identity]) -> set[Identity]:
    domain = draft.estate.linkerd_trust_domain
    identities = ", ".join(sorted(identity.linkerd(domain) for identity in fitting)) or "nobody"
    draft.report("principal-pattern", part, key, pattern=text, identities=identities)
    return fitting


def fits(pattern: str, text: str) -> bool:
    """Returns whether a text fits one of Istio's patterns: exact, `prefix*`, `*suffix`."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern
