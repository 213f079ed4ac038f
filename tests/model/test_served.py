"""Which kinds a cluster serves: by its definitions, or else by a release's bundle, which is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.api.refusal import Refused
from harness.api.schema.releases import Release
from harness.base.errors import InputError, NotModelledError
from harness.manifests.documents import plain
from harness.model import State, changes
from harness.model.changes.loading import load_objects
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

if TYPE_CHECKING:
    from harness.base.resources import Resource

GATEWAY = "gateway.networking.k8s.io"
STANDARD, EXPERIMENTAL = "gateway-api 1.6/standard", "gateway-api 1.6/experimental"
ISTIO_BUNDLE, LINKERD_BUNDLE = "istio 1.31", "linkerd edge-26.8"

NAMESPACE = resource("Namespace", "shop")
ROUTE = resource("HTTPRoute", "shop/r", "{rules: [{}]}")
OLD_ROUTE = resource(
    "TLSRoute", "shop/t", "{rules: [{backendRefs: [{name: a, port: 1}]}]}", f"{GATEWAY}/v1alpha2"
)


def definition(
    group: str, kind: str, *served: str, unserved: str = "", schema: str = "", **annotations: str
) -> Resource:
    structure = {"openAPIV3Schema": plain(schema)} if schema else {}
    versions = [{"name": version, "served": True, "schema": structure} for version in served]
    versions += [{"name": unserved, "served": False}] if unserved else []
    spec = {"group": group, "names": {"kind": kind}, "versions": versions}
    marks = {key.replace("_", "-"): value for key, value in annotations.items()}
    return resource(
        "CustomResourceDefinition",
        f"{kind.lower()}s.{group}",
        spec,
        "apiextensions.k8s.io/v1",
        annotations={f"gateway.networking.k8s.io/{key}": value for key, value in marks.items()},
    )


def sources(*objects: Resource, meshes=None) -> tuple[str, ...]:
    return load_objects([[NAMESPACE, *objects]], meshes).served.sources


@pytest.mark.parametrize(
    ("objects", "meshes", "expected"),
    [
        ([], None, ()),
        ([ROUTE], None, (STANDARD,)),
        ([OLD_ROUTE], None, (EXPERIMENTAL,)),
        ([], {LINKERD}, (STANDARD, LINKERD_BUNDLE)),
        ([resource("PeerAuthentication", "shop/p", "{}")], None, (STANDARD, ISTIO_BUNDLE)),
        (
            [ROUTE, definition(GATEWAY, "HTTPRoute", "v1", bundle_version="v1.4.1", channel="standard")],
            None,
            (f"{GATEWAY} v1.4.1/standard (its CustomResourceDefinitions)",),
        ),
        (
            [definition("policy.linkerd.io", "Server", "v1beta3")],
            {LINKERD},
            (STANDARD, LINKERD_BUNDLE, "policy.linkerd.io (its CustomResourceDefinitions)"),
        ),
    ],
)  # fmt: skip
def test_what_says_it(objects, meshes, expected):
    assert sources(*objects, meshes=meshes) == expected


@pytest.mark.parametrize(
    ("definitions", "one", "taken"),
    [
        ([], ROUTE, True),
        ([definition(GATEWAY, "HTTPRoute", "v1")], ROUTE, True),
        ([definition(GATEWAY, "HTTPRoute", "v1beta1", unserved="v1")], ROUTE, False),
        ([definition(GATEWAY, "Gateway", "v1")], ROUTE, False),
        ([definition(GATEWAY, "TLSRoute", "v1")], OLD_ROUTE, False),
        ([definition(GATEWAY, "TLSRoute", "v1", "v1alpha2")], OLD_ROUTE, True),
    ],
)
def test_definitions_say_which_versions_are_served(definitions, one, taken):
    state = changes.apply(cluster(LINKERD), [NAMESPACE, *definitions])
    if taken:
        assert changes.apply(state, [one]).get(*one.key) == one
        return
    with pytest.raises(Refused, match=f'no matches for kind "{one.kind}" in version "{one.api_version}"'):
        changes.apply(state, [one])


def test_nothing_is_served_where_nothing_is_installed():
    with pytest.raises(Refused, match="no matches for kind"):
        changes.apply(State(), [NAMESPACE, ROUTE])


def test_definitions_come_before_what_they_define():
    made = definition(GATEWAY, "HTTPRoute", "v1")
    state = changes.apply(State(), [NAMESPACE, ROUTE, made])
    assert state.get(*ROUTE.key) == ROUTE


def test_a_definition_takes_its_objects_along():
    made = definition(GATEWAY, "HTTPRoute", "v1")
    state = changes.remove(changes.apply(State(), [NAMESPACE, made, ROUTE]), [made])
    assert state.get(*ROUTE.key) is None
    with pytest.raises(Refused, match="no matches for kind"):
        changes.apply(state, [ROUTE])


def test_a_mesh_takes_its_kinds_along_but_not_the_gateway_apis():
    state = changes.uninstall(cluster(ISTIO, LINKERD), LINKERD)
    assert state.served.sources == (STANDARD, ISTIO_BUNDLE)
    made = definition("policy.linkerd.io", "Server", "v1beta3")
    defined = changes.apply(cluster(LINKERD), [made])
    gone = changes.uninstall(defined, LINKERD)
    assert (gone.served.sources, gone.get(*made.key)) == ((STANDARD,), None)


def test_an_applied_object_of_the_experimental_channel_tells_that_it_is_installed():
    state = cluster(ISTIO)
    assert state.served.sources == (STANDARD, ISTIO_BUNDLE)
    state = changes.apply(state, [NAMESPACE, OLD_ROUTE])
    assert state.served.sources == (EXPERIMENTAL, ISTIO_BUNDLE)


def test_kinds_that_are_defined_need_no_mesh():
    entry = resource("ServiceEntry", "shop/e", "{hosts: [a.org], ports: [{number: 80, name: http}]}")
    state = changes.apply(cluster(LINKERD), [NAMESPACE, *app("shop/web", "any/web:1", 80)])
    with pytest.raises(Refused, match="no matches for kind"):
        changes.apply(state, [entry])
    made = definition("networking.istio.io", "ServiceEntry", "v1")
    assert changes.apply(state, [made, entry]).get(*entry.key) == entry


def entries(spec: str) -> Resource:
    return definition("networking.istio.io", "ServiceEntry", "v1", schema=spec)


SPEC = "{type: object, properties: {spec: {type: object, x-kubernetes-validations: [RULE]}}}"


@pytest.mark.parametrize(
    ("rule", "spec", "error", "path", "words"),
    [
        ("size(self.hosts) < 2", "hosts: [a.org, b.org]", Refused, "spec", "spec: Invalid value: \"object\": failed rule"),
        ("true", "hosts: [a.org], resolution: NEW", NotModelledError, "spec.resolution", "its definition takes it, unlike the release that the model knows"),
    ],
)  # fmt: skip
def test_definitions_refuse_objects(rule, spec, error, path, words):
    made = entries(SPEC.replace("RULE", f'{{rule: "{rule}"}}'))
    entry = resource("ServiceEntry", "shop/e", f"{{{spec}, ports: [{{number: 80, name: http}}]}}")
    with pytest.raises(error) as caught:
        changes.apply(cluster(ISTIO), [NAMESPACE, made, entry])
    assert words in str(caught.value)
    assert caught.value.path == path


def test_rules_that_cannot_be_evaluated_are_named():
    made = entries(SPEC.replace("RULE", '{rule: "cidr(self.hosts[0]).prefixLength() > 8"}'))
    entry = resource("ServiceEntry", "shop/e", "{hosts: [a.org], ports: [{number: 80, name: http}]}")
    state = changes.apply(cluster(ISTIO), [NAMESPACE, made, entry])
    assert state.served.unevaluated([entry]) == (
        "networking.istio.io/v1 ServiceEntry spec: cidr(self.hosts[0]).prefixLength() > 8",
    )
    assert state.served.unevaluated([ROUTE]) == ()


def release(text: str) -> tuple[Resource, ...]:
    return Release.parse(text).definitions("a test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.6/standard", "1.6/standard"),
        ("1.6", "1.6/standard"),
        ("v1.4.1/experimental", "1.4/experimental"),
        ("2.0", None),
        ("1.6/alpha", None),
        ("newest", None),
    ],
)
def test_a_release_is_written(text, expected):
    if expected is None:
        with pytest.raises(InputError, match="no release of the Gateway API"):
            Release.parse(text)
    else:
        assert str(Release.parse(text)) == expected


# release: the kinds that Istio reads, and Linkerd, of TLSRoute, TCPRoute and GRPCRoute
READ = {
    "1.0/standard": ("", ""),
    "1.0/experimental": ("", "TLSRoute TCPRoute"),
    "1.1/standard": ("GRPCRoute", "GRPCRoute"),
    "1.4/standard": ("GRPCRoute", "GRPCRoute"),
    "1.4/experimental": ("GRPCRoute", "TLSRoute TCPRoute GRPCRoute"),
    "1.5/standard": ("TLSRoute GRPCRoute", "GRPCRoute"),
    "1.5/experimental": ("TLSRoute GRPCRoute", "TLSRoute TCPRoute GRPCRoute"),
    "1.6/standard": ("TLSRoute TCPRoute GRPCRoute", "GRPCRoute"),
    "1.6/experimental": ("TLSRoute TCPRoute GRPCRoute", "TLSRoute TCPRoute GRPCRoute"),
}


@pytest.mark.parametrize(("name", "istio", "linkerd"), [(name, *read) for name, read in READ.items()])
def test_which_kinds_a_mesh_reads(name, istio, linkerd):
    served = changes.apply(cluster(ISTIO, LINKERD), release(name)).served
    for mesh, kinds in ((ISTIO, istio), (LINKERD, linkerd)):
        read = [kind for kind in ("TLSRoute", "TCPRoute", "GRPCRoute") if not served.unread(mesh, kind)]
        assert " ".join(read) == kinds


def from_outside(name: str, version: str) -> str:
    """What Linkerd's client gets over TLS where an EgressNetwork denies all, and a TLSRoute opens the way."""
    away = "{group: policy.linkerd.io, kind: EgressNetwork, name: all, port: 443}"
    rules = f"[{{backendRefs: [{away}]}}]"
    spec = f"{{parentRefs: [{away}], hostnames: [a.example.org], rules: {rules}}}"
    route = resource("TLSRoute", "lnk/r", spec, f"{GATEWAY}/{version}")
    network = resource("EgressNetwork", "lnk/all", "{trafficPolicy: Deny}", "policy.linkerd.io/v1alpha1")
    state = changes.apply(
        cluster(LINKERD), [*release(name), *app("lnk/web", "any/web:1", 80), network, route]
    )
    return " ".join(told(send(state, "lnk/web", "https://a.example.org/")))


@pytest.mark.parametrize(
    ("name", "version", "opens"),
    [
        ("1.6/standard", "v1", False),
        ("1.6/experimental", "v1", True),
        ("1.6/experimental", "v1alpha2", True),
        ("1.4/experimental", "v1alpha2", True),
    ],
)
def test_linkerd_reads_one_version_of_tls_routes(name, version, opens):
    assert ("left the cluster" in from_outside(name, version)) is opens


BY_PORT = "parentRefs: [{name: a, port: 80}, {name: a, port: 81}]"
UNKNOWN = 'HTTPRoute in version "v1" cannot be handled as a HTTPRoute: strict decoding error: unknown field'

# what an HTTPRoute says: the releases that have it, and that haven't; how it is refused
FIELDS = {
    "rules: [{retry: {codes: [503]}}]": ("1.2/experimental", "1.6/standard", f'{UNKNOWN} "spec.rules[0].retry"'),
    "rules: [{name: a}]": ("1.4/standard", "1.3/standard", f'{UNKNOWN} "spec.rules[0].name"'),
    "rules: [{timeouts: {request: 1s}}]": (
        "1.0/experimental",
        "1.0/standard",
        f'{UNKNOWN} "spec.rules[0].timeouts"',
    ),
    "rules: [{filters: [{type: CORS, cors: {allowOrigins: [a]}}]}]": (
        "1.3/experimental",
        "1.4/standard",
        f'{UNKNOWN} "spec.rules[0].filters[0].cors"',
    ),
    BY_PORT: ("1.6/experimental", "1.6/standard", "sectionName must be unique when parentRefs"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "having", "lacking", "words"), [(spec, *row) for spec, row in FIELDS.items()]
)
def test_which_fields_a_release_has(spec, having, lacking, words):
    made = resource("HTTPRoute", "shop/r", f"{{{spec}}}")
    assert changes.apply(cluster(ISTIO), [*release(having), NAMESPACE, made]).get(*made.key) == made
    with pytest.raises(Refused) as caught:
        changes.apply(cluster(ISTIO), [*release(lacking), NAMESPACE, made])
    assert words in caught.value.what


def test_a_field_of_the_experimental_channel_tells_that_it_is_installed():
    made = resource("HTTPRoute", "shop/r", f"{{{BY_PORT}}}")
    assert sources(made) == (EXPERIMENTAL,)


@pytest.mark.parametrize(
    ("parents", "words"),
    [
        ("[{name: a, port: 80}, {name: a}]", "sectionName must be unique"),
        ("[{name: a, port: 80}, {name: a, port: 80}]", "sectionName or port must be unique"),
        ("[{name: a, sectionName: x}, {name: a}]", "sectionName must be specified"),
        ("[{name: a}, {name: a}]", "sectionName must be unique"),
    ],
)
def test_parents_must_be_apart(parents, words):
    made = resource("HTTPRoute", "shop/r", f"{{parentRefs: {parents}}}")
    with pytest.raises(Refused, match=words):
        changes.apply(cluster(ISTIO), [NAMESPACE, made])
