import os
import subprocess
from collections import Counter

import pytest

from harness.base.vocabulary import Workload
from harness.cluster.probing.curl import command, usable
from harness.traffic.request import Request

CLIENT = Workload("shop", "client")
NEW = (8, 7, 1)


def argv(
    url="http://web/", count=1, version=NEW, parallel=10, method="GET", headers=(), new_connection=False
):
    request = Request(CLIENT, url, method, headers, new_connection)
    return command(request, count, version=version, parallel=parallel, seconds=15, mark="--5f1c")


@pytest.mark.parametrize(
    ("name", "arguments", "jobs"),
    [
        ("one", {"count": 1}, "1x1"),
        ("fewer than clients", {"count": 3}, "1x1 1x1 1x1"),
        ("shared evenly", {"count": 20, "parallel": 4}, "5x1 5x1 5x1 5x1"),
        ("shared with a rest", {"count": 11, "parallel": 4}, "3x1 3x1 3x1 2x1"),
        ("a connection a request", {"count": 11, "parallel": 4, "new_connection": True}, "1x3 1x3 1x3 1x2"),
        ("gRPC", {"url": "grpc://color/S/M", "count": 8, "parallel": 2}, "4x1 4x1"),
        ("gRPC, a curl that can't reuse h2c", {"url": "grpc://color/S/M", "count": 8, "parallel": 2, "version": (7, 88, 1)}, "1x4 1x4"),
    ],
)  # fmt: skip
def test_requests_are_shared_out(name, arguments, jobs):
    assert argv(**arguments)[4] == jobs


@pytest.mark.parametrize(
    ("name", "arguments", "url", "has", "lacks"),
    [
        ("plain", {"url": "http://web/a?b=c"}, "http://web/a?b=c", ["-X", "GET"], ["--head"]),
        ("own fragment", {"url": "http://web/a#f"}, "http://web/a", [], []),
        ("globs are literal", {"url": "http://web/[a-c]{d}"}, r"http://web/\[a-c\]\{d\}", [], []),
        ("HEAD has no body", {"method": "HEAD"}, "http://web/", ["--head", "-o", "/dev/null"], ["-X"]),
        ("method", {"method": "POST"}, "http://web/", ["-X", "POST"], []),
        ("headers", {"headers": (("Host", "other"), ("X-Empty", ""))}, "http://web/", ["Host: other", "X-Empty;"], []),
        ("gRPC", {"url": "grpc://color:80/S/M"}, "http://color:80/S/M", ["--http2-prior-knowledge", "te: trailers", "@-"], ["-X"]),
    ],
)  # fmt: skip
def test_curls_arguments(name, arguments, url, has, lacks):
    found = argv(**arguments)
    assert found[5] == url
    assert set(has) <= set(found)
    assert not set(lacks) & set(found)
    assert found[found.index("--max-time") + 1] == "15"


@pytest.mark.parametrize(
    ("arguments", "ranges"),
    [
        ({"count": 11, "parallel": 4}, {"[1-3]": 3, "[1-2]": 1}),
        ({"count": 5, "parallel": 2, "new_connection": True}, {"[1-1]": 5}),
    ],
)
def test_the_script_runs_curl_for_each_job(tmp_path, arguments, ranges):
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nhead -c 5 | od -An -c\nfor last; do :; done\nfor a; do case $a in http*) echo "${a#*#}";; esac; done\necho "$#" >&2\n')  # fmt: skip
    curl.chmod(0o755)
    done = subprocess.run(
        argv(headers=(("X", "two words"),), **arguments),
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.split("\n")
    assert Counter(line for line in lines if line.startswith("[")) == ranges
    assert len(set(done.stderr.split())) == 1, "each curl gets the same number of arguments"
    assert [line.split() for line in lines if "\\0" in line] == [["\\0"] * 5] * sum(ranges.values())
    assert [path.name for path in tmp_path.iterdir()] == ["curl"], "nothing is left behind"


@pytest.mark.parametrize(
    ("name", "stdout", "version"),
    [
        ("new enough", "100\ncurl 8.7.1 (x86_64-pc-linux-musl) libcurl/8.7.1\n", (8, 7, 1)),
        ("oldest", "0\ncurl 7.84.0 (x) y\n", (7, 84, 0)),
        ("too old", "0\ncurl 7.83.1 (x) y\n", None),
        ("Istio's own user", "1337\ncurl 8.7.1 (x) y\n", None),
        ("Linkerd's own user", "2102\ncurl 8.7.1 (x) y\n", None),
        ("a development version", "0\ncurl 8.8.0-DEV (x) y\n", (8, 8)),
        ("no curl", "0\n", None),
        ("nothing", "", None),
    ],
)
def test_which_curl_can_be_used(name, stdout, version):
    assert usable(stdout) == version
