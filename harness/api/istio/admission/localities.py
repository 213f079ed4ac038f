"""What Istio's webhook refuses of how load is shared among zones, in its words.

[istio/istio: pkg/config/validation/agent, ValidateLocalityLbSetting]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.destination_rule import Failover, LocalityLoadBalancer, ZoneAwareLoadBalancer
from harness.api.refusal import Fault, about

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.refusal import Rules

_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def _localities(setting: LocalityLoadBalancer) -> Iterator[str]:
    if setting.distribute and setting.failover:
        words = "can not simultaneously specify 'distribute' and 'failover'"
        yield Fault(words, setting.at("failover"))
        return
    for name in setting.failover_priority if setting.failover else ():
        if name in _TOPOLOGY:
            words = f"'failover' and topology label '{name}' in 'failover_priority'"
            yield Fault(f"can not simultaneously set {words}", setting.at("failoverPriority"))
            return
    for distribution in setting.distribute:
        shares = distribution.shares
        if any(not 1 <= share <= 100 for share in shares.values()):
            yield Fault("locality weight must be in range [1, 100]", distribution.at("to"))
        elif sum(shares.values()) != 100:
            yield Fault(f"total locality weight {sum(shares.values())} != 100", distribution.at("to"))
        yield from (Fault(words, distribution.at("to")) for words in _overlaps(list(shares)))
    sources = [distribution.source for distribution in setting.distribute]
    yield from (Fault(words, setting.at("distribute")) for words in _overlaps(sources))
    for failover in setting.failover:
        yield from about(failover.path, _regions(failover, "locality lb failover"))


def _zones(setting: ZoneAwareLoadBalancer) -> Iterator[str]:
    for name in setting.failover_priority:
        if name in _TOPOLOGY:
            words = f"'failover_priority' for zone aware lb must not use topology label '{name}'"
            yield Fault(words, setting.at("failoverPriority"))
    for failover in setting.failover:
        yield from about(failover.path, _regions(failover, "zone aware lb failover"))


def _regions(failover: Failover, what: str) -> Iterator[str]:
    regions = failover.source, failover.target
    if failover.source == failover.target:
        yield f"{what} settings must specify different regions"
    if any("/" in region for region in regions):
        yield f"{what} only specif{'y' if 'locality' in what else 'ies'} region"
    if any("*" in region for region in regions):
        yield f"{what} region should not contain '*' wildcard"


def _overlaps(localities: Sequence[str]) -> Iterator[str]:
    """The first of some localities that isn't one, or lies in one before it."""
    before: list[list[str]] = []
    for locality in localities:
        parts = locality.split("/", 2)
        if locality.count("*") > 1 or ("*" in locality and not locality.endswith("*")):
            words = "wildcard '*' number can not exceed 1 and must be in the end"
            yield f"locality {locality} {words}"
        elif not all(parts):
            yield f"locality {locality} must not contain empty region/zone/subzone info"
        elif any(_overlap(parts, other) for other in before):
            yield f"locality {locality} overlap with previous specified ones"
        else:
            before.append(parts)
            continue
        return


def _overlap(parts: list[str], other: list[str]) -> bool:
    """Whether a place lies in another one, or holds it; an asterisk holds only what comes after it."""
    for mine, its in zip(parts, [*other, "*", "*"], strict=False):
        if its == "*" or mine != its:
            return its == "*"
    return True


RULES: Rules = {LocalityLoadBalancer: (_localities,), ZoneAwareLoadBalancer: (_zones,)}
"""What the webhook asks of settings for zones."""
