"""The hosts that a client's proxy knows: services of the registry that are exported and imported to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.registry import ServiceEntry
from harness.api.kubernetes.metadata import labels_of
from harness.base import explored
from harness.model.istio.registry import service as registry
from harness.model.istio.registry import sidecar_scope
from harness.model.state.tables import per_key
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.model.istio.registry.service import Port, RegistryService
    from harness.model.istio.registry.sidecar_scope import Egress, Scope
    from harness.model.state import Pod, State


def known(
    state: State, namespace: str, imports: tuple[Egress, ...], host: str
) -> tuple[RegistryService, ...]:
    """Returns the services of a host that a namespace's proxies know, by what their Sidecar imports.

    Those of one namespace: of the first that has it (those exported to some namespaces come before those for
    everybody, older ones first), unless that is a ServiceEntry and another has a Service; but always of the
    client's own, if that has it [istio/istio: IstioEgressListenerWrapper.selectServices].
    """
    return _known(state, registry.view(state, namespace), imports, host)


@per_key(lambda namespace, imports, host: (namespace, imports, host))
def _known(
    state: State, namespace: str, imports: tuple[Egress, ...], host: str
) -> tuple[RegistryService, ...]:
    seen = tuple(_seen(state, namespace, imports, registry.by_host(state).get(host, ())))
    if not seen:
        return ()
    chosen = seen[0]
    for service in seen[1:]:
        replaces = service.in_kubernetes and not chosen.in_kubernetes and chosen.namespace != namespace
        if service.namespace == namespace or replaces:
            chosen = service
    return tuple(service for service in seen if service.namespace == chosen.namespace)


def _seen(
    state: State, namespace: str, imports: tuple[Egress, ...], services: Iterable[RegistryService]
) -> Iterator[RegistryService]:
    classes = [(registry.exported(state, service.origin, namespace), service) for service in services]
    for wanted in (0, 1):
        for seen, service in classes:
            if seen == wanted and any(e.has_service(service.namespace, service.host) for e in imports):
                yield service


def on_port(
    state: State, namespace: str, egress: Egress, number: int
) -> tuple[tuple[RegistryService, Port], ...]:
    """Returns the services with a port that a namespace's proxies know, in the order of their listeners."""
    return _on_port(state, registry.view(state, namespace), egress, number)


@per_key(lambda namespace, egress, number: (namespace, egress, number))
def _on_port(
    state: State, namespace: str, egress: Egress, number: int
) -> tuple[tuple[RegistryService, Port], ...]:
    having = registry.by_number(state).get(number, ())
    ordered = _seen(state, namespace, (egress,), (service for service, _ in having))
    return tuple(
        (service, port)
        for service in ordered
        if service in _known(state, namespace, (egress,), service.host)
        if (port := service.port(number)) is not None
    )


def host_known(state: State, client: Pod, host: str) -> RegistryService | None:
    """Returns the service that a client's proxy knows by a host: a Service before ServiceEntries."""
    scope = sidecar_scope.of(state, client)
    return _merged(explored.of(known, state, client.namespace, scope.egress, host))


def _merged(services: tuple[RegistryService, ...]) -> RegistryService | None:
    return next((service for service in services if service.in_kubernetes), next(iter(services), None))


def destination(state: State, client: Pod, host: str) -> tuple[tuple[RegistryService, ...], list[Step]]:
    """Returns the services that a rule's destination means, imported or not; and what isn't exported.

    What a rule names is known with it: of the client's namespace, or else a Service, or else the oldest
    [istio/istio: SidecarScope.collectImportedServices, pickBestVisibleNamespace].
    """
    scope = sidecar_scope.of(state, client)
    imported = explored.of(known, state, client.namespace, scope.egress, host)
    if imported:
        return imported, []
    return explored.of(_named, state, client.namespace, host)


@per_key(lambda namespace, host: (namespace, host))
def _named(state: State, namespace: str, host: str) -> tuple[tuple[RegistryService, ...], list[Step]]:
    services = registry.by_host(state).get(host, [])
    own = tuple(service for service in services if service.namespace == namespace)
    lost = [why for service in services if (why := _unexported(state, namespace, service)) is not None]
    if own:
        return own, lost
    seen = tuple(s for s in services if registry.exported(state, s.origin, namespace) is not None)
    best = _merged(seen)
    return tuple(service for service in seen if best and service.namespace == best.namespace), lost


def ports(services: Iterable[RegistryService]) -> tuple[Port, ...]:
    """Returns the ports that proxies have clusters for, of the services of one host.

    A Service's alone; else those of the first ServiceEntry, with those of others that say the same of all but
    ports and endpoints [istio/istio: appendSidecarServices, canMergeServices].
    """
    every = tuple(services)
    first = _merged(every)
    alike = [service for service in every if first is not None and _is_alike(service, first)]
    return tuple({port.number: port for service in reversed(alike) for port in service.ports}.values())


def _is_alike(service: RegistryService, first: RegistryService) -> bool:
    if service.in_kubernetes or first.in_kubernetes:
        return service is first
    one, other = (ServiceEntry.kept(each.origin) for each in (service, first))
    return (
        one.resolution == other.resolution
        and one.selector == other.selector
        and set(one.export_to) == set(other.export_to)
        and labels_of(service.origin) == labels_of(first.origin)
    )


def hidden(state: State, client: Pod, service: RegistryService) -> Step | None:
    """Returns why a client's proxy isn't told of a service, None if it is."""
    scope = sidecar_scope.of(state, client)
    return explored.of(_hidden, state, client.namespace, scope, service)


@per_key(lambda namespace, scope, service: (namespace, scope, id(service)))
def _hidden(state: State, namespace: str, scope: Scope, service: RegistryService) -> Step | None:
    unseen = _unexported(state, namespace, service)
    own = service.namespace
    if unseen is not None or any(egress.has_service(own, service.host) for egress in scope.egress):
        return unseen
    return scope.hidden(service.origin, "{}/{}", own, service.host)


def unseen(state: State, client: Pod, number: int, *hosts: str) -> list[Step]:
    """Returns why a client's proxy isn't told of services for hosts that have a port."""
    lost: list[Step] = []
    for service in registry.by_pattern(state).covering(*hosts):
        why = hidden(state, client, service) if service.port(number) else None
        if why is not None and why not in lost:
            lost.append(why)
    return lost


def _unexported(state: State, namespace: str, service: RegistryService) -> Step | None:
    if registry.exported(state, service.origin, namespace) is not None:
        return None
    field = f"annotation {registry.EXPORT_TO}" if service.in_kubernetes else "spec.exportTo"
    return step(service.origin, field, Action.HIDDEN, "isn't exported to namespace {}", namespace)
