"""What a port's name, or its application protocol, says to Istio [Istio: protocol selection]."""

from __future__ import annotations

# Anything else is detected, but on ports whose servers are known to speak first.
_PROTOCOLS = {
    "http": "http",
    "http2": "http2",
    "grpc": "grpc",
    "grpc-web": "http",
    "kubernetes.io/h2c": "http2",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "tls",
    "tcp": "tcp",
    "tls": "tls",
    "https": "tls",
    "mongo": "tcp",
    "mysql": "tcp",
    "redis": "tcp",
}
_SERVER_FIRST = frozenset((25, 53, 3306, 27017))


def protocol_of(text: str, number: int = 0) -> str:
    """Returns what an appProtocol or a port's name, up to its first dash, says; empty for nothing known.

    Without a word of it the number of a port may tell.
    """
    word = "grpc-web" if text.lower().startswith("grpc-web") else text.lower()
    default = "tcp" if number in _SERVER_FIRST else ""
    return _PROTOCOLS.get(word) or _PROTOCOLS.get(word.partition("-")[0], default)
