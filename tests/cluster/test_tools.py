import sys

import pytest

from harness.base.errors import StageError
from harness.cluster.api.tools import find, run, tail


def python(code):
    return [sys.executable, "-c", code]


def test_stdout_comes_back():
    assert run(python("print(input(), end='')"), timeout=30, stdin="hello\n") == "hello"


def test_environment_is_added_to():
    code = "import os; print(os.environ['X'], 'PATH' in os.environ)"
    assert run(python(code), timeout=30, env={"X": "y"}) == "y True\n"


@pytest.mark.parametrize(
    ("name", "argv", "timeout", "words", "why"),
    [
        (
            "fails",
            python("import sys; print('out'); sys.exit('no good')"),
            30,
            "failed with exit status 1",
            "no good",
        ),
        ("says it on stdout", python("print('out'); exit(3)"), 30, "failed with exit status 3", "out"),
        ("takes too long", python("import time; time.sleep(30)"), 0.01, "didn't end within 0 s", ""),
        ("isn't there", ["/no/such/tool"], 30, "isn't installed", ""),
    ],
)
def test_failures_show_the_command_and_its_words(name, argv, timeout, words, why):
    with pytest.raises(StageError, match=words) as caught:
        run(argv, timeout=timeout)
    assert argv[0] in caught.value.what
    assert caught.value.why == why


def test_only_the_end_of_stderr_is_shown():
    assert tail("\n".join(map(str, range(100)))).split() == [str(number) for number in range(88, 100)]


def test_tools_are_found_by_path_or_name():
    assert find(sys.executable) is not None
    assert find("no-such-tool-anywhere") is None
