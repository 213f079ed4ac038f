"""Ingress and IngressClass: which requests from outside go to which Services [Kubernetes: networking/v1]."""

from __future__ import annotations

from typing import ClassVar

from harness.api import field
from harness.api.kubernetes.metadata import annotations_of
from harness.api.node import Node, Spec


class ServiceBackendPort(Node):
    """A Service's port, by its number or its name."""

    number = field.count("number")
    name = field.text("name")


class ServiceBackend(Node):
    """A Service of the Ingress' namespace, and a port of it."""

    name = field.text("name")
    port = field.node("port", ServiceBackendPort)


class IngressBackend(Node):
    """Where requests go: to a Service, or to what a controller makes of an object of another kind."""

    service = field.optional_node("service", ServiceBackend)
    object = field.optional_node("resource", Node)


class HTTPIngressPath(Node):
    """The requests whose path is this one, or begins with it, and where they go."""

    text = field.text("path")
    path_type = field.text("pathType")
    backend = field.node("backend", IngressBackend)


class HTTPIngressRules(Node):
    """The paths of a host."""

    paths = field.nodes("paths", HTTPIngressPath)


class IngressRule(Node):
    """A host (empty: any), and its paths."""

    host = field.text("host")
    http = field.optional_node("http", HTTPIngressRules)


class IngressTLS(Node):
    """The hosts that a certificate is for, and the Secret that holds it."""

    hosts = field.texts("hosts")
    secret_name = field.text("secretName")


class Ingress(Spec):
    """Rules for requests from outside, for the controller of its class."""

    KIND: ClassVar = ("networking.k8s.io", "Ingress")

    class_name = field.optional("ingressClassName")
    default_backend = field.optional_node("defaultBackend", IngressBackend)
    rules = field.nodes("rules", IngressRule)
    tls = field.nodes("tls", IngressTLS)


class IngressClass(Spec):
    """Which controller goes by the Ingresses of a class."""

    KIND: ClassVar = ("networking.k8s.io", "IngressClass")

    controller = field.text("controller")

    @property
    def is_default(self) -> bool:
        """Whether it is the class of Ingresses that name none."""
        return annotations_of(self.resource).get(_DEFAULT) == "true"


CLASS = "kubernetes.io/ingress.class"
"""An Ingress' annotation: its class, where it has none by a field."""

_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
