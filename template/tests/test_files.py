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
