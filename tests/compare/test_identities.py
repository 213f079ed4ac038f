"""Policies that ask callers for other identities differ, however they name them, in every trust domain."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.compare.differing import differing
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource

API = "policy.linkerd.io/v1alpha1"
IDENTITY = "ACCOUNT.NAMESPACE.serviceaccount.identity.linkerd.DOMAIN"


def policy(reference: str):
    target = "targetRef: {group: policy.linkerd.io, kind: Server, name: web}"
    spec = "{" + target + ", requiredAuthenticationRefs: [" + reference + "]}"
    return "AuthorizationPolicy", "lnk/web", spec, API


def authentication(spec: str, place: str = "lnk"):
    reference = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: who, namespace: " + place + "}"
    return policy(reference), ("MeshTLSAuthentication", f"{place}/who", spec, API)


def authorization(tls: str):
    spec = "{server: {name: web}, client: {meshTLS: " + tls + "}}"
    return (("ServerAuthorization", "lnk/web", spec, "policy.linkerd.io/v1beta1"),)


# How a policy names the one account that it lets in
KINDS = {
    "an identity": authentication(f"{{identities: [{IDENTITY}]}}"),
    "a reference to an account": authentication(
        "{identityRefs: [{kind: ServiceAccount, name: ACCOUNT, namespace: NAMESPACE}]}"
    ),
    "a reference to a namespace": authentication("{identityRefs: [{kind: Namespace, name: NAMESPACE}]}"),
    "an identity in another namespace": authentication(f"{{identities: [{IDENTITY}]}}", "bare"),
    "an account": (policy("{kind: ServiceAccount, name: ACCOUNT, namespace: NAMESPACE}"),),
    "accounts of a ServerAuthorization": authorization(
        "{serviceAccounts: [{name: ACCOUNT, namespace: NAMESPACE}]}"
    ),
    "identities of a ServerAuthorization": authorization(f"{{identities: [{IDENTITY}]}}"),
}


def client(namespace: str, account: str):
    pod = {"serviceAccountName": account, "containers": [{"name": account, "image": "any/client:1"}]}
    return deployment(f"{namespace}/{account}", pod)


def admitting(kind: str, namespace: str, account: str, domain: str):
    settings = resource("ConfigMap", "linkerd/linkerd-config")
    settings.data["data"] = {"values": f"identityTrustDomain: {domain}"}
    callers = client("lnk", "one"), client("lnk", "other"), client("elsewhere", "other")
    state = changes.apply(changes.place(cluster(LINKERD), "elsewhere", [LINKERD]), [settings])
    server = resource("Server", "lnk/web", "{podSelector: {matchLabels: {app: web}}, port: 8080}")
    policies = (
        resource(
            one,
            name,
            spec.replace("ACCOUNT", account).replace("NAMESPACE", namespace).replace("DOMAIN", domain),
            api,
        )
        for one, name, spec, api in KINDS[kind]
    )
    return changes.apply(state, [*app("lnk/web", "any/web:1", 8080), *callers, server, *policies])


@pytest.mark.parametrize("domain", ["cluster.local", "example.org"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_account_is_a_difference(kind, domain):
    before, after = admitting(kind, "lnk", "one", domain), admitting(kind, "elsewhere", "other", domain)
    assert {one.parts for one in differing(before, after)} == {("refused",)}
    assert differing(before, before) == []


# How a policy of Istio's names the one account that it lets in
FIELDS = {
    "principals": "{from: [{source: {principals: [DOMAIN/ns/NAMESPACE/sa/ACCOUNT]}}]}",
    "principals by the default domain": "{from: [{source: {principals: [cluster.local/ns/NAMESPACE/sa/ACCOUNT]}}]}",
    "principals by an alias": "{from: [{source: {principals: [old.example/ns/NAMESPACE/sa/ACCOUNT]}}]}",
    "principals of any domain": "{from: [{source: {principals: ['*/ns/NAMESPACE/sa/ACCOUNT']}}]}",
    "namespaces": "{from: [{source: {namespaces: [NAMESPACE]}}]}",
    "accounts": "{from: [{source: {serviceAccounts: [NAMESPACE/ACCOUNT]}}]}",
    "a condition on principals": "{when: [{key: source.principal, values: [DOMAIN/ns/NAMESPACE/sa/ACCOUNT]}]}",
    "a condition on accounts": "{when: [{key: source.serviceAccount, values: [NAMESPACE/ACCOUNT]}]}",
    "a condition on a short account": "{when: [{key: source.serviceAccount, values: [ACCOUNT]}]}",
    "all but one": "{from: [{source: {principals: ['*'], notPrincipals: [DOMAIN/ns/NAMESPACE/sa/ACCOUNT]}}]}",
}


def admitting_in_istio(field: str, namespace: str, account: str, domain: str):
    config = resource("ConfigMap", "istio-system/istio")
    config.data["data"] = {"mesh": f"trustDomain: {domain}\ntrustDomainAliases: [old.example]\n"}
    callers = client("ist", "one"), client("ist", "other"), client("elsewhere", "other")
    state = changes.apply(changes.place(cluster(ISTIO), "elsewhere", [ISTIO]), [config])
    rule = FIELDS[field].replace("ACCOUNT", account).replace("NAMESPACE", namespace).replace("DOMAIN", domain)
    made = resource("AuthorizationPolicy", "ist/web", "{rules: [" + rule + "]}", "security.istio.io/v1")
    return changes.apply(state, [*app("ist/web", "any/web:1", 8080), *callers, made])


@pytest.mark.parametrize("domain", ["cluster.local", "example.org"])
@pytest.mark.parametrize("field", FIELDS)
def test_another_account_is_a_difference_in_istio(field, domain):
    before = admitting_in_istio(field, "ist", "one", domain)
    after = admitting_in_istio(field, "elsewhere", "other", domain)
    assert {one.parts for one in differing(before, after)} == {("refused",)}
    assert differing(before, before) == []
