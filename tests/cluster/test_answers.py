import pytest

from harness.base.vocabulary import Workload
from harness.cluster.probing.answers import CurlAnswer, answering_pods, outcome, parse, server_saw
from harness.traffic.outcomes import Failure, ServerSaw
from harness.traffic.request import Request

MARK = "--5f1c"
CLIENT = Workload("shop", "client")
HTTP = Request(CLIENT, "http://web/anything/x?a=1")
GRPC = Request(CLIENT, "grpc://color/ColorService/Center")

RECORDED = """Server address: 10.244.0.9:80
Server name: web-6b5d4d5f74-xxnlk
--5f1c 0 200 0.013119 
{"content-type":["text/plain"],
"x-two":["a","b"],
"server":["envoy"]
}
--5f1c.

--5f1c 6 000 0.004420 Could not resolve host: nosuch
{
}
--5f1c.
RBAC: access denied
--5f1c 0 403 0.002000 
{"server":["istio-envoy"]
}
--5f1c.
"""  # noqa: W291 - curl's own blanks
GRPC_RECORDED = (
    "HTTP/2 200 \r\ncontent-type: application/grpc\r\nserver: envoy\r\n\r\n"
    "\0\0\0\0\t\n\x07#66CCEEgrpc-status: 0\r\ngrpc-message: \r\n\r\n"
    '\n--5f1c 0 200 0.011748 \n{"content-type":["application/grpc"],\n"grpc-message":["\\r"]\n}\n--5f1c.\n'
)


def answer(
    status: int = 200, body: str = "", exit_code: int = 0, error: str = "", **headers: str
) -> CurlAnswer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return CurlAnswer(exit_code, status, 0.5, error, named, body)


def test_recorded_output_is_read():
    found = parse(RECORDED, MARK)
    assert [(one.exit_code, one.status, one.seconds, one.error) for one in found] == [
        (0, 200, 0.013119, ""),
        (6, 0, 0.004420, "Could not resolve host: nosuch"),
        (0, 403, 0.002, ""),
    ]
    assert found[0].body == "Server address: 10.244.0.9:80\nServer name: web-6b5d4d5f74-xxnlk"
    assert found[0].headers == (
        ("content-type", "text/plain"), ("x-two", "a"), ("x-two", "b"), ("server", "envoy")
    )  # fmt: skip
    assert found[2].body == "RBAC: access denied"


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("nothing", "", 0),
        ("cut off", RECORDED[:120], 0),
        ("cut off in the second answer", RECORDED[:200], 1),
        ("another probe's mark in a body", f"--0000 0 200\n{RECORDED}", 3),
    ],
)
def test_only_whole_answers_count(name, text, count):
    assert len(parse(text, MARK)) == count


def test_headers_that_are_no_json_are_left_out():
    [found] = parse('\n--5f1c 0 200 0.1 \n{"x":["\x00", broken\n--5f1c.\n', MARK)
    assert (found.status, found.headers) == (200, ())


@pytest.mark.parametrize(
    ("exit_code", "status", "error", "failure", "detail"),
    [
        (
            1,
            0,
            "Received HTTP/0.9 when not allowed",
            Failure.HTTP09,
            "Received HTTP/0.9 when not allowed (curl 1)",
        ),
        (6, 0, "Could not resolve host: x", Failure.RESOLVE, "Could not resolve host: x (curl 6)"),
        (7, 0, "Connection refused", Failure.REFUSED, "Connection refused (curl 7)"),
        (28, 0, "Operation timed out", Failure.TIMEOUT, "Operation timed out (curl 28)"),
        (52, 0, "Empty reply from server", Failure.EMPTY_REPLY, "Empty reply from server (curl 52)"),
        (56, 0, "Connection reset by peer", Failure.RESET, "Connection reset by peer (curl 56)"),
        (18, 200, "transfer closed", Failure.OTHER, "HTTP 200, then transfer closed (curl 18)"),
        (0, 0, "", Failure.OTHER, "failed (curl 0)"),
    ],
)
def test_curls_exit_codes(exit_code, status, error, failure, detail):
    found = outcome(answer(status, exit_code=exit_code, error=error), HTTP)
    assert (found.status, found.failure, found.detail) == (None, failure, detail)


def test_body_is_cut():
    assert len(outcome(answer(body="x" * 9999), HTTP).body) == 4096


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("in trailers", GRPC_RECORDED, 0),
        ("in the header block alone", GRPC_RECORDED.replace("\r\n\r\n\0\0\0\0\t\n\x07#66CCEE", "\r\n").replace("0\r\ngrpc-m", "7\r\ngrpc-m"), 7),
        ("absent", GRPC_RECORDED.replace("grpc-status", "x-status"), None),
    ],
)  # fmt: skip
def test_grpc_status(name, text, status):
    [found] = parse(text, MARK)
    assert (outcome(found, GRPC).grpc_status, outcome(found, GRPC).body) == (status, None)


@pytest.mark.parametrize(
    ("name", "body", "saw"),
    [
        (
            "go-httpbin /anything",
            '{"headers": {"Host": ["web"], "X-A": ["1", "2"]}, "method": "GET", "url": "http://web/anything/y?a=1"}',
            ServerSaw("/anything/y", "web", (("Host", "web"), ("X-A", "1"), ("X-A", "2"))),
        ),
        ("go-httpbin /headers", '{"headers": {"Host": ["web"]}}', ServerSaw("/anything/x", "web", (("Host", "web"),))),
        (
            "the Faces demo",
            '{"path": "/center/", "headers": {"X-B": ["3"]}, "method": "GET", "status": 200}',
            ServerSaw("/center/", "web", (("X-B", "3"),)),
        ),
        ("headers of one value each", '{"path": "/", "host": "h", "headers": {"X": "y"}}', ServerSaw("/", "h", (("X", "y"),))),
        (
            "Istio's echo",
            "ServiceVersion=v1\nHost=h\nURL=/y?a=1\nRequestHeader=X-A:1\nRequestHeader=X-A:b:2\nHostname=web\n",
            ServerSaw("/y", "h", (("X-A", "1"), ("X-A", "b:2"))),
        ),
        (
            "Istio's echo over gRPC",
            "HTTP/2 200 \r\n\r\n\0\0\0\1\n\xbd\2RequestHeader=x-a:1\nHost=h\nRequestHeader=:authority:h:7\nHostname=web\n",
            ServerSaw("/anything/x", "h", (("x-a", "1"),)),
        ),
        ("other JSON", '{"hostname": "web"}', None),
        ("cut JSON", '{"headers": {"Host"', None),
        ("text", "Server name: web", None),
    ],
)  # fmt: skip
def test_what_the_server_saw(name, body, saw):
    assert server_saw(body, HTTP) == saw


V1, V2, ME = "web-v1-6b5d4d5f74-aaaaa", "web-v2-7c9f9f9f9f-bbbbb", "client-5d5d5d5d5d-ccccc"
PODS = {V1: Workload("shop", "web-v1"), V2: Workload("shop", "web-v2"), ME: CLIENT}
TWIN = "web-v1-6b5d4d5f74-ddddd"


@pytest.mark.parametrize(
    ("name", "found", "names"),
    [
        ("in the body", answer(body=f"Server name: {V1}\n"), {V1}),
        ("in JSON", answer(body=f'{{"hostname":"{V2}"}}'), {V2}),
        ("in a header, whatever the body says", answer(body=V2, x_faces_pod=V1), {V1}),
        ("two pods of one workload", answer(body=f"{V1} {TWIN}"), {V1, TWIN}),
        ("pods of two workloads", answer(body=f"{V1} {V2}"), set()),
        ("in a call, its trailers right behind", answer(body=f"\0\x1a{V1}grpc-status: 0\r\n"), {V1}),
        ("part of a longer word", answer(body=f"{V1}x"), set()),
        ("the client's, repeated by an echo", answer(body=f'{{"headers": {{"X-Peer": ["{ME}"]}}}}'), set()),
        ("the server's beside that", answer(body=f'{{"pod": "{V1}", "headers": {{"X-Peer": "{ME}"}}}}'), {V1}),
        ("none", answer(body="hello"), set()),
    ],
)  # fmt: skip
def test_which_pod_answered(name, found, names):
    assert answering_pods(found, {**PODS, TWIN: PODS[V1]}) == names
