"""Files are never half written, and nobody's change is lost."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quant_team_utils import files

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
ADD_ONE = """
import sys
from pathlib import Path
from quant_team_utils import files
path = Path(sys.argv[1])
for _ in range(25):
    with files.locked(path):
        files.replace(path, str(int(path.read_bytes()) + 1).encode())
"""


def test_a_file_is_replaced_and_folders_are_made(tmp_path: Path) -> None:
    """The new content is there, and nothing is left beside it."""
    path = tmp_path / "a" / "b.txt"
    files.replace(path, b"one")
    files.replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["b.txt"]


@POSIX
def test_modes_are_kept_or_set(tmp_path: Path) -> None:
    """A replaced file keeps its mode; a stated mode wins."""
    path = tmp_path / "program"
    path.write_bytes(b"")
    path.chmod(0o755)
    files.replace(path, b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    files.replace(path, b"x", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.create(tmp_path / "secret", b"x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@POSIX
def test_a_stated_mode_is_exact_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The umask takes nothing off a stated mode, with hard links or without."""
    before = os.umask(0o077)
    try:
        files.replace(tmp_path / "shared", b"x", mode=0o664)
        monkeypatch.setattr(os, "link", no_links)
        assert files.create(tmp_path / "secret", b"x", mode=0o640)
        assert not files.create(tmp_path / "secret", b"y")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o640
    assert (tmp_path / "secret").read_bytes() == b"x"


def no_links(source: Path, target: Path) -> None:
    raise OSError(95, "Operation not supported")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails before the last step costs nothing and leaves nothing behind."""
    path = tmp_path / "kept"
    files.replace(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(files.FileError, match="No space left on device"):
        files.replace(path, b"new")
    with pytest.raises(files.FileError, match="No space left on device"):
        files.create(tmp_path / "new", b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["kept"]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_locked_is_one_sentence(tmp_path: Path) -> None:
    """A file where the folder should be: the sentence names the path."""
    (tmp_path / "file").touch()
    with pytest.raises(files.FileError, match="Cannot write"), files.locked(tmp_path / "file/x"):
        pass


def test_a_write_that_fails_is_one_sentence_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A folder in the way: the sentence names the path, and no draft stays."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(files.FileError, match="taken"):
        files.replace(tmp_path / "taken", b"x")
    assert [found.name for found in tmp_path.iterdir()] == ["taken"]


def test_of_many_creators_one_wins(tmp_path: Path) -> None:
    """The file holds what the one winner wrote."""
    path = tmp_path / "claimed"
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: files.create(path, b"%d" % number), range(8)))
    assert won.count(True) == 1
    assert path.read_bytes() == b"%d" % won.index(True)
    assert [found.name for found in tmp_path.iterdir()] == ["claimed"]


def test_processes_that_change_one_file_lose_nothing(tmp_path: Path) -> None:
    """Four processes count to a hundred together."""
    path = tmp_path / "count"
    path.write_bytes(b"0")
    command = [sys.executable, "-c", ADD_ONE, str(path)]
    running = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert path.read_bytes() == b"100"
