"""The forms that names, hosts, numbers and durations must have, in the words of Istio's webhook.

Each function returns what is wrong with a value, empty for nothing
[istio/istio: pkg/config/validation, its package agent, pkg/config/labels].
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.base.durations import seconds
from harness.base.networks import is_address, is_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNIX = "unix://"
"""What addresses of sockets begin with."""

_LABEL = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_WILDCARD = re.compile(rf"\*|(?:\*|\*-)?{_LABEL}")
_VALUE = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY = re.compile(rf"(?:(?=.{{1,253}}/){_LABEL}(?:\.{_LABEL})*/)?(?:{_VALUE})")
LONGEST_LABEL, _LONGEST_NAME = 63, 255
TOO_LONG = f"Too long: may not be more than {LONGEST_LABEL} bytes"

PROTOCOLS = frozenset("tcp udp grpc grpc-web http http_proxy http2 https tls mongo redis mysql".split())
"""What a port may be said to speak, in lower case."""


def is_label(text: str) -> bool:
    """Returns whether a text is one part of a domain name [RFC 1123, in either case]."""
    return len(text) <= LONGEST_LABEL and re.fullmatch(_LABEL, text) is not None


def _length(name: str) -> str:
    if not name:
        return "empty domain name not allowed"
    return f'domain name "{name}" too long (max 255)' if len(name) > _LONGEST_NAME else ""


def _parts(domain: str) -> str:
    *parts, last = domain.split(".")
    if re.fullmatch("[+-]?[0-9]+", last):
        return f'domain name "{domain}" invalid (top level domain "{last}" cannot be all-numeric)'
    wrong = [part for part in (*parts, *([last] if last else [])) if not is_label(part)]
    return f'domain name "{domain}" invalid (label "{wrong[0]}" invalid)' if wrong else ""


def domain(name: str) -> str:
    """A domain name without wildcard."""
    return _length(name) or _parts(name)


def wildcard_domain(name: str) -> str:
    """A domain name, perhaps with an asterisk at its beginning."""
    first, dot, rest = name.partition(".")
    if words := _length(name):
        return words
    if len(first) > LONGEST_LABEL or not _WILDCARD.fullmatch(first):
        return f'domain name "{name}" invalid (label "{first}" invalid)'
    return _parts(rest) if dot else ""


def gateway_domain(name: str) -> str:
    """A name that TLS may ask a gateway for: also that of another cluster's `outbound_.80_._.host`."""
    if not name.startswith("outbound_"):
        return wildcard_domain(name)
    parts = name.split("_")
    if len(parts) >= 4 and re.search("[0-9]", parts[1]) and re.search("[a-zA-Z]", parts[3]):
        return ""
    return f"domain name {name} invalid, should follow 'outbound_.<PORT>_._.<HOSTNAME>' format"


def address_or(check: str, text: str) -> str:
    """The words about a text, unless it is an address."""
    return "" if is_address(text) else check


def host(name: str) -> str:
    """A host: a domain name, perhaps a wildcard, or an address."""
    return address_or(wildcard_domain(name), name)


def gateway_host(name: str) -> str:
    """A host at a gateway, of which TLS may tell the name."""
    return address_or(gateway_domain(name), name)


def destination_host(name: str) -> str:
    """Where requests go."""
    return "invalid destination host *" if name == "*" else wildcard_domain(name)


def scoped_host(name: str, *, gateway: bool) -> Iterator[str]:
    """Yields what is wrong with `namespace/host`; at gateways the namespace may be left out."""
    namespace, slash, name = name.partition("/") if "/" in name else ("", "", name)
    if not slash and not gateway:
        yield "host must be of form namespace/dnsName"
        return
    if slash and not (namespace and name):
        yield "config namespace and dnsName in host entry cannot be empty"
    named = namespace.removeprefix("~") if not gateway else namespace
    if slash and named not in ("*", ".") and (gateway or named) and not is_label(named):
        yield f'invalid namespace value "{namespace}" in {"gateway" if gateway else "sidecar"}'
    if name != "*" and "." not in name:
        yield "short names (non FQDN) are not allowed"
    if words := wildcard_domain(name) if not gateway else host(name):
        yield words
    if "*" in name and name != "*" and not name.startswith("*."):
        yield f'partial wildcard "{name}" not allowed'


def subset(name: str) -> str:
    """The name of a subset."""
    if not name:
        return "subset name cannot be empty"
    return "" if is_label(name) else f"subset name is invalid: {name}"


def port_name(name: str) -> str:
    """The name of a port."""
    return "" if is_label(name) else f"invalid port name: {name}"


def port(number: int) -> str:
    """The number of a port."""
    return "" if 1 <= number <= 65535 else f"port number {number} must be in the range 1..65535"


def port_if_any(number: int) -> str:
    """The number of a port, or 0 for none."""
    return port(number) if number else ""


def protocol(word: str) -> str:
    """What a port speaks; nothing for what is to be found out."""
    return "" if not word or word.lower() in PROTOCOLS else f"unsupported protocol: {word}"


def percent(number: int) -> str:
    """A share in whole percents."""
    return "" if 0 <= number <= 100 else f"percentage {number} is not in range 0..100"


def limit(text: str) -> str:
    """A duration of whole milliseconds, and at least one of them."""
    amount = (seconds(text) or 0) * 1000
    if amount < 1:
        return "duration must be greater than 1ms"
    return "" if abs(amount - round(amount)) < 1e-6 else "only durations to ms precision are supported"


def limit_if_any(text: str) -> str:
    """A duration, or zero for none."""
    return limit(text) if (seconds(text) or 0) >= 0.001 else ""


def address(text: str) -> str:
    """An IP address."""
    return "" if is_address(text) else f"{text} is not a valid IP"


def network(text: str) -> str:
    """An IP address, or a network as `10.0.0.0/8`."""
    if text.count("/") != 1:
        return address(text)
    bits = text.partition("/")[2]
    return "" if bits.isdigit() and is_network(text) else f"{text} is not a valid CIDR block"


def socket(text: str) -> str:
    """An address of a socket, behind `unix://`: a path, or a name with an at sign."""
    path = text.removeprefix(UNIX)
    if not path:
        return "unix address must not be empty"
    if path.startswith("@") or (path.startswith("/") and not path.endswith("/")):
        return ""
    return f"{path} is not an absolute path to a file"


def labels(wanted: Mapping[str, str]) -> str:
    """Labels of pods."""
    for key, value in wanted.items():
        if not _KEY.fullmatch(key) or len(key.rpartition("/")[2]) > LONGEST_LABEL:
            return f'invalid tag key: "{key}"'
        if not re.fullmatch(rf"(?:{_VALUE})?", value):
            return f'invalid tag value: "{value}"'
    return ""
