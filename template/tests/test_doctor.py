"""The doctor never ends in a traceback, whatever the files that it reads hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_cli import doctor
from quant_team_cli.checks import Check
from quant_team_utils.errors import QuantError
from tests.conftest import make_clone

READ = [
    ".env",
    ".env.example",
    ".copier-answers.yml",
    ".gitignore",
    "infrastructure/permissions.yaml",
    "requirements.txt",
    "requirements-team.txt",
    "pyproject.toml",
    "data.lock",
    "hooks/commit-msg",
    "hooks/pre-commit",
    "hooks/handles",
    ".github/CODEOWNERS",
    ".git/config",
    ".git/HEAD",
    ".git/index",
    ".venv/pyvenv.cfg",
    ".venv/bin/quant",
]
CONTENTS = {
    "empty": b"",
    "no text": b"\xff\xfe\x00\x80",
    "NUL": b"a: \0\n",
    "deep": b"[" * 5_000,
    "cyclic mapping": b"&a {team: *a, members: *a, _commit: *a, _src_path: *a}\n",
    "number": b"17\n",
    "bad date": b"team: 2024-13-45\n",
    "conflict": b"<<<<<<< before updating\na\n=======\nb\n>>>>>>> after updating\n",
    "shebang": b"#!/gone/python\n",
}


def as_missing(path: Path) -> None:
    """Take the file away."""
    path.unlink(missing_ok=True)


def as_folder(path: Path) -> None:
    """Put a folder in its place."""
    as_missing(path)
    path.mkdir(parents=True)


def as_dangling_link(path: Path) -> None:
    """Put a link to nothing in its place."""
    as_missing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/gone/file")


def as_unreadable(path: Path) -> None:
    """Let nobody read it (the superuser still can)."""
    if path.exists():
        path.chmod(0)


FAULTS = [as_missing, as_folder, as_dangling_link, as_unreadable]


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound clone; each example breaks a copy of it."""
    root = Path(__file__).resolve().parent.parent
    return make_clone(root, tmp_path_factory.mktemp("pattern") / "team")


@pytest.fixture
def clone(pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a sound clone of one's own, in which commands run."""
    return enter(pattern, tmp_path / "team", monkeypatch)


def enter(pattern: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(pattern, folder, symlinks=True)
    monkeypatch.setenv("QUANT_ROOT", str(folder))
    monkeypatch.delenv("TICKDB_BASE_URL")
    return folder


def diagnosed(root: Path) -> dict[str, Check]:
    """Return every check by name; each has one line of text and at most one fix."""
    found = {}
    for check in doctor.examine(root):
        assert check.detail.strip()
        found[check.name] = check
    assert len(found) == len(doctor.CHECKS)
    return found


def test_a_sound_clone_has_no_fault(clone: Path) -> None:
    """The pattern itself is sound, but for the code, which is this repository's."""
    failed = [name for name, check in diagnosed(clone).items() if check.state == "fail"]
    assert failed == ["code"]


@pytest.mark.parametrize("name", READ)
def test_a_broken_file_is_a_sentence(
    pattern: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, a folder, a dangling link, unreadable, or with any of the contents."""

    def content(data: bytes) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        return write

    changes = [*FAULTS, *(content(data) for data in CONTENTS.values())]
    monkeypatch.setenv("TICKDB_BASE_URL", "sandbox")
    for number, change in enumerate(changes):
        folder = enter(pattern, tmp_path / str(number), monkeypatch)
        change(folder / name)
        checks = diagnosed(folder)
        crashed = [check.detail for check in checks.values() if "crashed" in check.detail]
        assert not crashed
        monkeypatch.setenv("TICKDB_BASE_URL", "sandbox")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(READ), content=st.binary(max_size=200) | st.text(max_size=200))
def test_any_content_is_a_sentence(clone: Path, name: str, content: bytes | str) -> None:
    """Whatever bytes a file holds, every check returns."""
    path = clone / name
    before = path.read_bytes() if path.is_file() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        diagnosed(clone)
    finally:
        path.unlink()
        if before is not None:
            path.write_bytes(before)


@pytest.mark.parametrize("folder", ["hooks", "infrastructure", ".git", "config"])
def test_a_missing_folder_is_a_sentence(clone: Path, folder: str) -> None:
    """The checks that need it fail, the others still run."""
    shutil.rmtree(clone / folder)
    diagnosed(clone)


def test_the_command_prints_no_traceback(clone: Path) -> None:
    """As a process, with several files broken at once: lines, and exit code 1."""
    (clone / ".env").write_bytes(b"\xff\xfe")
    (clone / ".copier-answers.yml").write_bytes(b"[" * 5_000)
    (clone / "infrastructure" / "permissions.yaml").unlink()
    (clone / "requirements.txt").unlink()
    (clone / "requirements.txt").mkdir()
    code = "from quant_team_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor"],
        env={**os.environ, "QUANT_ROOT": str(clone)},
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(doctor.CHECKS)


# --- a check that crashes


def check_that_raises(error: BaseException) -> Callable[[Path], Check]:
    def check(root: Path) -> Check:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (QuantError("It is broken: fix it."), "It is broken: fix it."),
        (ModuleNotFoundError("x", name="polars"), "polars is not installed in "),
        (PermissionError(13, "Permission denied", "/x"), "cannot read /x (Permission denied)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "is not UTF-8 text"),
        (RecursionError("maximum\ndepth"), "this check crashed (RecursionError: maximum depth)"),
        (KeyError("team"), "this check crashed (KeyError: 'team')"),
    ],
)
def test_a_check_that_crashes_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, sentence: str
) -> None:
    """It is one FAIL line with a sentence, and the checks after it still run."""
    table = {
        "broken": check_that_raises(error),
        "sound": lambda root: Check("sound", "ok", "all is well"),
    }
    assert not doctor.report(tmp_path, table)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("FAIL  broken:")
    assert sentence in first
    assert second.startswith("ok    sound:")


def test_what_a_check_found_clears_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values of `.env` and names of files are other people's text."""
    found = Check("settings", "fail", "URL=\x1b[2J from .env", "git rm '\u202ex'")
    assert not doctor.report(tmp_path, {"settings": lambda root: found})
    (line,) = capsys.readouterr().out.splitlines()
    assert r"URL=\x1b[2J from .env  ->  git rm '\u202ex'" in line


def test_ctrl_c_is_no_fault_of_a_check(tmp_path: Path) -> None:
    """Who stops the doctor stops it."""
    with pytest.raises(KeyboardInterrupt):
        list(doctor.examine(tmp_path, {"slow": check_that_raises(KeyboardInterrupt())}))
