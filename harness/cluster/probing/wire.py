"""What a server's port shows on the wire: to `openssl s_client`, sent past the client's own proxy."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.base import HarnessError, Mesh
from harness.cluster.api import Deadline, execute
from harness.cluster.objects import pods
from harness.cluster.probing import sources
from harness.cluster.probing.attribution import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from harness.cluster.api import Client, ClusterSettings, Json
    from harness.cluster.control_plane import ControlPlane

logger = logging.getLogger(__name__)

NAME = "harness-wire"

_SECONDS = 60.0
_NO_OPENSSL = 3

# Arguments: address, the name to ask for (SNI), the protocols to offer (ALPN), both may be empty. The
# request that follows is no HTTP, so that it reaches no application's code and no proxy's routes: how
# it is turned down shows whether plaintext gets in at all.
SCRIPT = """
openssl version >/dev/null 2>&1 || exit 3
said=$(echo | timeout 5 openssl s_client -connect "$1" ${2:+-servername "$2"} ${3:+-alpn "$3"} 2>&1)
printf '%s\\n' "$said" | openssl x509 -noout -ext subjectAltName 2>/dev/null
printf '%s\\n--plain ' "$said"
curl -q -s -m 5 --noproxy '*' -o /dev/null -w '%{exitcode} %{http_code}\\n' -X 'NOT A METHOD' "http://$1/"
"""

_NAMES = re.compile(r"(?:URI|DNS):([^\s,]+)")
_PLAIN = re.compile(r"^--plain (\d+) (\d+)$", re.MULTILINE)
_NO_CERTIFICATE = "no peer certificate available"
_ASKS = "Acceptable client certificate CA names"
_REFUSED = (35, 52, 56)  # curl's exit codes for a connection that was closed instead of an answer


@dataclass
class Wire:
    """Looks at servers' ports from clients' pods; `without` are images that turned out to have no openssl."""

    client: Client
    settings: ClusterSettings
    provide_images: Callable[[Collection[str]], None]
    planes: Mapping[Mesh, ControlPlane]
    without: set[str] = field(default_factory=set)

    def look(self, source: Json, server: Json, port: int) -> Shown | None:
        """Returns what a port of a server's pod shows in the client's pod; None if it can't be looked at."""
        address = pods.status(server).ip
        if not address or (image := self._image(source, server)) in self.without:
            return None
        mesh = next(iter(pods.meshes(server)), None)
        hello = self.planes[mesh].hello(server) if mesh else ("", "")
        target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        namespace, name, deadline = pods.namespace(source), pods.name(source), Deadline(_SECONDS)
        try:
            container = self._equip(source, image, deadline)
            argv = ["sh", "-c", SCRIPT, "look", target, *hello]
            done = execute(self.client, namespace, name, container, argv, deadline)
        except HarnessError as error:
            logger.warning("nothing is seen on the wire: %s", error)
            return None
        if done.code == _NO_OPENSSL:
            self.without.add(image)
            logger.warning("nothing is seen on the wire: %s has no openssl", image)
            return None
        return shown(done.stdout, f"{pods.where(server)}, port {port}")

    def _equip(self, source: Json, image: str, deadline: Deadline) -> str:
        """A container whose traffic goes round the client's proxy: it runs as that proxy's user."""
        self.provide_images([image])
        user = next((self.planes[mesh].user for mesh in pods.meshes(source)), sources.USER)
        return sources.add_container(self.client, source, image, deadline, name=NAME, user=user)

    def _image(self, *candidates: Json) -> str:
        """The configured image; else that of an istio-proxy, which has openssl and is there already."""
        if self.settings.openssl_image:
            return self.settings.openssl_image
        containers = (container for pod in candidates for container in pods.spec(pod).lasting)
        images = (container.image for container in containers if container.name == Mesh.ISTIO.proxy)
        return next(images, self.settings.curl_image)


def shown(text: str, where: str) -> Shown | None:
    """Reads what SCRIPT printed; None if the port wasn't reached."""
    head, _, _ = text.partition("\n--plain ")
    plain = _PLAIN.search(text)
    code, status = (int(plain[1]), int(plain[2])) if plain else (-1, 0)
    names = tuple(_NAMES.findall(head.partition("CONNECTED")[0]))
    if not names and _NO_CERTIFICATE not in head:
        return None
    plaintext = True if status else False if code in _REFUSED else None
    return Shown(where, names, _ASKS in head, plaintext)
