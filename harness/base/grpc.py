"""gRPC's statuses."""

from __future__ import annotations

STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE "
    "DATA_LOSS UNAUTHENTICATED"
).split()
"""Their names, by their numbers."""

RETRYABLE = {
    name: STATUSES.index(name.upper().replace("-", "_"))
    for name in "cancelled deadline-exceeded resource-exhausted internal unavailable".split()
}
"""The numbers of the gRPC statuses that both meshes can retry on, by the names that they give them."""
