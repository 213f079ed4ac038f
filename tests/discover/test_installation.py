"""Values of an installation: where they stand, and what becomes of each."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from harness.analysis.discover import Verdict
from harness.analysis.discover.installation import of_file, of_objects
from harness.base.errors import InputError
from harness.manifests.files import read_manifests

if TYPE_CHECKING:
    from pathlib import Path

NO, CHANGES, CHECK, YES = Verdict.NO_EQUIVALENT, Verdict.CHANGES, Verdict.CHECK, Verdict.TRANSLATES

# values of Helm's; the settings, their verdicts, and a word of what to do or why
SETTINGS = {
    "closed egress": (
        "meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}",
        [("meshConfig.outboundTrafficPolicy.mode", CHANGES, "EgressNetwork")],
    ),
    "open egress": (
        "meshConfig: {outboundTrafficPolicy: {mode: ALLOW_ANY}}",
        [("meshConfig.outboundTrafficPolicy.mode", YES, "")],
    ),
    "trust domains": (
        "meshConfig: {trustDomain: corp, trustDomainAliases: [old]}",
        [
            ("meshConfig.trustDomainAliases", NO, "name every identity"),
            ("meshConfig.trustDomain", CHANGES, "identityTrustDomain"),
        ],
    ),
    "the default trust domain": (
        "meshConfig: {trustDomain: cluster.local}",
        [("meshConfig.trustDomain", YES, "")],
    ),
    "access log": (
        "meshConfig: {accessLogFile: /dev/stdout, accessLogFormat: '%PROTOCOL%'}",
        [
            ("meshConfig.accessLogFormat", NO, ""),
            ("meshConfig.accessLogFile", CHANGES, "config.linkerd.io/access-log"),
        ],
    ),
    "an access log that is off": ("meshConfig: {accessLogFile: ''}", []),
    "automatic mutual TLS off": (
        "meshConfig: {enableAutoMtls: false}",
        [("meshConfig.enableAutoMtls", CHANGES, "always")],
    ),
    "providers by their kind": (
        "meshConfig: {extensionProviders: [{name: a, envoyExtAuthzGrpc: {}}, {name: b, zipkin: {}}, {name: c, x: {}}]}",
        [
            ("meshConfig.extensionProviders.0.envoyExtAuthzGrpc", NO, "authorizer"),
            ("meshConfig.extensionProviders.1.zipkin", CHANGES, "OTLP"),
            ("meshConfig.extensionProviders.2.x", CHECK, ""),
        ],
    ),
    "the proxy first": (
        "meshConfig: {defaultConfig: {holdApplicationUntilProxyStarts: true}}",
        [("meshConfig.defaultConfig.holdApplicationUntilProxyStarts", YES, "proxy.await")],
    ),
    "DNS by the proxy": (
        'meshConfig: {defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true", MINE: x}}}',
        [
            ("meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE", NO, "DNS"),
            ("meshConfig.defaultConfig.proxyMetadata.MINE", CHECK, ""),
        ],
    ),
    "tracing that is off": (
        "meshConfig: {enableTracing: false}",
        [("meshConfig.enableTracing", YES, "")],
    ),
    "a CNI plugin": ("pilot: {cni: {enabled: true}}", [("pilot.cni.enabled", CHANGES, "linkerd2-cni")]),
    "no CNI plugin": ("pilot: {cni: {enabled: false}}", [("pilot.cni.enabled", YES, "")]),
    "ambient mode": (
        "profile: ambient\npilot: {env: {PILOT_ENABLE_AMBIENT: 'true'}}",
        [("pilot.env.PILOT_ENABLE_AMBIENT", CHANGES, "sidecars"), ("profile", CHANGES, "sidecars")],
    ),
    "several clusters": (
        "global: {network: n1, multiCluster: {clusterName: c1}, externalIstiod: true}",
        [
            ("global.externalIstiod", NO, ""),
            ("global.multiCluster", CHANGES, "multicluster"),
            ("global.network", CHANGES, "multicluster"),
        ],
    ),
    "one cluster": (
        "global: {multiCluster: {enabled: false, clusterName: ''}, externalIstiod: false}",
        [
            ("global.externalIstiod", YES, ""),
        ],
    ),
    "what is about Istio alone is one line": (
        "pilot: {resources: {requests: {cpu: 1, memory: 2Gi}}}",
        [("pilot.resources", YES, "goes with")],
    ),
    "unknown": (
        "meshConfig: {fooBar: {baz: 1}}\npilot: {env: {SOME_SWITCH: x}}",
        [("meshConfig.fooBar.baz", CHECK, ""), ("pilot.env.SOME_SWITCH", CHECK, "istiod")],
    ),
    "with --all the charts' defaults are left out": (
        "COMPUTED VALUES:\n_internal_defaults_do_not_set: {meshConfig: {enablePrometheusMerge: true}}\n"
        "revision: canary",
        [("revision", NO, "")],
    ),
    "no values": ("null", []),
    "no values, as helm says it": ("USER-SUPPLIED VALUES:\nnull", []),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str, tmp_path: Path):
    text, expected = SETTINGS[name]
    file = tmp_path / "values.yaml"
    file.write_text(text)
    found = of_file(file)
    assert [(one.name, one.verdict) for one in found] == [(name, verdict) for name, verdict, _ in expected]
    for one, (*_, word) in zip(found, expected, strict=True):
        assert word in f"{one.why}; {one.todo}"


def test_places(tmp_path: Path):
    file = tmp_path / "values.yaml"
    file.write_text("USER-SUPPLIED VALUES:\nmeshConfig:\n  trustDomain: corp\n  accessLogFile: /dev/stdout\n")
    assert {one.name: str(one.where) for one in of_file(file)} == {
        "meshConfig.trustDomain": f"{file}:3:3",
        "meshConfig.accessLogFile": f"{file}:4:3",
    }


OPERATOR = """
    apiVersion: install.istio.io/v1alpha1
    kind: IstioOperator
    metadata: {name: istio}
    spec:
      profile: demo
      meshConfig: {enableAutoMtls: false}
      components:
        egressGateways: [{name: out, enabled: true}]
        cni: {enabled: true}
      values:
        global: {network: n1}
    """
OF_OPERATOR = {
    "spec.profile": CHECK,
    "spec.meshConfig.enableAutoMtls": CHANGES,
    "spec.components.egressGateways": NO,
    "spec.components.cni.enabled": CHANGES,
    "spec.values.global.network": CHANGES,
}


def test_an_istio_operator_as_values_and_as_a_manifest(tmp_path: Path):
    file = tmp_path / "operator.yaml"
    file.write_text(textwrap.dedent(OPERATOR))
    assert {one.name: one.verdict for one in of_file(file)} == OF_OPERATOR
    assert of_objects(read_manifests(file)) == of_file(file)


CONFIG_MAP = """
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: NAME, namespace: istio-system}
    data:
      mesh: |
        outboundTrafficPolicy: {mode: REGISTRY_ONLY}
        defaultConfig: {concurrency: 2}
      meshNetworks: "networks: {}"
    """


@pytest.mark.parametrize("name", ["istio", "istio-canary"])
def test_the_config_map_of_each_revision(name: str, tmp_path: Path):
    file = tmp_path / "dump.yaml"
    file.write_text(textwrap.dedent(CONFIG_MAP).replace("NAME", name))
    assert [(one.name, one.verdict, str(one.where)) for one in of_objects(read_manifests(file))] == [
        ("data.mesh defaultConfig.concurrency", CHANGES, f"{file}:8:21"),
        ("data.mesh outboundTrafficPolicy.mode", CHANGES, f"{file}:7:29"),
    ]


# what a file holds, what is said of it
BROKEN = {
    "a list": ("- a", "these aren't values: a mapping is needed"),
    "a manifest": ("{apiVersion: v1, kind: Pod}", "a Pod isn't a file of values"),
    "not YAML": ("{", "not YAML"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_isnt_a_file_of_values_is_told(name: str, tmp_path: Path):
    text, expected = BROKEN[name]
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=expected) as raised:
        of_file(file)
    assert raised.value.where.startswith(str(file))


def test_a_config_map_that_isnt_yaml_is_told(tmp_path: Path):
    file = tmp_path / "dump.yaml"
    file.write_text(
        textwrap.dedent(CONFIG_MAP).replace("NAME", "istio").replace("{mode: REGISTRY_ONLY}", "{")
    )
    with pytest.raises(InputError, match=r"ConfigMap istio-system/istio data\.mesh isn't YAML"):
        of_objects(read_manifests(file))
