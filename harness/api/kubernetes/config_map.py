"""ConfigMaps: texts by their keys."""

from __future__ import annotations

import yaml

from harness.api import field
from harness.api.node import Object
from harness.base.errors import InputError
from harness.manifests.documents import plain


class ConfigMap(Object):
    """A ConfigMap."""

    texts = field.labels("data")

    def settings(self, key: str) -> dict[str, object]:
        """Returns what a text says that is YAML itself, empty if absent; InputError if it is none."""
        field = f"data.{key}"
        where = self.resource.place(field)
        try:
            settings = plain(self.texts.get(key) or "{}") or {}
        except yaml.YAMLError as error:
            raise InputError(f"{self.resource} {field} isn't YAML", where=where, why=str(error)) from None
        if not isinstance(settings, dict):
            raise InputError(f"{self.resource} {field} isn't a mapping", where=where)
        return settings
