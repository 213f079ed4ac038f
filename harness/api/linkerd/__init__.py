"""Linkerd's kinds, its annotations on others', and the settings of an installation."""

GROUP = "policy.linkerd.io"
"""The API group of its policies, and of its own HTTPRoute."""

PROFILES = "linkerd.io"
"""The API group of ServiceProfile."""

TUNNEL = 4143
"""The port on which proxies take what other proxies send, whatever port is meant."""

POLICIES = tuple(
    "all-unauthenticated all-authenticated cluster-unauthenticated cluster-authenticated deny audit".split()
)
"""The default inbound policies, of an installation, a namespace, a workload, or a Server."""
