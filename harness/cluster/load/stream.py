"""Requests that start one by one when they are told to: one exec in a pod, bound to its stdin.

The pod has no schedule of its own: each line on stdin is one request, which starts at once, however many are
still waiting for an answer. So the clock is the caller's alone, and when its end of the connection goes
away, by whatever death, nothing more is sent.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from harness.cluster.api import PODS
from harness.cluster.api.streams import STATUS, STDERR, STDIN, STDOUT
from harness.cluster.probing import curl
from harness.cluster.probing.answers import FAILURES
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.api import Client
    from harness.traffic.load import Load

logger = logging.getLogger(__name__)

SEND_SECONDS = 10.0
"""What the API server may take to take a line."""

READY = "ready"

ROOM = 50
"""Requests that wait for an answer at once: more would burden the pod and its node, and show nothing new."""

# Arguments: how many children there may be, then what tells of an answer, then curl's own. Each request is a
# child of this shell, which waits for the oldest one once there are so many: so there are no zombies. A line
# is short enough to be written at once: two never mix.
SCRIPT = f"""
room=$1 report=$2; shift 2
newline='
'
SEND
children=
count=0
echo {READY}
while read -r number; do
  send "$@" </dev/null 2>/dev/null &
  children="$children $!"
  count=$((count + 1))
  if [ "$count" -gt "$room" ]; then
    children=${{children# }}
    wait "${{children%% *}}"
    children=${{children#* }}
  fi
done
wait
"""

# A process for each request, and no more.
_SEND = 'send() { exec curl -w "$number\\t\\t$report\\n" "$@"; }'

# The empty message is on curl's stdin; the status is in the trailers, which stand before the report.
_SEND_GRPC = """
send() {
  answer=$(printf '\\0\\0\\0\\0\\0' | curl -w "\\n$report" "$@")
  status=${answer##*grpc-status: }
  [ "$status" = "$answer" ] && status= || status=${status%%[!0-9]*}
  printf '%s\\t%s\\t%.600s\\n' "$number" "$status" "${answer##*"$newline"}"
}
"""

# errormsg, of which nobody knows what is in it, comes last.
_REPORT = "\\t".join(
    "%{exitcode} %{http_code} %{time_total} %header{server} %header{l5d-proxy-error} %{errormsg}".split()
)


def command(load: Load) -> list[str]:
    """Returns the argv that sends a request for each line on stdin, and prints a line for each answer."""
    script = SCRIPT.replace("SEND", _SEND_GRPC if load.request.grpc else _SEND)
    children = int(load.rate * load.patience) + ROOM  # so the oldest one has been given up by then
    arguments = [*curl.arguments(load.request, load.patience), "-o", "/dev/null", curl.url_of(load.request)]
    return ["sh", "-c", script, "load", str(children), _REPORT, *arguments]


def read(line: str) -> tuple[int, Outcome]:
    """Returns what the script printed of an answer: the request's number, and the outcome.

    Raises ValueError for a line that isn't one of its.
    """
    number, grpc, exit_code, status, seconds, server, proxy_error, error = line.split("\t", 7)
    code, grpc_status = int(exit_code), int(grpc) if grpc else None
    pairs = (("server", server), ("l5d-proxy-error", proxy_error))
    outcome = Outcome(headers=tuple(pair for pair in pairs if pair[1]), seconds=float(seconds))
    if (code and grpc_status is None) or status == "000":
        detail = f"{error or 'failed'} (curl {code})"
        return int(number), replace(outcome, failure=FAILURES.get(code, Failure.OTHER), detail=detail)
    return int(number), replace(outcome, status=int(status), grpc_status=grpc_status)


@dataclass(frozen=True)
class Turn:
    """A request whose turn it is: its number, and when that was (seconds of the monotonic clock)."""

    number: int
    at: float


class LoadStream:
    """One pod's exec; `turns` gives the turns that are due, `answered` and `lost` take what became of them.

    A thread of its own sends and reads: `stop` ends the sending, the answers that are owed still come.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        source: curl.Curl,
        load: Load,
        turns: Callable[[LoadStream], tuple[list[Turn], float]],
        answered: Callable[[Turn, Outcome, str], None],
        lost: Callable[[Turn, str], None],
    ) -> None:
        self.pod = source.pod
        self.alive = threading.Event()
        self.ended = threading.Event()
        self.why = ""
        self._load = load
        self._turns, self._answered, self._lost = turns, answered, lost
        self._owed: dict[int, Turn] = {}
        self._stop = threading.Event()
        self._rest = b""
        query: dict[str, str | list[str]] = {
            "container": source.container,
            "command": command(load),
            "stdin": "true",
            "stdout": "true",
            "stderr": "true",
        }
        self._socket = client.websocket(f"{PODS.path(namespace, source.pod)}/exec", query)
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"load from {source.pod}")
        self._thread.start()

    @property
    def room(self) -> int:
        """How many requests more may wait for an answer."""
        return max(0, ROOM - len(self._owed))

    def stop(self) -> None:
        """Sends nothing any more; the exec ends when all is answered, or patience is over."""
        self._stop.set()

    def close(self) -> None:
        """Ends the exec at once, and returns when nothing more will come of it."""
        self._stop.set()
        self._shut()
        self._thread.join(SEND_SECONDS)

    def _run(self) -> None:
        try:
            self._talk()
        except ValueError as error:
            self.why = str(error)
        except (WebSocketException, OSError) as error:
            if not self._stop.is_set():
                self.why = self.why or f"the connection to it broke: {error}"
        finally:
            self.alive.clear()
            self.ended.set()
            for turn in list(self._owed.values()):
                self._lost(turn, f"{self.pod} went away: {self.why or 'the load ended'}")
            self._shut()

    def _shut(self) -> None:
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _talk(self) -> None:
        until = None
        while until is None or (self._owed and time.monotonic() < until):
            pause = 0.2
            if self._stop.is_set():
                until = until or time.monotonic() + self._load.patience + 1
            elif self.alive.is_set():
                due, pause = self._turns(self)
                for turn in due:
                    self._owed[turn.number] = turn
                    self._socket.settimeout(SEND_SECONDS)
                    self._socket.send(bytes((STDIN,)) + f"{turn.number}\n".encode(), ABNF.OPCODE_BINARY)
            self._socket.settimeout(max(pause, 0.001))
            try:
                opcode, data = self._socket.recv_data()
            except WebSocketTimeoutException:
                continue
            if opcode == ABNF.OPCODE_CLOSE or (data and data[0] == STATUS):
                self.why = self.why or "the exec ended"
                return
            if data and data[0] == STDOUT:
                self._take(data[1:])
            elif data and data[0] == STDERR and len(data) > 1:
                self.why = data[1:].decode(errors="replace").strip()

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            if text == READY:
                self.alive.set()
                continue
            try:
                number, outcome = read(text)
                turn = self._owed.pop(number)
            except (ValueError, KeyError):
                raise ValueError(f"it printed {text!r}") from None
            self._answered(turn, outcome, self.pod)
