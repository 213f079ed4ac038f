"""What a DestinationRule says about shares and limits, as far as one request shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import not_modelled
from harness.traffic.trace import Action, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model.istio.upstream.destination_rule import Policy, Setting
    from harness.traffic.outcomes import Outcome

_UNSPECIFIED = "which pod gets which share isn't specified"
_GATEWAY_ERRORS = (502, 503, 504)


def reasons(policy: Policy, endpoints: int) -> Iterator[Step]:
    """Yields what a policy's settings mean for a request that may go to so many endpoints.

    Raises NotModelledError for what changes even a single request in a way that the model doesn't follow.
    """
    balancer = policy.get("loadBalancer")
    if balancer is not None:
        if balancer.value.get("simple") == "PASSTHROUGH":
            why = "it sends on to the address that the client dialled"
            raise not_modelled(balancer.origin, f"{balancer.field}.simple", why)
        if endpoints > 1:
            yield from _balancing(balancer)
    for key, text in (
        ("connectionPool", "limits many requests at once, not a single one"),
        ("retryBudget", "limits many retries at once, not a single one"),
    ):
        setting = policy.get(key)
        if setting is not None:
            yield setting.step("", Action.IGNORED, text)
    outliers = policy.get("outlierDetection")
    if outliers is not None and endpoints > 1:
        text = f"may leave out pods that fail: {_UNSPECIFIED} once one has failed"
        yield outliers.step("", Action.LEFT_OPEN, text)


def _balancing(setting: Setting) -> Iterator[Step]:
    if setting.value.get("consistentHash"):
        text = f"a hash keeps equal requests on one pod: {_UNSPECIFIED}"
        yield setting.step("consistentHash", Action.LEFT_OPEN, text)
    locality = setting.value.get("localityLbSetting")
    if locality and locality.get("enabled", True):
        text = f"goes by zones, which pods don't tell: {_UNSPECIFIED}"
        yield setting.step("localityLbSetting", Action.LEFT_OPEN, text)
    if setting.value.get("warmup") or setting.value.get("warmupDurationSecs"):
        yield setting.step("warmup", Action.IGNORED, "sends less to pods that have just started")


def counted(policy: Policy, outcome: Outcome) -> Step | None:
    """Returns what outlier detection makes of an answer, None if it counts none.

    It counts what comes in a row, of all clients' requests by one proxy: what that does to later requests
    a single one can't tell.
    """
    outliers = policy.get("outlierDetection")
    if outliers is None or not _is_failure(outliers, outcome):
        return None
    text = (
        "counts this answer as a failure: after some in a row the pod is left out for a time; how many "
        "requests get it isn't specified"
    )
    return outliers.step("", Action.LEFT_OPEN, text)


def _is_failure(outliers: Setting, outcome: Outcome) -> bool:
    if outcome.external:
        return False
    if outcome.failure is not None:
        return True
    status = outcome.status or 0
    codes = outliers.value.get("outlierDetectionHttpErrorCodes")
    if codes:
        return status in codes
    server_errors = outliers.value.get("consecutive5xxErrors", 5)
    gateway_errors = outliers.value.get(
        "consecutiveGatewayErrors", outliers.value.get("consecutiveErrors", 0)
    )
    return bool((server_errors and status >= 500) or (gateway_errors and status in _GATEWAY_ERRORS))
