"""Gateway of Istio's own, and the pods of gateways [Istio: networking/v1, Gateway]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.api import field, marks
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from harness.api.kubernetes.pod import PodTemplate


HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")
"""Protocols of a server that reads HTTP without TLS."""

TLS = ("HTTPS", "TLS")
BYTES = ("TCP", "MONGO", "REDIS", "MYSQL")


class ServerPort(Node):
    """A port of the gateway's Service."""

    number = field.integer("number")
    name = field.text("name")
    protocol = field.text("protocol", "HTTP")
    target_port = field.integer("targetPort")


class ServerCertificate(Node):
    """A certificate in files of the gateway's pod."""

    server_certificate = field.text("serverCertificate")
    private_key = field.text("privateKey")
    ca_certificates = field.text("caCertificates")


class ServerTLSSettings(ServerCertificate):
    """How a server ends TLS, or passes it on."""

    mode = field.text("mode")
    https_redirect = field.boolean("httpsRedirect")
    credential_name = field.text("credentialName")
    credential_names = field.texts("credentialNames")
    tls_certificates = field.nodes("tlsCertificates", ServerCertificate)
    max_protocol_version = field.text("maxProtocolVersion")

    @property
    def effective_mode(self) -> str:
        """Its mode; what isn't said is passed through."""
        return self.mode or "PASSTHROUGH"

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names of its certificates' Secrets."""
        return (self.credential_name,) if self.credential_name else self.credential_names


class Server(Node):
    """What a gateway listens for on a port."""

    name = field.text("name")
    port = field.node("port", ServerPort)
    bind = field.text("bind")
    hosts = field.texts("hosts")
    tls = field.node("tls", ServerTLSSettings)

    @property
    def protocol(self) -> str:
        """Its port's protocol, in capitals."""
        return self.port.protocol.upper()

    @property
    def open_to(self) -> tuple[tuple[str, str], ...]:
        """Its hosts in lower case: the namespace whose VirtualServices may speak for one, and its name.

        The namespace `*` stands for all.
        """
        return tuple(self._split(host.lower()) for host in self.hosts)

    def _split(self, host: str) -> tuple[str, str]:
        namespace, slash, name = host.rpartition("/")
        if namespace == ".":
            return self.resource.namespace, name
        return (namespace if slash else "*"), name


class IstioGateway(Spec):
    """The servers of the pods that it selects."""

    KIND: ClassVar = ("networking.istio.io", "Gateway")

    selector = field.labels("selector")
    servers = field.nodes("servers", Server)


MANAGED = ("gateway.istio.io/managed", "istio.io-gateway-controller")
"""The label, with its value, of the pods that Istio deploys for Gateways."""


def runs_gateway(template: PodTemplate) -> bool:
    """Returns whether pods run a gateway: injected as such, deployed for a Gateway, or written out."""
    label, value = MANAGED
    return (
        template.metadata.annotations.get(marks.ISTIO_TEMPLATES) == "gateway"
        or template.metadata.labels.get(label) == value
        or any({"proxy", "router"} <= set(container.args) for container in template.spec.containers)
    )
