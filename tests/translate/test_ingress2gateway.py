"""What ingress2gateway makes of a VirtualService: raw it is wrong, repaired it means the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from harness.analysis.translate import Severity, ingress2gateway
from harness.base.errors import InputError
from harness.base.vocabulary import Mesh
from harness.cli import app
from harness.model import Refused
from tests.model.clusters import resource
from tests.translate.estates import APPS, differences, placed, requests

if TYPE_CHECKING:
    from pathlib import Path

V1BETA1 = "networking.istio.io/v1beta1"
PARENT = [{"group": "", "kind": "Service", "name": "web"}]


def virtual_service(http: str, api: str = V1BETA1) -> object:
    return resource("VirtualService", "shop/web", "{hosts: [web], http: " + http + "}", api)


def printed(*rules: str) -> str:
    """What the tool prints (1.1.0): a route for each rule, named after the VirtualService and the rule's index."""
    return "---\n".join(
        yaml.safe_dump(
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {
                    "annotations": {"gateway.networking.k8s.io/generator": "ingress2gateway-dev"},
                    "name": f"web-idx-{index}",
                    "namespace": "shop",
                },
                "spec": {"hostnames": ["web"], "rules": [yaml.safe_load(rule)]},
                "status": {"parents": None},
            }
        )
        for index, rule in enumerate(rules)
    )


def attached(text: str) -> list[object]:
    """The output as somebody would make it act: by a parentRef, and without the hostnames."""
    found = []
    for one in ingress2gateway.raw(text, "raw.yaml"):
        spec = {"parentRefs": PARENT, "rules": one.data["spec"]["rules"]}
        found.append(resource("HTTPRoute", f"shop/{one.name}", spec))
    return found


V2 = "route: [{destination: {host: web-v2, port: {number: 80}}, weight: 1}]"
V1 = "route: [{destination: {host: web, port: {number: 80}}, weight: 1}]"
TO_V2 = "backendRefs: [{name: web-v2, namespace: shop, port: 80, weight: 1}]"
TO_V1 = "backendRefs: [{name: web, namespace: shop, port: 80, weight: 1}]"

# the fault, the VirtualService's rules, the tool's output, whether it is wrong even where it is attached by hand
FAULTS = {
    "lone unset weight": (
        "weight",
        "[{route: [{destination: {host: web-v2, port: {number: 80}}}]}]",
        printed("backendRefs: [{name: web-v2, namespace: shop, port: 80, weight: 0}]"),
        True,
    ),
    "no parentRefs": ("parents", f"[{{{V2}}}]", printed(TO_V2), False),
    "subset": (
        "subset",
        "[{route: [{destination: {host: all-web, subset: two, port: {number: 80}}, weight: 1}]}]",
        printed("backendRefs: [{name: all-web, namespace: shop, port: 80, weight: 1}]"),
        True,
    ),
    "order": (
        "order",
        f"[{{match: [{{uri: {{prefix: /any}}}}], {V2}}}, {{match: [{{uri: {{exact: /anything/a}}}}], {V1}}}]",
        printed(
            "{matches: [{path: {type: PathPrefix, value: /any}}], " + TO_V2 + "}",
            "{matches: [{path: {type: Exact, value: /anything/a}}], " + TO_V1 + "}",
        ),
        True,
    ),
    "string prefix": (
        "prefix",
        f"[{{match: [{{uri: {{prefix: /any}}}}], {V2}}}]",
        printed("{matches: [{path: {type: PathPrefix, value: /any}}], " + TO_V2 + "}"),
        True,
    ),
    "header prefix": (
        "match",
        f"[{{match: [{{headers: {{x-user: {{prefix: ja}}}}}}], {V2}}}]",
        printed("{matches: [{}], " + TO_V2 + "}"),
        True,
    ),
    "method by expression": (
        "match",
        f"[{{match: [{{method: {{regex: 'GET|HEAD'}}}}], {V2}}}]",
        printed("{matches: [{}], " + TO_V2 + "}"),
        True,
    ),
    "port": (
        "port",
        "[{route: [{destination: {host: web-v2}, weight: 1}]}]",
        printed("backendRefs: [{name: web-v2, namespace: shop, weight: 1}]"),
        True,
    ),
    "redirect to another host": (
        "ignored",
        "[{redirect: {uri: /elsewhere, authority: elsewhere.org, redirectCode: 302}}]",
        printed("filters: [{type: RequestRedirect, requestRedirect: {statusCode: 302, path: {type: ReplaceFullPath, replaceFullPath: /elsewhere}}}]"),
        True,
    ),
    "retries": ("ignored", f"[{{{V2}, retries: {{attempts: 2, retryOn: '503'}}}}]", printed(TO_V2), False),
}  # fmt: skip

ASKED = requests(
    paths=("/", "/get", "/anything/a", "/anyone"),
    methods=("GET", "POST"),
    headers=((), (("x-user", "jason"),)),
    clients=("shop/cart",),
)
SUBSETS = resource(
    "DestinationRule", "shop/all-web", "{host: all-web, subsets: [{name: two, labels: {version: v2}}]}", V1BETA1
)  # fmt: skip


@pytest.mark.parametrize(("fault", "http", "text", "attachable"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_seen_raw_and_repaired(fault: str, http: str, text: str, attachable: bool):
    config = [virtual_service(http), SUBSETS]
    before = placed(Mesh.ISTIO, APPS, config)
    try:
        # Linkerd serves everything by a lone weight of 0, others nothing.
        mesh = Mesh.ISTIO if fault == "weight" else Mesh.LINKERD
        raw = placed(mesh, APPS, attached(text) if attachable else ingress2gateway.raw(text, "raw.yaml"))
        wrong = differences(before, raw, ASKED)
    except Refused:
        wrong = ["refused by the API server"]
    made = ingress2gateway.repaired([*APPS, *config], ingress2gateway.raw(text, "raw.yaml"))
    repairs = {one.topic for one in made.findings if one.severity is Severity.REPAIRED}
    assert f"ingress2gateway-{fault}" in repairs
    assert wrong or fault == "ignored"
    assert differences(before, placed(Mesh.LINKERD, APPS, made.objects), ASKED) == []


def test_a_weight_that_is_unset_beside_a_set_one_is_no_fault():
    http = "[{route: [{destination: {host: web-v2, port: {number: 80}}, weight: 1}, {destination: {host: web, port: {number: 80}}}]}]"
    text = printed(
        "backendRefs: [{name: web-v2, namespace: shop, port: 80, weight: 1}, {name: web, namespace: shop, port: 80, weight: 0}]"
    )
    made = ingress2gateway.repaired([*APPS, virtual_service(http)], ingress2gateway.raw(text, "raw.yaml"))
    assert "ingress2gateway-weight" not in {one.topic for one in made.findings}


def test_a_redirect_that_keeps_its_backends_is_refused_raw_and_repaired():
    http = (
        "[{redirect: {uri: /elsewhere}, route: [{destination: {host: web, port: {number: 80}}, weight: 1}]}]"
    )
    text = printed(
        "{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /elsewhere}}}], "
        + TO_V1
        + "}"
    )
    with pytest.raises(Refused):
        placed(Mesh.LINKERD, APPS, attached(text))
    made = ingress2gateway.repaired([*APPS, virtual_service(http)], ingress2gateway.raw(text, "raw.yaml"))
    assert "ingress2gateway-redirect" in {one.topic for one in made.findings}
    placed(Mesh.LINKERD, APPS, made.objects)


# a rule, the field that the tool ignores
IGNORED = {
    "fault": (V2 + ", fault: {abort: {httpStatus: 500, percentage: {value: 50}}}", "spec.http[0].fault"),
    "CORS": (V2 + ", corsPolicy: {allowOrigins: [{exact: 'https://a.example'}]}", "spec.http[0].corsPolicy"),
    "mirror's share": (V2 + ", mirror: {host: web}, mirrorPercentage: {value: 50}", "spec.http[0].mirrorPercentage"),
    "mirrors' share": (V2 + ", mirrors: [{destination: {host: web}, percentage: {value: 9}}]", "spec.http[0].mirrors[0]"),
    "delegate": ("delegate: {name: other}", "spec.http[0].delegate"),
    "direct response": ("directResponse: {status: 403}", "spec.http[0].directResponse"),
    "rewrite of the host": (V2 + ", rewrite: {authority: other}", "spec.http[0].rewrite.authority"),
    "destination's headers": (
        "route: [{destination: {host: web-v2}, headers: {request: {set: {x-a: b}}}}]",
        "spec.http[0].route[0].headers",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "field"), IGNORED.values(), ids=IGNORED)
def test_what_the_tool_ignores_is_told(rule: str, field: str):
    raw = ingress2gateway.raw(printed(TO_V2), "raw.yaml")
    made = ingress2gateway.repaired([*APPS, virtual_service("[{" + rule + "}]")], raw)
    assert field in [one.field for one in made.findings if one.topic == "ingress2gateway-ignored"]


GATEWAY = """{selector: {istio: ingressgateway}, servers: [
  {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com], tls: {httpsRedirect: true}},
  {port: {number: 443, name: https, protocol: HTTPS}, hosts: [./shop.example.com], tls: {mode: SIMPLE, credentialName: cert}}]}"""
PRINTED_GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {annotations: {gateway.networking.k8s.io/generator: ingress2gateway-dev}, name: front, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {hostname: shop.example.com, name: http-protocol-wildcard-ns-shop.example.com, port: 80, protocol: HTTP, tls: {mode: Passthrough}}
  - {hostname: shop.example.com, name: https-protocol-dot-ns-shop.example.com, port: 443, protocol: HTTPS, tls: {mode: Terminate}}
"""


def test_a_gateways_faults_are_repaired():
    front = resource("Gateway", "shop/front", GATEWAY, V1BETA1)
    made = ingress2gateway.repaired([front], ingress2gateway.raw(PRINTED_GATEWAY, "raw.yaml"))
    told = [(one.topic, one.field) for one in made.findings if one.severity is Severity.REPAIRED]
    assert told == [
        ("ingress2gateway-tls", "spec.servers[0].tls.httpsRedirect"),
        ("ingress2gateway-namespaces", "spec.servers[0].hosts"),
        ("ingress2gateway-tls", "spec.servers[1].tls.credentialName"),
    ]


def test_what_the_tool_passes_over_is_translated():
    policy = resource("AuthorizationPolicy", "shop/nobody", "{}", "security.istio.io/v1")
    config = [virtual_service(f"[{{{V2}}}]", "networking.istio.io/v1"), policy]
    before = placed(Mesh.ISTIO, APPS, config)
    made = ingress2gateway.repaired([*APPS, *config], ())
    passed_over = {one.resource for one in made.findings if one.topic == "ingress2gateway-unread"}
    assert passed_over == {"VirtualService shop/web", "AuthorizationPolicy shop/nobody"}
    assert differences(before, placed(Mesh.LINKERD, APPS, made.objects), ASKED) == []


def test_the_order_of_its_output_changes_nothing():
    parts = printed(TO_V1, TO_V2).split("---\n")
    config = [*APPS, virtual_service(f"[{{match: [{{uri: {{exact: /get}}}}], {V1}}}, {{{V2}}}]")]
    one, other = (
        ingress2gateway.repaired(config, ingress2gateway.raw("---\n".join(text), "raw.yaml"))
        for text in (parts, parts[::-1])
    )
    assert (one.objects, one.findings) == (other.objects, other.findings)


def test_what_comes_from_no_manifest_is_kept_and_to_be_checked():
    made = ingress2gateway.repaired([], ingress2gateway.raw(printed(TO_V1), "raw.yaml"))
    assert [one.name for one in made.objects] == ["web-idx-0"]
    assert [one.topic for one in made.findings] == ["ingress2gateway-origin"]


def test_no_resources_found_is_no_output():
    assert ingress2gateway.raw("No resources found in default namespace.\n", "raw.yaml") == ()


def test_what_isnt_its_output_is_refused():
    with pytest.raises(InputError, match="not ingress2gateway's output"):
        ingress2gateway.raw("apiVersion: v1\n", "raw.yaml")


def test_the_command_takes_its_output_by_file(tmp_path: Path):
    manifest, raw = tmp_path / "web.yaml", tmp_path / "raw.yaml"
    manifest.write_text(yaml.safe_dump(virtual_service(f"[{{{V2}}}]").data))
    raw.write_text(printed(TO_V2))
    result = CliRunner().invoke(
        app,
        ["translate", str(manifest), "--using", "ingress2gateway", "--tool-output", str(raw), "--no-prove"],
    )
    assert result.exit_code == 0, result.stderr
    assert "parentRefs:\n  - group: ''" in result.stdout
    assert (
        f"{manifest}:1: repaired [ingress2gateway-parents] VirtualService shop/web spec.hosts"
        not in result.stdout
    )
    assert "repaired [ingress2gateway-parents] VirtualService shop/web spec.hosts" in result.stderr
