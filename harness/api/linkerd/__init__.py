"""Linkerd's kinds, its annotations on others', and the settings of an installation."""

GROUP = "policy.linkerd.io"
"""The API group of its policies, and of its own HTTPRoute."""

PROFILES = "linkerd.io"
"""The API group of ServiceProfile."""

POLICIES = tuple(
    "all-unauthenticated all-authenticated cluster-unauthenticated cluster-authenticated deny audit".split()
)
"""The default inbound policies, of an installation, a namespace, a workload, or a Server."""
