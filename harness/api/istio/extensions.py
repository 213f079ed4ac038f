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
    """A plugin: where it is, and what it is given."""

    url = field.text("url")
    vm_config = field.node("vmConfig", VmConfig)


class Lua(Node):
    """A script."""

    code = field.text("inlineCode")


class WasmPlugin(PolicySpec, Wasm):
    """A plugin for some proxies."""

    KIND: ClassVar = ("extensions.istio.io", "WasmPlugin")


class TrafficExtension(PolicySpec):
    """A plugin, or a script, for some proxies."""

    KIND: ClassVar = ("extensions.istio.io", "TrafficExtension")

    wasm = field.node("wasm", Wasm)
    lua = field.node("lua", Lua)


class ProxyConfig(Spec):
    """How some proxies run."""

    KIND: ClassVar = ("networking.istio.io", "ProxyConfig")

    selector = field.node("selector", LabelSelector)


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
