"""The judge of commit messages as a module, and messages to judge."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.conftest import ROOT

HOOK = ROOT / "hooks" / "commit-msg"
PROGRAM = ROOT / "hooks" / "commit_message.py"
SHELL = shutil.which("sh") or "sh"
TABLE = json.loads((ROOT / "tests" / "commit_messages.json").read_text(encoding="utf-8"))

spec = importlib.util.spec_from_file_location("commit_message", PROGRAM)
assert spec is not None
assert spec.loader is not None
judge: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(judge)
TYPES = judge.read_types()

# Lines that are nearly right reach more of the judge than bytes that are nothing.
PIECES = [
    *(f"{kind}:".encode() for kind in TYPES),
    *b"feat: x|fix: y|x|#|# c|;|(a)|!|~|-|[|...|feature|Revert \"|\"|Merge branch '|'".split(b"|"),
    *b"<short description>|fixup! |with '#' will be ignored".split(b"|"),
    *(b" ", b"\t", b"\n", b"\r\n", b"\n\n", b"\0", b"\x1b", b"\xff", b"x" * 66),
    *(b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\x8b", b"\xf0\x9f\x90\x9b"),
    *(b"\r", b"\x85", b"\xe2\x80\xae", b"\xef\xbc\x9a"),
    b"# ------------------------ >8 ------------------------\n",
]
lines = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
messages = st.one_of(st.binary(max_size=200), lines)
check = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def verdict(message: bytes, scopes: bool = False) -> tuple[bool, str]:
    """Judge a message as an editor leaves it; return whether it passes, and what was printed."""
    Path("message").write_bytes(message)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = judge.check_file("message", TYPES, scopes)
    return code == 0, said.getvalue()


def called(*arguments: str) -> tuple[bool, str]:
    """Call the judge's command line; return whether it accepts, and what was printed."""
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, contextlib.redirect_stderr(io.StringIO()) as said:
        code = judge.main(list(arguments))
    return code == 0, said.getvalue()


def shell_accepts(message: bytes, shell: str = SHELL) -> bool:
    """Tell whether the shell alone accepts a message: it finds neither Python nor git to ask."""
    Path("message").write_bytes(message)
    nothing_on_path = {"PATH": os.devnull}
    done = subprocess.run([shell, HOOK, "message"], env=nothing_on_path, capture_output=True)
    return done.returncode == 0


@contextlib.contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def step_outside(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Go where no repository is, with neither an editor nor an author of git's."""
    patch.chdir(folder)
    patch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    for name in ("GIT_EDITOR", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        patch.delenv(name, raising=False)
