from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import InputError
from harness.base.files import write_text


def test_a_file_is_replaced_whole(tmp_path: Path):
    file = tmp_path / "new" / "file"
    write_text(file, "a")
    file.chmod(0o640)
    write_text(file, "bü\udc80")
    assert file.read_text() == "bü\\udc80"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_a_private_file_is_nobody_else_s(tmp_path: Path):
    write_text(tmp_path / "file", "a", private=True)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_link_stays_one(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "a")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "a"


def test_what_fails_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "file"
    write_text(file, "before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_text(file, "after")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("place", [".", "file/below", "/dev/full", "a" * 300])
def test_where_nothing_can_be_written(place: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_text(tmp_path / place, "text")
