"""What a DestinationRule says about shares and limits, as far as one request shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import not_modelled
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.destination_rule import LoadBalancerSettings, OutlierDetection
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.traffic.outcomes import Outcome

_UNSPECIFIED = "which pod gets which share isn't specified"
_GATEWAY_ERRORS = (502, 503, 504)


def reasons(policy: Policy, endpoints: int) -> Iterator[Step]:
    """Yields what a policy's settings mean for a request that may go to so many endpoints.

    Raises NotModelledError for what changes even a single request in a way that the model doesn't follow.
    """
    balancer = policy.load_balancer
    if balancer is not None:
        if balancer.simple == "PASSTHROUGH":
            why = "it sends on to the address that the client dialled"
            raise not_modelled(balancer.resource, balancer.at("simple"), why)
        if endpoints > 1:
            yield from _balancing(balancer)
    for limits, what in ((policy.connection_pool, "requests"), (policy.retry_budget, "retries")):
        if limits is not None:
            text = f"limits many {what} at once, not a single one"
            yield step(limits.resource, limits.path, Action.IGNORED, text)
    outliers = policy.outlier_detection
    if outliers is not None and endpoints > 1:
        text = f"may leave out pods that fail: {_UNSPECIFIED} once one has failed"
        yield step(outliers.resource, outliers.path, Action.LEFT_OPEN, text)


def _balancing(setting: LoadBalancerSettings) -> Iterator[Step]:
    if setting.consistent_hash:
        text = f"a hash keeps equal requests on one pod: {_UNSPECIFIED}"
        yield step(setting.resource, setting.at("consistentHash"), Action.LEFT_OPEN, text)
    if setting.locality and setting.locality.enabled:
        text = f"goes by zones, which pods don't tell: {_UNSPECIFIED}"
        yield step(setting.resource, setting.at("localityLbSetting"), Action.LEFT_OPEN, text)
    if setting.warmup or setting.warmup_duration:
        text = "sends less to pods that have just started"
        yield step(setting.resource, setting.at("warmup"), Action.IGNORED, text)


def counted(policy: Policy, outcome: Outcome) -> Step | None:
    """Returns what outlier detection makes of an answer, None if it counts none.

    It counts what comes in a row, of all clients' requests by one proxy: what that does to later requests
    a single one can't tell.
    """
    outliers = policy.outlier_detection
    if outliers is None or not _is_failure(outliers, outcome):
        return None
    text = (
        "counts this answer as a failure: after some in a row the pod is left out for a time; how many "
        "requests get it isn't specified"
    )
    return step(outliers.resource, outliers.path, Action.LEFT_OPEN, text)


def _is_failure(outliers: OutlierDetection, outcome: Outcome) -> bool:
    if outcome.external:
        return False
    if outcome.failure is not None:
        return True
    status = outcome.status or 0
    if outliers.error_codes:
        return status in outliers.error_codes
    server_errors = 5 if outliers.server_errors is None else outliers.server_errors
    gateway_errors = outliers.errors if outliers.gateway_errors is None else outliers.gateway_errors
    return bool((server_errors and status >= 500) or (gateway_errors and status in _GATEWAY_ERRORS))
