"""Flagger's Canary, of which its controller makes Services beside the workload that it rolls out.

[fluxcd/flagger: pkg/router/kubernetes_default.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.kubernetes.workload import is_workload, template_of
from harness.api.node import live

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource

CANARY = ("flagger.app", "Canary")
_SUFFIXES = ("", "-primary", "-canary")


def services(canary: Resource, objects: Iterable[Resource]) -> Iterator[Resource]:
    """Yields the Services of a Canary: all of them lead to the pods of its workload.

    Which pods of it each really has changes while it rolls out. None where the workload isn't among the
    objects, or the Canary doesn't say its port.
    """
    spec = _mapping(canary.data, "spec")
    target, service = _mapping(spec, "targetRef"), _mapping(spec, "service")
    name = service.get("name") or target.get("name")
    wanted = (target.get("kind"), canary.namespace, target.get("name"))
    workload = next(
        (each for each in objects if (each.kind, each.namespace, each.name) == wanted and is_workload(each)),
        None,
    )
    number = service.get("port")
    if workload is None or not isinstance(name, str) or not isinstance(number, int):
        return
    port = {"name": str(service.get("portName") or "http"), "port": number}
    port |= {key: service[key] for key in ("targetPort", "appProtocol") if service.get(key)}
    selector = dict(template_of(workload).metadata.labels)
    for suffix in _SUFFIXES:
        metadata = {"name": f"{name}{suffix}", "namespace": canary.namespace}
        made = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
        yield live({**made, "spec": {"selector": selector, "ports": [port]}})


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
