"""Traps in what Istio's injector makes of namespaces and pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api import marks
from harness.api.kubernetes.config_map import ConfigMap
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import template_of
from harness.base.listing import some
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh, Workload
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.kubernetes.pod import PodTemplate
    from harness.base.resources import Resource
    from harness.model import State

_LABELS = (marks.ISTIO_INJECTION, marks.ISTIO_REVISION, marks.ISTIO_AMBIENT)
_INJECTOR = "istio-sidecar-injector"
_PROXY, _AUTO = Mesh.ISTIO.proxy, "auto"

RESERVED = {Mesh.ISTIO: 1337, Mesh.LINKERD: 2102}
"""The user as whom each mesh's proxy runs, whose connections aren't taken to the proxy."""


@rule
def namespace_not_injected(state: State) -> Iterator[Sign]:
    labelled = Mesh.ISTIO in state.meshes and state.assumed is None
    for namespace in state.all("", "Namespace") if labelled else ():
        labels, notes = labels_of(namespace), annotations_of(namespace)
        of_mesh = any(label in labels for label in _LABELS) or marks.LINKERD_INJECT in notes
        if namespace.where and namespace.name not in PLATFORM and not of_mesh:
            yield seen(namespace, "metadata.labels")


@rule
def injection_labels_mixed(state: State) -> Iterator[Sign]:
    for namespace in state.all("", "Namespace"):
        labels = labels_of(namespace)
        own = [f"{label}: {labels[label]}" for label in _LABELS if label in labels]
        if len(own) > 1 and labels.get(marks.ISTIO_INJECTION, "enabled") == "enabled":
            yield seen(namespace, "metadata.labels", labels=", ".join(own))


@rule
def pod_without_proxy(state: State) -> Iterator[Sign]:
    for resource, template in _templates(state):
        pods = state.pods_of(Workload(resource.namespace, resource.name))
        bare = [pod for pod in pods if not (pod.proxies or pod.gateway or pod.host_network)]
        if bare and Mesh.ISTIO in state.meshes and _is_injected(state, resource, template):
            yield seen(resource, pods=some(pod.name for pod in bare))


@rule
def image_auto_without_injection(state: State) -> Iterator[Sign]:
    # Without any label of a namespace's these may have been given by hand.
    labelled = any(
        any(marks.addressed(labels_of(each), annotations_of(each)))
        for each in state.all("", "Namespace")
        if each.where and each.name not in PLATFORM
    )
    for resource, template in _templates(state) if labelled else ():
        for container in template.spec.containers:
            auto = (container.name, container.image) == (_PROXY, _AUTO)
            if auto and not _is_injected(state, resource, template):
                yield seen(container, "image")


def _is_injected(state: State, resource: Resource, template: PodTemplate) -> bool:
    """Whether pods ask for Istio's proxy themselves, or else by their namespace."""
    own = marks.choice(Mesh.ISTIO, template.metadata.labels, template.metadata.annotations)
    namespace = state.get("", "Namespace", "", resource.namespace)
    if own is not None or namespace is None:
        return bool(own)
    return marks.asks(Mesh.ISTIO, labels_of(namespace), annotations_of(namespace))


@rule
def reserved_user(state: State) -> Iterator[Sign]:
    for resource, template in _templates(state):
        for pod in state.pods_of(Workload(resource.namespace, resource.name))[:1]:
            if pod.mesh is None or pod.gateway:
                continue
            user, proxy = RESERVED[pod.mesh], pod.mesh.proxy
            apps = [container for container in template.spec.containers if container.name != proxy]
            contexts = (template.spec.security, *(container.security for container in apps))
            for context in contexts:
                if context.user == user:
                    yield seen(context, "runAsUser", user=user, mesh=pod.mesh)


@rule
def proxy_image_outdated(state: State) -> Iterator[Sign]:
    old = grouped(
        (pod.namespace, (pod, container.image))
        for pod in state.pods
        for container in pod.containers
        if container.name == _PROXY
        and "sidecar.istio.io/proxyImage" not in pod.annotations
        and container.image != _AUTO
    )
    for name, entries in old.items():
        namespace = state.get("", "Namespace", "", name)
        image = _injected_image(state, namespace) if namespace else ""
        others = [str(pod.workload) for pod, own in entries if not _is_variant(own, image)]
        if namespace and image and others:
            yield seen(namespace, pods=some(dict.fromkeys(others)), image=image)


def _is_variant(image: str, wanted: str) -> bool:
    """Whether an image is the wanted one, or one of its variants (`-distroless`, `-debug`)."""
    return image == wanted or image.startswith(f"{wanted}-")


def _injected_image(state: State, namespace: Resource) -> str:
    """The image that the injector of a namespace uses, as its ConfigMap says; empty if that isn't known."""
    labels = labels_of(namespace)
    if not marks.asks(Mesh.ISTIO, labels, {}):
        return ""
    revision = labels.get(marks.ISTIO_REVISION, "default")
    name = _INJECTOR if revision == "default" else f"{_INJECTOR}-{revision}"
    config = state.get("", "ConfigMap", ROOT_NAMESPACE, name)
    settings = ConfigMap.of(config).settings("values").get("global") if config else None
    proxy = settings.get("proxy") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or not isinstance(proxy, dict):
        return ""
    image = str(proxy.get("image", ""))
    return image if "/" in image else f"{settings.get('hub')}/{image}:{settings.get('tag')}"


def _templates(state: State) -> Iterator[tuple[Resource, PodTemplate]]:
    """The workloads of the estate, without the platform's, and the pods that they make."""
    for resource in state.workloads:
        if resource.namespace not in PLATFORM:
            yield resource, template_of(resource)
