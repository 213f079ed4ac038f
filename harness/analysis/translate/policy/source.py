"""Sources of an AuthorizationPolicy's rules, as sets of clients."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
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


def clients_of(draft: Draft, part: Source) -> Iterable[Clients]:
    """Yields the clients of a source; raises Unsayable for a part that Linkerd can't say."""
    tokens = {
        "requestPrincipals": part.request_principals,
        "notRequestPrincipals": part.not_request_principals,
    }
    for key in (key for key, values in tokens.items() if values):
        raise Unsayable(f"Linkerd doesn't look into tokens ({key})")
    remote = {"remoteIpBlocks": part.remote_ip_blocks, "notRemoteIpBlocks": part.not_remote_ip_blocks}
    for key in (key for key, blocks in remote.items() if blocks):
        raise Unsayable(f"Linkerd goes by the connection's address, not by X-Forwarded-For ({key})")
    found = EVERYBODY
    excluded: frozenset[Identity] = frozenset()
    for key, read, wanted, unwanted in (
        ("principals", principals_of, part.principals, part.not_principals),
        ("namespaces", namespaces_of, part.namespaces, part.not_namespaces),
        ("serviceAccounts", service_accounts_of, part.service_accounts, part.not_service_accounts),
    ):
        if part.has(key):
            both = found.meet(Clients(read(draft, part, part.at(key), wanted)))
            if both is None:
                return
            found = both
        negative = f"not{key[0].upper()}{key[1:]}"
        excluded |= read(draft, part, part.at(negative), unwanted)
    networks = networks_of(part, part.ip_blocks, part.not_ip_blocks)
    met = found.meet(Clients(excluded=excluded, networks=networks))
    if met is not None:
        yield met


def networks_of(
    part: Node, blocks: tuple[str, ...], not_blocks: tuple[str, ...]
) -> tuple[Network, ...] | None:
    """Returns addresses in one of these blocks and in none of the others, None for any address.

    Raises InputError for a text that is neither an address nor a block of them.
    """
    if not blocks and not not_blocks:
        return None
    given = tuple(Network(_block(part, block)) for block in blocks) or EVERYWHERE
    kept = (one.without([_block(part, block) for block in not_blocks]) for one in given)
    return tuple(sorted(one for one in kept if one))


def _block(part: Node, text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise InputError(
            f"{part.resource} {part.path}: {text!r} is no address, nor a block of addresses",
            where=part.resource.place(part.path),
        ) from None


def principals_of(draft: Draft, part: Node, field: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of principals; patterns that Linkerd can't say are expanded."""
    config = draft.estate.mesh_config
    domain, domains = config.trust_domain, config.trust_domains
    found: set[Identity] = set()
    for text in texts:
        try:
            found.add(principal(with_aliases(text, domains)[0], domain))
        except Unsayable:
            known = {
                one for one in draft.estate.identities if fits(text, f"{domain}/ns/{one[0]}/sa/{one[1]}")
            }
            found |= _expanded(draft, part, field, text, {Identity(*one) for one in known})
    return frozenset(found)


def namespaces_of(draft: Draft, part: Node, field: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of namespaces; patterns are expanded to the known ones."""
    found: set[Identity] = set()
    for text in texts:
        if text == "*":
            found.add(Identity())
        elif "*" in text:
            known = {namespace for namespace, _ in draft.estate.identities} | draft.estate.namespaces.keys()
            fitting = {Identity(namespace) for namespace in known if fits(text, namespace)}
            found |= _expanded(draft, part, field, text, fitting)
        else:
            found.add(Identity(text))
    return frozenset(found)


def service_accounts_of(draft: Draft, part: Node, field: str, texts: Iterable[str]) -> frozenset[Identity]:
    """Returns the identities of service accounts, by `namespace/name` or name."""
    return frozenset(Identity(*in_full(text, part.resource.namespace).rsplit("/", 1)) for text in texts)


def _expanded(draft: Draft, part: Node, field: str, text: str, known: set[Identity]) -> set[Identity]:
    said = ", ".join(sorted(one.linkerd(draft.estate.linkerd_trust_domain) for one in known)) or "nobody"
    draft.report(
        Severity.CHANGED,
        "principal-pattern",
        part.resource,
        field,
        f"Linkerd can't say {text!r}: it stands for those known now ({said})",
        "name each identity",
    )
    return known


def fits(pattern: str, text: str) -> bool:
    """Returns whether a text fits one of Istio's patterns: exact, `prefix*`, `*suffix`."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern
