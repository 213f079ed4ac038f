"""A scenario in namespaces of its own, so that several can run on one cluster at once."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.hosts import exported_to
from harness.api.istio.registry import GROUP
from harness.api.istio.virtual_service import VirtualService
from harness.base import ObjectName, Resource, Workload
from harness.base.vocabulary import PLATFORM
from harness.scenario.models import Check, Stage
from harness.scenario.steps import Change, Place, Restart, Run, Uninstall, WrittenStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.scenario.models import Scenario

_LISTS = frozenset(("namespaces", "notNamespaces", "exportTo"))
_REFERENCES = frozenset(("gateways", "hosts"))
"""Fields whose items may be written `namespace/name` [Istio: VirtualService, Gateway, Sidecar]."""
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_NAMESPACE_KEYS = frozenset((_NAMESPACE_LABEL, "source.namespace"))
"""The `key` of a selector's expression or a policy's condition whose `values` are namespaces."""


def needs_whole_cluster(scenario: Scenario) -> str | None:
    """Returns what of a scenario would act on others beside it; None if it can share a cluster."""
    own = _namespaces(scenario)
    for stage in scenario.stages:
        for step in stage.steps:
            elsewhere = isinstance(step, Change) and step.patch.target.home not in own
            if elsewhere or isinstance(step, (Uninstall, Run, WrittenStep)):
                return f"it would {step}"
    renaming = _Renaming({name: f"-{name}" for name in own})
    for resource in _resources(scenario):
        if resource.home not in own or _acts_on_others(resource, renaming):
            return f"it has {resource}"
    return None


def _acts_on_others(resource: Resource, renaming: _Renaming) -> bool:
    """Whether an object of Istio's is in force beyond its namespace: at a gateway, or for other hosts."""
    if resource.group != GROUP or exported_to(resource) == (".",):
        return False
    if resource.kind in ("Gateway", "ServiceEntry"):
        return True
    hosts: tuple[str, ...] = ()
    if resource.kind == "VirtualService":
        hosts = VirtualService.of(resource).hosts
    elif resource.kind == "DestinationRule":
        hosts = (DestinationRule.of(resource).host,)
    return any("." in host or host == "*" for host in hosts if renaming.of(host) == host)


def isolated(scenario: Scenario, prefix: str) -> Scenario:
    """Returns the scenario with a prefix before each of its namespaces, wherever one is named.

    That is in objects, host names, identities, and what stages do and expect. The namespaces of
    control planes stay as they are. Its path, its names and the places in its files stay, too.
    """
    return _Renaming({name: prefix + name for name in _namespaces(scenario)}).scenario(scenario)


def _namespaces(scenario: Scenario) -> frozenset[str]:
    """The namespaces of its own: those that hold its objects, and those that it places."""
    placed = {
        step.where if isinstance(step.where, str) else step.where.namespace
        for stage in scenario.stages
        for step in stage.steps
        if isinstance(step, (Place, Restart))
    }
    held = {resource.home for resource in _resources(scenario)}
    return frozenset((placed | held) - PLATFORM - {""})


def _resources(scenario: Scenario) -> Iterator[Resource]:
    yield from scenario.apps
    for config in scenario.configs.values():
        yield from config


class _Renaming:
    """Writes other namespaces into objects, steps and expectations."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        name = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        self._texts = tuple(
            re.compile(pattern)
            for pattern in (
                rf"([\w*]\.)({name})(?=\.(?:svc|serviceaccount)\b)",  # full names; Linkerd's identities
                rf"((?:^|[\s,=/@])(?:[\w-]+|\*)\.)({name})(?=[:/,\s]|$)",  # a Service's short name
                rf"(\bns/)({name})(?=/sa/)",  # Istio's identities
                rf"(^[A-Z][\w.]+ )({name})(?=/)",  # an object as scenarios name it
            )
        )
        self._reference = re.compile(rf"^()({name})(?=/)")

    def scenario(self, scenario: Scenario) -> Scenario:
        """Returns a scenario whose namespaces have other names."""
        return replace(
            scenario,
            apps=self.of(scenario.apps),
            configs=self.of(dict(scenario.configs)),
            stages=self.of(scenario.stages),
            translations=self.of(dict(scenario.translations)),
        )

    def of(self, value: Any) -> Any:
        """Returns a value of any kind with the namespaces in it renamed."""
        if type(value) is str:
            return self._text(value)
        if isinstance(value, dict):
            return {self._key(key): self._field(key, item, value) for key, item in value.items()}
        if isinstance(value, (list, tuple, frozenset, set)):
            return type(value)(map(self.of, value))
        if isinstance(value, BaseModel):
            return value.model_copy(
                update={key: self.of(getattr(value, key)) for key in value.model_fields_set}
            )
        if is_dataclass(value) and not isinstance(value, type):
            return self._record(value)
        return value

    def _record(self, value: Any) -> Any:
        """A dataclass: those that name a namespace do so by a field of that name, or in `where`."""
        was = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        changed = {key: self.of(item) for key, item in was.items()}
        if isinstance(value, (Resource, Workload, ObjectName)):
            changed["namespace"] = self._name(value.namespace)
            names_one = not isinstance(value, Workload) and value.kind == "Namespace"
            changed["name"] = self._name(value.name) if names_one else value.name
        if isinstance(value, Resource):
            metadata = {**changed["data"]["metadata"], "name": changed["name"]}
            changed |= {"where": value.where, "data": {**changed["data"], "metadata": metadata}}
        if isinstance(value, (Place, Restart)) and isinstance(value.where, str):
            changed["where"] = self._name(value.where)
        if isinstance(value, Stage):
            changed["name"] = value.name
        if isinstance(value, Check):
            changed = {key: changed[key] for key in ("expectation", "asked")}
        return replace(value, **changed)

    def _key(self, key: Any) -> Any:
        """A key, which may be a workload or a Service's host."""
        return self._put(self._reference, self._text(key)) if type(key) is str else key

    def _field(self, key: str, value: Any, around: Mapping[str, Any]) -> Any:
        """A field of an object, by what its name says that it holds."""
        names_one = key in ("namespace", _NAMESPACE_LABEL) or (
            key == "name" and around.get("kind") == "Namespace"
        )
        if names_one and isinstance(value, str):
            return self._name(value)
        if isinstance(value, list):
            if key in _LISTS or (key == "values" and around.get("key") in _NAMESPACE_KEYS):
                return [self._pattern(name) for name in value]
            if key in _REFERENCES:
                renamed = self.of(value)
                return [self._put(self._reference, x) if isinstance(x, str) else x for x in renamed]
        return self.of(value)

    def _name(self, name: str) -> str:
        return self.names.get(name, name)

    def _pattern(self, pattern: str) -> str:
        """A namespace, or the beginning of one with a star [Istio: AuthorizationPolicy]."""
        if isinstance(pattern, str) and len(pattern) > 1 and pattern.endswith("*"):
            meant = (
                new.removesuffix(name) for name, new in self.names.items() if name.startswith(pattern[:-1])
            )
            return next(meant, "") + pattern
        return self._name(pattern)

    def _text(self, text: str) -> str:
        for pattern in self._texts:
            text = self._put(pattern, text)
        return text

    def _put(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: match[1] + self.names[match[2]], text)
