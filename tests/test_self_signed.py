"""Certificates that no file has to hold the key of."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.manifests.objects import from_api
from harness.manifests.self_signed import ANNOTATION, completed


def secret(kind="Secret", **annotations):
    metadata = {"name": "shop", "namespace": "shop", "annotations": annotations}
    [found] = from_api([{"apiVersion": "v1", "kind": kind, "metadata": metadata}], "")
    return found


def test_a_secret_gets_a_certificate_for_its_hosts_and_the_key_to_it():
    made = completed(secret(**{ANNOTATION: "shop.example *.shop.example"})).data["stringData"]
    certificate = x509.load_pem_x509_certificate(made["tls.crt"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example", "*.shop.example"]
    key = load_pem_private_key(made["tls.key"].encode(), None)
    assert key.public_key() == certificate.public_key()


def test_it_is_the_same_in_all_of_a_run():
    asked = secret(**{ANNOTATION: "shop.example"})
    assert completed(asked).data == completed(asked).data


OTHERS = {
    "not asked for": secret(),
    "another kind": secret("ConfigMap", **{ANNOTATION: "shop.example"}),
    "no host": secret(**{ANNOTATION: " "}),
}


@pytest.mark.parametrize("resource", OTHERS.values(), ids=OTHERS)
def test_others_stay_as_they_are(resource):
    assert completed(resource) is resource
