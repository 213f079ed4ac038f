"""Background load: what the pod runs, what is read of it, and how a load follows its client's pods."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from websocket import ABNF, WebSocketConnectionClosedException, WebSocketTimeoutException

from harness.base.errors import HarnessError
from harness.base.vocabulary import Workload
from harness.cluster.load import stream as load_stream
from harness.cluster.load.load import BackgroundLoad, Volley, by_clients
from harness.cluster.load.stream import ROOM, LoadStream, Turn, command, read
from harness.cluster.objects.pod_watch import changes
from harness.cluster.probing.curl import Curl
from harness.traffic.load import AFTER, BEFORE, Load, Shot
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import Request
from harness.traffic.timeline import Phase, PodChange
from tests.cluster.fakes import FakeClient, pod

if TYPE_CHECKING:
    from pathlib import Path

WEB = Workload("shop", "web")
SECONDS = 20.0  # that a wait may take before its test fails


def a_load(url: str = "http://cart/", rate: float = 50, patience: float = 1) -> Load:
    return Load(Request(WEB, url), rate, patience)


# -- what the pod runs


@pytest.fixture
def shell(tmp_path: Path, monkeypatch):
    """Runs a load's script in a shell of this machine, with a curl that a test writes."""

    def run(load: Load, curl: str) -> subprocess.Popen[str]:
        program = tmp_path / "curl"
        program.write_text(f"#!/bin/sh\n{curl}\n")
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return subprocess.Popen(
            command(load), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, text=True
        )

    return run


def test_a_request_starts_whether_or_not_the_one_before_has_an_answer(shell, tmp_path):
    os.mkfifo(tmp_path / "gate")
    first_waits_for_second = """
        if mkdir first 2>/dev/null; then read -r line <gate; else echo go >gate; fi
        printf '%s\\t\\t0\\t200\\t0.25\\tenvoy\\t\\t\\n' "${2%%[!0-9]*}\""""
    process = shell(a_load(), first_waits_for_second)
    out, _ = process.communicate("0\n1\n", timeout=SECONDS)
    ready, *answers = out.splitlines()
    assert ready == load_stream.READY
    assert {read(answer)[0] for answer in answers} == {0, 1}


def test_it_ends_with_its_stdin_and_prints_all_that_it_owes(shell):
    answer = "0\\t503\\t0.1\\tenvoy\\tno endpoints\\t"
    process = shell(a_load(), f"printf '%s\\t\\t{answer}\\n' \"${{2%%[!0-9]*}}\"")
    out, _ = process.communicate("".join(f"{n}\n" for n in range(40)), timeout=SECONDS)
    told = Counter(str(read(line)[1]) for line in out.splitlines()[1:])
    assert (told, process.returncode) == ({"503": 40}, 0)


def test_a_grpc_call_s_status_is_read_from_its_trailers(shell):
    call = a_load("grpc://cart/Cart/Get")
    process = shell(call, "printf 'HTTP/2 200\\r\\ngrpc-status: 7\\r\\n\\r\\n\\n0\\t200\\t0.1\\t\\t\\t'")
    out, _ = process.communicate("0\n", timeout=SECONDS)
    assert read(out.splitlines()[1]) == (0, Outcome(status=200, grpc_status=7, seconds=0.1))


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("3\t\t0\t200\t0.02\tenvoy\t\t", Outcome(200, seconds=0.02, headers=(("server", "envoy"),))),
        ("3\t\t0\t502\t0.02\t\tbad\t", Outcome(502, seconds=0.02, headers=(("l5d-proxy-error", "bad"),))),
        (
            "3\t\t28\t000\t10.0\t\t\ttimed out\tafter",
            Outcome(failure=Failure.TIMEOUT, detail="timed out\tafter (curl 28)", seconds=10.0),
        ),
        ("3\t\t18\t200\t0.1\t\t\t", Outcome(failure=Failure.OTHER, detail="failed (curl 18)", seconds=0.1)),
        ("3\t0\t92\t200\t0.1\t\t\treset", Outcome(200, grpc_status=0, seconds=0.1)),
    ],
)
def test_an_answer_is_read(line, outcome):
    assert read(line) == (3, outcome)


# -- an exec's stream


class FakeStream:
    """An exec: answers each line on its stdin as `script` says; `full` is set after `enough` of them."""

    def __init__(self, script=lambda number: f"{number}\t\t0\t200\t0.0\t\t\t", enough: int = 1) -> None:
        self.script, self.enough = script, enough
        self.sent: list[int] = []
        self.full = threading.Event()
        self.frames: queue.Queue[bytes | Exception] = queue.Queue()
        self.frames.put(b"\x01ready\n")
        self._timeout = 0.0

    def settimeout(self, seconds):
        self._timeout = seconds

    def send(self, data, opcode):
        number = int(data[1:])
        self.sent.append(number)
        answer = self.script(number)
        if answer is not None:
            half = len(answer) // 2  # a line may come in two frames
            self.frames.put(b"\x01" + answer[:half].encode())
            self.frames.put(b"\x01" + f"{answer[half:]}\n".encode())
        if len(self.sent) >= self.enough:
            self.full.set()

    def recv_data(self):
        try:
            frame = self.frames.get(timeout=self._timeout)
        except queue.Empty:
            raise WebSocketTimeoutException from None
        if isinstance(frame, Exception):
            raise frame
        return ABNF.OPCODE_BINARY, frame

    def shutdown(self):
        self.frames.put(WebSocketConnectionClosedException("closed"))


class Streaming(FakeClient):
    """Opens streams to pods by their names."""

    def __init__(self, *objects, **streams):
        super().__init__(*objects)
        self.streams = {name.replace("_", "-"): one for name, one in streams.items()}

    def websocket(self, path, query):
        assert query["stdin"] == "true"
        return self.streams[path.split("/")[-2]]


def stream_of(fake: FakeStream, *turns: Turn):
    """A stream to which these turns are given, and what becomes of them."""
    left, told = list(turns), {}

    def give(_):
        due, left[:] = left[:], []
        return due, 0.01

    stream = LoadStream(
        Streaming(web=fake),
        "shop",
        Curl("web", "app", (8, 7)),
        a_load(),
        give,
        lambda turn, outcome, pod: told.__setitem__(turn.number, (str(outcome), pod)),
        lambda turn, why: told.__setitem__(turn.number, why),
    )
    return stream, told


def test_a_stream_tells_each_answer():
    fake = FakeStream(enough=2)
    stream, told = stream_of(fake, Turn(0, 0.0), Turn(1, 0.1))
    assert fake.full.wait(SECONDS)
    stream.stop()
    assert stream.ended.wait(SECONDS)
    assert told == {0: ("200", "web"), 1: ("200", "web")}


@pytest.mark.parametrize(
    ("name", "frame", "why"),
    [
        ("the exec ends", b"\x03" + json.dumps({"status": "Success"}).encode(), "the exec ended"),
        ("the connection breaks", WebSocketConnectionClosedException("lost"), "broke: lost"),
        ("nonsense", b"\x01what?\n", "it printed 'what\\?'"),
    ],
)
def test_what_a_stream_owes_when_it_ends_is_lost(name, frame, why):
    fake = FakeStream(script=lambda _: None)
    stream, told = stream_of(fake, Turn(0, 0.0))
    assert fake.full.wait(SECONDS)
    fake.frames.put(frame)
    assert stream.ended.wait(SECONDS)
    assert told[0].startswith("web went away: ")
    assert re.search(why, told[0])


def test_an_answer_that_never_comes_is_given_up():
    fake = FakeStream(script=lambda _: None)
    stream, told = stream_of(fake, Turn(0, 0.0))
    assert fake.full.wait(SECONDS)
    stream.close()
    assert told == {0: "web went away: the load ended"}


# -- following the client's pods


def client_pod(name: str, born: int, **rest):
    return pod(name, creationTimestamp=f"2026-01-01T12:00:{born:02}Z", **rest)


def volley(client: FakeClient, load: Load | None = None) -> Volley:
    return Volley(client, lambda pod, _: Curl(pod["metadata"]["name"], "app", (8, 7)), load or a_load(), 5.0)


def under_way(first: FakeStream, second: FakeStream | None = None, load: Load | None = None) -> Volley:
    """A load from web-1 that has sent enough; web-2 doesn't run yet."""
    one = volley(Streaming(web_1=first, web_2=second), load)
    one.look([client_pod("web-1", 1)])
    one.connect()
    one.begin(time.monotonic())
    assert first.full.wait(SECONDS)
    return one


def test_a_load_moves_to_a_newer_pod_without_missing_a_turn():
    old, new = FakeStream(enough=3), FakeStream(enough=3)
    one = under_way(old, new)
    one.look([client_pod("web-1", 1), client_pod("web-2", 2)])
    assert new.full.wait(SECONDS)
    one.end()
    assert {shot.unknown for shot in one.shots.values()} == {""}
    assert {shot.client for shot in one.shots.values()} == {"shop/web-1", "shop/web-2"}
    assert sorted(one.shots) == list(range(len(one.shots)))
    assert sorted(old.sent + new.sent) == sorted(one.shots)


def test_an_ending_pod_sends_nothing_more_and_the_gap_is_the_client_s():
    old, new = FakeStream(enough=3), FakeStream(enough=3)
    one = under_way(old, new)
    one.look([client_pod("web-1", 1, deletionTimestamp="2026-01-01T12:01:00Z")])
    sent = len(old.sent)
    one.look([client_pod("web-2", 2)])
    assert new.full.wait(SECONDS)
    one.end()
    assert len(old.sent) <= sent + 1, "one may have been under way"
    assert {shot.unknown for shot in one.shots.values()} <= {"", "web-1, which sent it, was ending"}


def test_no_more_requests_are_sent_than_may_wait_for_an_answer():
    silent = FakeStream(script=lambda _: None, enough=ROOM)
    one = under_way(silent, load=a_load(rate=2000, patience=0.1))
    one.end()
    assert len(silent.sent) == ROOM
    why = Counter(shot.unknown for shot in one.shots.values())
    assert why["web-1 went away: the load ended"] == ROOM
    assert set(why) <= {"web-1 went away: the load ended", f"{ROOM} requests were waiting for an answer"}


def test_a_client_without_a_ready_pod_can_t_be_loaded_from():
    one = volley(Streaming())
    one.look([client_pod("web-1", 1, ready=False)])
    with pytest.raises(HarnessError, match="shop/web has no ready pod to send from"):
        one.connect()


def test_bare_connections_can_t_be_a_load():
    with pytest.raises(HarnessError, match="can't be sent from a cluster's pod"):
        volley(Streaming(), a_load("tcp://cart:80")).connect()


def test_loads_of_a_transition():
    fake = FakeStream(enough=5)
    client = Streaming(client_pod("web-1", 1), web_1=fake)
    running = BackgroundLoad(
        client,
        lambda pod, _: Curl(pod["metadata"]["name"], "app", (8, 7)),
        [a_load()],
        5.0,
        lambda: {"shop"},
        lead=0.0,
        trail=0.0,
    )
    running.step("apply a")
    assert fake.full.wait(SECONDS)
    [timeline] = running.end()
    assert [step.doing for step in timeline.steps] == [BEFORE, "apply a", AFTER]
    assert len(timeline.known) == len(timeline.shots) == len(fake.sent)
    assert timeline.changes == ()


# -- pods


@pytest.mark.parametrize(
    ("name", "before", "now", "entered"),
    [
        ("nothing", {"a": Phase.READY}, {"a": Phase.READY}, []),
        ("a new one", {}, {"a": Phase.STARTING}, [("a", Phase.STARTING)]),
        ("ready", {"a": Phase.STARTING}, {"a": Phase.READY}, [("a", Phase.READY)]),
        ("not ready any more", {"a": Phase.READY}, {"a": Phase.STARTING}, [("a", Phase.STARTING)]),
        ("deleted", {"a": Phase.READY}, {"a": Phase.STOPPING}, [("a", Phase.STOPPING)]),
        ("gone", {"a": Phase.STOPPING}, {}, [("a", Phase.GONE)]),
        ("run to its end, then deleted", {"a": Phase.GONE}, {}, []),
        ("a job's that ended before", {}, {"a": Phase.GONE}, []),
    ],
)
def test_changes_of_pods(name, before, now, entered):
    assert changes(before, now, 1.0) == [PodChange(1.0, pod, phase) for pod, phase in entered]


@pytest.mark.parametrize(
    ("name", "shot", "known"),
    [
        ("a failure long before", Shot(1, 1.2, Outcome(503), client="shop/web-1"), True),
        ("a failure at its end", Shot(4.9, 4.95, Outcome(503), client="shop/web-1"), False),
        ("no answer after it", Shot(6, 6, Outcome(failure=Failure.RESET), client="shop/web-1"), False),
        ("a success after it", Shot(6, 6, Outcome(200), client="shop/web-1"), True),
        ("a denial after it", Shot(6, 6, Outcome(403), client="shop/web-1"), True),
        ("a failure of another's", Shot(6, 6, Outcome(503), client="shop/web-2"), True),
    ],
)
def test_failures_of_an_ending_client_are_not_the_server_s(name, shot, known):
    [found] = by_clients([shot], [PodChange(5, "shop/web-1", Phase.STOPPING)])
    assert (found.outcome is not None) is known
    assert known or found.unknown == "shop/web-1, which sent it, was ending"
