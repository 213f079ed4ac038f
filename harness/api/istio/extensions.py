"""Kinds that change what proxies run, or have machines join, as far as their form is checked [Istio]."""

from __future__ import annotations

from typing import ClassVar

from harness.api import field
from harness.api.istio.registry import EntryEndpoint
from harness.api.istio.security.authentication import PolicySpec
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec


class EnvironmentVariable(Node):
    """A variable of the machine that runs a plugin."""

    name = field.text("name")
    value_from = field.text("valueFrom")


class VmConfig(Node):
    """The machine that runs a plugin."""

    env = field.nodes("env", EnvironmentVariable)


class Wasm(Node):
    """A plugin: where it is, what it is given, and whether it is for HTTP (by default) or NETWORK's bytes."""

    url = field.text("url")
    plugin_type = field.text("type")
    vm_config = field.node("vmConfig", VmConfig)


class Lua(Node):
    """A script."""

    code = field.text("inlineCode")


class PortNumber(Node):
    """A port."""

    number = field.count("number")


class TrafficSelector(Node):
    """The requests that a plugin is for: those that a proxy sends (CLIENT), or takes (SERVER), by ports."""

    mode = field.text("mode")
    ports = field.nodes("ports", PortNumber)


class Extension(PolicySpec):
    """What runs in some proxies, for all that pass or for what one of its selectors is for."""

    match = field.nodes("match", TrafficSelector)


class WasmPlugin(Extension, Wasm):
    """A plugin for some proxies."""

    KIND: ClassVar = ("extensions.istio.io", "WasmPlugin")


class TrafficExtension(Extension):
    """A plugin, or a script, for some proxies."""

    KIND: ClassVar = ("extensions.istio.io", "TrafficExtension")

    wasm = field.node("wasm", Wasm)
    lua = field.node("lua", Lua)


class ProxyConfig(Spec):
    """How some proxies run."""

    KIND: ClassVar = ("networking.istio.io", "ProxyConfig")

    selector = field.node("selector", LabelSelector)
    environment = field.labels("environmentVariables")


class Probe(Node):
    """How it is found out whether a machine of a group is ready."""

    command = field.node("exec", Node)
    http = field.node("httpGet", Node)


class WorkloadTemplate(EntryEndpoint):
    """What the machines of a group have in common."""


class WorkloadGroup(Spec):
    """Machines that may join the mesh."""

    KIND: ClassVar = ("networking.istio.io", "WorkloadGroup")

    metadata = field.node("metadata", Node)
    template = field.node("template", WorkloadTemplate)
    probe = field.node("probe", Probe)
