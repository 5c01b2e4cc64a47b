"""The files of a repository at three times: as rendered, as committed, as they are now.

    of_commit(root, "HEAD")["README.md"].read()
    of_work_tree(root)
    with rendering(root, answers) as files:  # what the template makes of these answers

Results and notebooks are left out: no update touches them, and daily work does.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from quant_team_cli import copier_process
from quant_team_utils import git
from quant_team_utils.errors import QuantError
from quant_team_utils.git_environment import FOR_COPIER, environment

EXECUTABLE = "100755"
PLAIN = "100644"
LINK = "120000"
_SUBMODULE = "160000"
_NONE = "000000"
_PATIENCE = 300  # seconds that Copier may take


class RenderingError(QuantError):
    """The template cannot be rendered; the text is Copier's or git's last line."""


@dataclass(frozen=True)
class File:
    """A file of a tree.

    Attributes:
        mode: as git records it.
        digest: as git names the content; empty if that is not known without reading it.
        read: returns the content; of a link, what it points at.
    """

    mode: str
    digest: str
    read: Callable[[], bytes] = field(compare=False)

    def is_same(self, other: File) -> bool:
        """Tell whether content and mode are those of another file."""
        return self.mode == other.mode and self.has_content_of(other)

    def has_content_of(self, other: File) -> bool:
        """Tell whether the content is that of another file."""
        if self.digest and self.digest == other.digest:
            return True
        return self.read() == other.read()


Tree = Mapping[str, File]


def of_commit(root: Path, commit: str) -> dict[str, File]:
    """Return the files of a commit, by path.

    Raises:
        GitError: there is no such commit.
    """
    files = {}
    listed = git.run(root, "ls-tree", "-r", "-z", "--full-tree", commit)
    for entry in _items(listed):
        facts, path = entry.split("\t", 1)
        mode, _, digest = facts.split()
        if mode != _SUBMODULE and not _is_left_out(path):
            files[path] = File(mode, digest, partial(_blob, root, digest))
    return files


def of_work_tree(root: Path) -> dict[str, File]:
    """Return the files of the work tree, by path: those of HEAD, with what has changed since.

    Raises:
        GitError: there is no commit.
    """
    files = of_commit(root, "HEAD")
    changed = _changed_modes(root)
    untracked = git.run(root, "ls-files", "--others", "--exclude-standard", "-z")
    for path in _items(untracked):
        changed[path] = PLAIN
    for path, mode in changed.items():
        before = files.pop(path, None)
        if mode == _NONE and before:
            mode = before.mode
        target = root / path
        if os.path.lexists(target) and not _is_left_out(path):
            files[path] = File(mode, "", partial(_content, target))
    return files


def of_folder(folder: Path) -> dict[str, File]:
    """Return the files below a folder that is not a repository, by path."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_file = path.is_file() or path.is_symlink()
        if is_file and not _is_left_out(name):
            digest = _digest(_content(path))
            read = partial(_content, path)
            files[name] = File(_mode(path), digest, read)
    return files


@contextmanager
def rendering(
    root: Path,
    answers: Mapping[str, Any],
    copier: Sequence[str] | None = None,
) -> Iterator[dict[str, File]]:
    """Yield what the template makes of recorded answers, at the version that they record.

    Never while another Copier runs: all share one mirror of the template, which each fetches first
    and where two at once fail.

    Args:
        root: the team repository, from which a source such as `../template` is found.
        answers: as `.copier-answers.yml` records them.
        copier: the words that run Copier; default: as found.

    Raises:
        RenderingError: Copier cannot render it: no network, no such version.
        CopierError: Copier is not here and cannot be installed.
    """
    words = copier or copier_process.find()
    text = yaml.safe_dump(dict(answers), allow_unicode=True)
    with tempfile.TemporaryDirectory(prefix="quant-rendering-") as folder:
        given = Path(folder) / "answers.yml"
        given.write_text(text, encoding="utf-8")
        target = Path(folder) / "files"
        command = [
            *words,
            "copy",
            "--quiet",
            "--defaults",
            f"--vcs-ref={answers['_commit']}",
            f"--data-file={given}",
            str(answers["_src_path"]),
            str(target),
        ]
        _run(root, command)
        yield of_folder(target)


# Details


def _run(root: Path, command: list[str]) -> None:
    silent = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment(FOR_COPIER) | silent,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderingError(f"Copier does not run: {error}") from None
    if done.returncode:
        raise RenderingError(copier_process.last_line(done))


def _items(listed: str) -> list[str]:
    return [item for item in listed.split("\0") if item]


def _changed_modes(root: Path) -> dict[str, str]:
    """Return the new mode of each tracked file that differs from HEAD, by path."""
    modes: dict[str, str] = {}
    listed = git.run(root, "diff", "--raw", "-z", "--no-renames", "HEAD")
    items = iter(_items(listed))
    for facts, path in zip(items, items, strict=True):
        mode = facts.split()[1]
        if mode != _NONE or path not in modes:  # a file in conflict is listed twice
            modes[path] = mode
    return modes


def _is_left_out(path: str) -> bool:
    is_result = path.startswith("results/") and path.count("/") > 1
    return is_result or path.endswith(".ipynb")


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def _mode(path: Path) -> str:
    if path.is_symlink():
        return LINK
    return EXECUTABLE if path.stat().st_mode & 0o100 else PLAIN


def _digest(content: bytes) -> str:
    # SHA-1 only names the content, as git does.
    header = b"blob %d\0" % len(content)
    digest = hashlib.sha1(header + content, usedforsecurity=False)
    return digest.hexdigest()


def _blob(root: Path, digest: str) -> bytes:
    command = ["git", "cat-file", "blob", digest]
    done = subprocess.run(
        command,
        cwd=root,
        env=environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise git.GitError(f"git has lost the content {digest} in {root}: run `git fsck`.")
    return done.stdout
