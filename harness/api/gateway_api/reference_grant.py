"""ReferenceGrant: who may refer to objects of the grant's namespace."""

from __future__ import annotations

from harness.api.node import Node, Spec, nodes, text


class GrantFrom(Node):
    """Objects that may refer, by group, kind and namespace."""

    group = text("group")
    kind = text("kind")
    namespace = text("namespace")


class GrantTo(Node):
    """Objects that may be referred to; without a name all of the kind."""

    group = text("group")
    kind = text("kind")
    name = text("name")


class ReferenceGrant(Spec):
    """A permission for each pair of the two lists."""

    sources = nodes("from", GrantFrom)
    targets = nodes("to", GrantTo)
