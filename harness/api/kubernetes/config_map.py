"""ConfigMaps: texts by their keys."""

from __future__ import annotations

from harness.api.node import Object, labels


class ConfigMap(Object):
    """A ConfigMap."""

    texts = labels("data")
