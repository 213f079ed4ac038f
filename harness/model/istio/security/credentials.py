"""The Secrets with certificates that proxies of Istio's name [istio/istio: pilot/pkg/model/credentials]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.certificates import credential
from harness.api.istio.destination_rule import CONFIG_MAP
from harness.api.kubernetes.secret import Secret

if TYPE_CHECKING:
    from harness.model.state import State

_AUTHORITY = "-cacert"


def missing(state: State, namespace: str, name: str, *, authority: bool = False) -> str:
    """Returns which object a credential lacks, in words; empty if it is there, or kept elsewhere.

    `namespace` is that of the proxy's pod, in which the object is unless the name says another. For a client
    without certificate (`authority`) one with that of an authority will do, whose name ends in `-cacert`.
    """
    kind = "ConfigMap" if name.startswith(CONFIG_MAP) else "Secret"
    owner, own = credential(namespace, name.removeprefix(CONFIG_MAP))
    names = (own, f"{own}{_AUTHORITY}") if authority else (own,)
    if "://" in own or any(state.get("", kind, owner, each) is not None for each in names):
        return ""
    return f"there is no {kind} {owner}/{own}"


def without_authority(state: State, namespace: str, name: str) -> str:
    """Returns why a server can't tell whose its clients' certificates are, in words; empty if it can.

    The authority is in a Secret of that name that ends in `-cacert`, or else in the server's own.
    """
    owner, own = credential(namespace, name)
    secrets = (state.get("", "Secret", owner, each) for each in (f"{own}{_AUTHORITY}", own))
    there = next(filter(None, secrets), None)
    if there is None or Secret.kept(there).has_authority:
        return ""
    return f"{there} has no certificate of an authority (ca.crt)"
