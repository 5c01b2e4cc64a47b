"""The judge of commit messages and the shell before it; test_hooks_git.py has real commits."""

# ruff: noqa: RUF001
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

from tests.conftest import ROOT, run
from tests.judged import (
    HOOK,
    PROGRAM,
    SHELL,
    TABLE,
    TYPES,
    check,
    messages,
    shell_accepts,
    step_outside,
    verdict,
)

SHELLS = list(filter(None, map(shutil.which, ("sh", "dash", "bash"))))


@pytest.fixture(autouse=True)
def _outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step_outside(tmp_path, monkeypatch)


@pytest.mark.parametrize("row", TABLE, ids=[row["name"] for row in TABLE])
def test_each_message_of_the_table_gets_its_verdict(row: dict[str, Any]) -> None:
    """Every message gets the verdict of the table, and the shell accepts none that is refused."""
    message = row["message"].encode()
    accepted, said = verdict(message)
    assert accepted == row["accept"], said
    assert accepted or not any(shell_accepts(message, shell) for shell in SHELLS)
    assert len(said.splitlines()) <= 6


@pytest.mark.parametrize(
    ("subject", "accepted"),
    [
        ('Revert "feat: x"', True),
        ('Reapply "feat: x"', True),
        ('Revert "Reapply "feat: x""', True),
        (
            'Revert "a subject of before that is longer than seventy-two characters, as they were"',
            True,
        ),
        ('Reapply ""', False),
        ("Reapply feat: x", False),
        ('revert "feat: x"', False),
        ("Merge tag 'v1' into develop", True),
        ("Merge branches 'a' and 'b' into 'main'", True),
        ("Merge commit '1e69d54'", True),
        ("Merge pull request #7 from a/b", True),
        ("Merge pull request from a/b", False),
        ("Merge branch", False),
        ("squash! feat: x", True),
        ("fixup! fixup! anything", True),
        ("fixup!", False),
        ("fixup!feat: x", False),
    ],
)
def test_git_s_own_texts_pass_and_no_others(subject: str, accepted: bool) -> None:
    """Only the exact texts of git and the forges are exempt, not every word they begin with."""
    assert verdict(subject.encode())[0] == accepted
    assert not verdict(f"{subject}\nno empty line".encode())[0]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("kind", TYPES)
def test_the_shell_alone_accepts_the_plain_good_message(kind: str, shell: str) -> None:
    """A good message of each type costs no second process, whatever its body."""
    assert shell_accepts(
        f"{kind}: short description\n\nbody with ümlauts\n# and more\n".encode(), shell
    )
    assert shell_accepts(f"{kind}: short description".encode(), shell)
    assert shell_accepts(f"{kind}: {'x' * (70 - len(kind))}\n".encode(), shell)


def test_there_are_the_six_types_of_the_convention() -> None:
    """The list holds the types of the convention, in their order."""
    assert list(TYPES) == ["feat", "fix", "data", "test", "refactor", "docs"]


def test_a_large_body_is_not_read() -> None:
    """A body of 100 MB does not keep the shell from accepting, nor Python from refusing."""
    assert shell_accepts(b"feat: import the archive\n\n" + b"x" * 100_000_000)
    accepted, said = verdict(b"import the archive\n\n" + b"line\n" * 20_000_000)
    assert not accepted
    assert len(said) < 1000


def test_scopes_are_refused_unless_asked_for() -> None:
    """`--allow-scopes` accepts a scope, an exclamation mark, and both; no empty scope."""
    for subject in (b"feat(loader): x", b"feat!: x", b"fix(a,b)!: x"):
        assert not verdict(subject)[0]
        assert verdict(subject, scopes=True)[0]
    for subject in (
        b"feat(): x",
        b"feat()!: x",
        b"feat(a: x",
        b"feat (a): x",
        b"perf(a): x",
        b"feat(a)b: x",
    ):
        assert not verdict(subject, scopes=True)[0]
    file = message_file(b"feat(a): x")
    for options, code in ((["--allow-scopes"], 0), ([], 1)):
        done = run(SHELL, HOOK, *options, file, cwd=Path.cwd(), check=False)
        assert done.returncode == code


def message_file(message: bytes) -> Path:
    Path("message").write_bytes(message)
    return Path("message").resolve()


def test_what_is_not_at_fault_is_not_suggested_again() -> None:
    """Where only a blank line is missing, the same subject is no help."""
    accepted, said = verdict(b"feat: x\nmore\n")
    assert not accepted
    assert "put a blank line below" in said
    assert "write:" not in said


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        (b"feat: a\tb\n", True),
        (b"feat: a\rb\n", False),
        (b"feat: x\r\rbody\r", False),
        (b"feat: x\r\n\r\nbody\r\n", True),
        (b"feat: \x1b[31mred\n", False),
        (b"feat: a\x00b\n", True),  # git refuses NUL itself
        (b"feat: a\xc2\x85b\n", False),
        ("feat: \u202eabc\n".encode(), False),
        ("feat: a\u2028b\n".encode(), False),
        ("docs: می\u200cخواهم\n".encode(), True),
        ("docs: \u200fשלום\n".encode(), True),
        (b"\xef\xbb\xbf\xef\xbb\xbffeat: x\n", False),
    ],
)
def test_a_subject_holds_nothing_that_a_terminal_obeys(message: bytes, accepted: bool) -> None:
    """Control characters and turns of direction are refused; parts of words are not."""
    assert verdict(message)[0] == accepted


def test_control_characters_are_shown_escaped() -> None:
    """A refused subject cannot paint the terminal."""
    said = verdict(b"fea\x1b[31mture\x07 \xe2\x80\xae nonsense: x")[1]
    assert said.replace("\n", "").isprintable()
    assert r"\x1b[31m" in said
    assert r"\u202e" in said


def test_bytes_that_are_not_utf8_are_judged_as_git_records_them() -> None:
    """Latin-1 is accepted where the rest is good, and refused without a traceback if not."""
    assert verdict("fix: für alle Börsen\n".encode("latin-1"))[0]
    assert "does not begin with a type" in verdict("für alle Börsen\n".encode("latin-1"))[1]


def test_a_byte_order_mark_is_taken_out_of_the_file() -> None:
    """An accepted file loses its invisible mark, and nothing else."""
    assert verdict(b"\xef\xbb\xbffeat: x\r\n\r\nbody \r\n")[0]
    assert Path("message").read_bytes() == b"feat: x\r\n\r\nbody \r\n"


def test_a_file_that_cannot_be_read_is_one_sentence() -> None:
    """A missing file, a folder: one line, no traceback."""
    for name in ("missing", "."):
        done = run(SHELL, HOOK, name, cwd=Path.cwd(), check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("commit-msg: cannot read")
        assert len(done.stderr.splitlines()) == 1


def test_a_message_file_of_ones_own_is_left_alone() -> None:
    """Only git's file is kept under another name: nobody overwrites a file of one's own."""
    assert not verdict(b"nonsense\n")[0]
    assert os.listdir() == ["message"]  # noqa: PTH208


def test_an_accepted_message_imports_next_to_nothing() -> None:
    """The judge starts fast: only a refusal loads what a refusal needs."""
    path = message_file("feat: prüfen\n".encode())
    done = run(sys.executable, "-S", "-E", "-I", "-X", "importtime", PROGRAM, path, cwd=Path.cwd())
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {
        "re",
        "subprocess",
        "argparse",
        "pathlib",
        "typing",
        "difflib",
        "unicodedata",
        "collections",
    }


def test_the_program_explains_itself() -> None:
    """Without arguments, and with wrong ones, the usage is printed."""
    for arguments, code in (([], 2), (["--help"], 0), (["a", "b"], 2), (["--rnage", "x"], 2)):
        done = run(SHELL, HOOK, *arguments, cwd=Path.cwd(), check=False)
        assert (done.returncode, "--range A..B" in done.stderr) == (code, True)


def test_without_python_the_refusal_says_so() -> None:
    """A message that the shell cannot accept is not let pass where nobody can judge it."""
    done = subprocess.run(
        [SHELL, HOOK, message_file(b"x")], env={"PATH": os.devnull}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "needs Python" in done.stderr


@check
@given(messages)
@example(b": x\n")
@example(b"fe\0at: x\n")
def test_no_bytes_make_a_traceback_and_the_shell_is_never_laxer(message: bytes) -> None:
    """Any file gets a verdict of at most six lines; the shell accepts only what Python does."""
    accepted, said = verdict(message)
    assert len(said.splitlines()) <= (0 if accepted else 6)
    assert accepted or not shell_accepts(message)


SOURCES = [
    "commit-msg",
    "commit-types",
    "commit_cleanup.py",
    "commit_message.py",
    "commit_subject.py",
    "commit_suggestion.py",
]


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_can_be_included_by_the_template(name: str) -> None:
    """Nothing in the sources means anything to Jinja."""
    text = (ROOT / "hooks" / name).read_text(encoding="utf-8")
    assert not any(mark in text for mark in ("{{", "{%", "{#"))
    assert (
        ROOT / "template" / "hooks" / f"{name}.jinja"
    ).read_text() == f'{{%- include "hooks/{name}" -%}}'


def test_the_team_gets_the_same_bytes(default_team: Path) -> None:
    """The rendered hook is the source, byte for byte, and executable."""
    for name in SOURCES:
        assert (default_team / "hooks" / name).read_bytes() == (ROOT / "hooks" / name).read_bytes()
    for name in ("commit-msg", "pre-commit", "pre-push", "strip-notebook"):
        assert os.access(default_team / "hooks" / name, os.X_OK)
