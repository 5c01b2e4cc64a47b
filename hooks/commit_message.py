"""Judge commit messages: `<type>: <short description>`, a blank line, and a body if you want one.

    commit_message.py [--allow-scopes] FILE          the message file of a commit-msg hook
    commit_message.py [--allow-scopes] --range A..B  in CI: the commits of a branch, no merges
    commit_message.py [--allow-scopes] --title TEXT  in CI: a pull request's title

The types are in `commit-types`. `--allow-scopes` accepts `feat(loader): x` and `feat!: x` as
well. The exit code is 1 for a refusal. A message file is judged as git will record it; what is
refused is kept beside the file.

`commit-msg` calls this for every message that is not plainly good, so only a refusal imports more
than `os`, `sys` and the rules of `commit_subject.py`.
"""

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH123
# pathlib, and typing, would double the start.
from __future__ import annotations

import os
import sys

# Isolated (-I), Python does not look beside this file by itself.
HERE = os.path.dirname(os.path.abspath(__file__))
if HERE not in sys.path:
    sys.path.append(HERE)

from commit_subject import (  # noqa: E402
    AUTOSQUASH,
    judge_subject,
    shown,
    written_by_git,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CUT = b" ------------------------ >8 ------------------------\n"
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r"  # what git strips from the end of a line


class Cleanup:
    """How git will clean a message file: what marks a comment, and what it will take out."""

    def __init__(
        self, prefix: bytes = b"#", comments_go: bool = False, diff_goes: bool = False
    ) -> None:
        self.prefix = prefix
        self.comments_go = comments_go
        self.diff_goes = diff_goes

    def lines(self, message: bytes) -> Iterator[bytes]:
        """Yield the lines that git records, from the subject on; a body may be large."""
        begun = False
        start = 0
        while start < len(message):
            end = message.find(b"\n", start) + 1 or len(message)
            line = message[start:end]
            start = end
            if self.diff_goes and line == self.prefix + CUT:
                return
            if self.comments_go and line.startswith(self.prefix):
                continue
            line = line.rstrip(b"\n").rstrip(BLANKS)
            begun = begun or bool(line)
            if begun:
                yield line


AS_IT_IS = Cleanup()


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    scopes = arguments[:1] == ["--allow-scopes"]
    rest = arguments[scopes:]
    types = read_types()
    if len(rest) == 2 and rest[0] == "--range":
        return check_range(rest[1], types, scopes)
    if len(rest) == 2 and rest[0] == "--title":
        return check_title(rest[1], types, scopes)
    if len(rest) == 1 and not rest[0].startswith("-"):
        return check_file(rest[0], types, scopes)
    say(__doc__ or "")
    return 0 if rest in (["-h"], ["--help"]) else 2


def check_file(path: str, types: dict[str, str], scopes: bool = False) -> int:
    """Judge the message file of a commit: strip its byte order mark, or explain and keep it."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        say(f"commit-msg: cannot read {shown(path)}: {error.strerror}.")
        return 1
    # Git itself refuses NUL, and the shell does not see it.
    message = raw[len(BOM) :] if raw.startswith(BOM) else raw
    message = message.replace(b"\0", b"")
    folder = os.path.dirname(os.path.abspath(path))

    cleanup = AS_IT_IS
    fault = judge(message, cleanup, types, scopes)
    if fault and in_progress(folder, "MERGE_HEAD", "REVERT_HEAD") and any(cleanup.lines(message)):
        fault = None  # git drafted it, and records which commits it is about
    if fault:
        cleanup = how_git_cleans(message)
        fault = judge(message, cleanup, types, scopes)
    if fault is None:
        if raw.startswith(BOM):
            with open(path, "wb") as file:
                file.write(raw[len(BOM) :])
        return 0
    say(refusal(fault, message, cleanup, types, path))
    return 1


def check_range(revisions: str, types: dict[str, str], scopes: bool = False) -> int:
    """Judge the recorded messages of a range: no merges, no bots, nothing left to be squashed."""
    if revisions.startswith("-"):
        say(f"commit-msg: {shown(revisions)} is not a range of commits: write A..B.")
        return 1
    commits = recorded(revisions)
    if commits is None:
        say(
            f"commit-msg: git cannot find the range {shown(revisions)}: "
            "fetch both ends with their history."
        )
        return 1
    refused = 0
    for name, author, message in commits:
        is_bot = author.endswith(b"[bot]")
        fault = None if is_bot else judge(message, AS_IT_IS, types, scopes, final=True)
        if fault:
            refused += 1
            subject = decoded(next(AS_IT_IS.lines(message), b""))
            say(f"{name.decode()}  {shown(subject)}\n  {fault}")
            if not subject.startswith(AUTOSQUASH):
                say(f"  write:  {suggestion(subject, types)}")
    if refused:
        base = shown(revisions.partition("..")[0])
        say(
            f"{refused} of {len(commits)} messages refused: `git rebase -i {base}` and reword them."
        )
        return 1
    print(f"{len(commits)} commit messages follow the convention.")
    return 0


def recorded(revisions: str) -> list[list[bytes]] | None:
    """Return name, author and message of each commit in a range, or None if git knows none."""
    options = "-c log.showSignature=false log -z --no-merges --encoding=UTF-8"
    code, output = git(*options.split(), "--format=%h%n%an%n%B", revisions, "--")
    if code:
        return None
    return [entry.split(b"\n", 2) for entry in output.split(b"\0") if entry]


def check_title(title: str, types: dict[str, str], scopes: bool = False) -> int:
    """Judge a pull request's title; a forge puts `Draft: ` before it and takes it away again."""
    message = title.removeprefix("Draft: ").encode("utf-8", "surrogateescape")
    fault = judge(message, AS_IT_IS, types, scopes, final=True)
    if fault:
        better = suggestion(decoded(message), types)
        say(f"title: {fault}.\n  write:  {better}\n  types:  {listed(types)}")
    return int(bool(fault))


def judge(
    message: bytes,
    cleanup: Cleanup,
    types: dict[str, str],
    scopes: bool = False,
    final: bool = False,
) -> str | None:
    """Return what is wrong with a message, without a full stop, or None.

    `final` refuses what a later squash was to remove.
    """
    lines = cleanup.lines(message)
    subject = decoded(next(lines, b""))
    if not subject:
        return "the message is empty"
    if final and subject.startswith(AUTOSQUASH):
        return "squash this commit into its target first (`git rebase -i --autosquash`)"
    if not written_by_git(subject):
        fault = judge_subject(subject, types, scopes)
        if fault:
            return fault
    if next(lines, b""):
        return "put a blank line below the subject, or git reads both lines as one subject"
    return None


def how_git_cleans(message: bytes) -> Cleanup:
    """Find out what git will do to a message file: from its hint there, else from its settings."""
    # Git sets the editor to `:` for its hooks when none ran: then a line that begins with # stays.
    edited = os.environ.get("GIT_EDITOR") != ":"
    if edited:
        for will, go in ((b"' will be ignored", True), (b"' will be kept", False)):
            before, found, _ = message.partition(will)
            prefix = before[before.rfind(b"'") + 1 :]
            is_used = b"\n" + prefix in message
            if found and 0 < len(prefix) < 20 and is_used:
                return Cleanup(prefix, comments_go=go, diff_goes=True)
    _, output = git("config", "--get-regexp", r"^(core\.comment(char|string)|commit\.cleanup)$")
    prefix = b"#"
    mode = b"default"
    for line in output.splitlines():
        name, _, value = line.partition(b" ")
        if name == b"commit.cleanup":
            mode = value
        else:
            # Of the two names of the comment prefix, git obeys the one that it reads last.
            prefix = value
    if prefix == b"auto":
        prefix = prefix_in(message)
    return Cleanup(
        prefix or b"#",
        comments_go=mode == b"strip" or (edited and mode == b"default"),
        diff_goes=edited,
    )


def prefix_in(message: bytes) -> bytes:
    """Return the comment prefix that git chose for this file (`core.commentChar=auto`)."""
    before, cut, _ = message.partition(CUT)
    above = before if cut else message.rstrip()
    line = above.rpartition(b"\n")[2]
    last = line if cut else line[:1]
    is_a_mark = len(last) == 1 and last in b"#;@!$%^&|:"
    return last if is_a_mark else b"#"


def in_progress(folder: str, *heads: str) -> bool:
    """Tell whether git's folder holds one of these files: a merge, for one, is in progress."""
    return any(os.path.exists(os.path.join(folder, head)) for head in heads)


# Only a refusal comes this far.


def suggestion(subject: str, types: dict[str, str]) -> str:
    """Return a subject as it should be, ready to paste."""
    import commit_suggestion

    return commit_suggestion.suggestion(subject, types)


def refusal(fault: str, message: bytes, cleanup: Cleanup, types: dict[str, str], path: str) -> str:
    """Explain a refusal in at most six lines, and keep what was typed."""
    subject = decoded(next(cleanup.lines(message), b""))
    if not subject:
        return f"commit-msg: {fault}."
    text = [
        f"commit-msg: {fault}.",
        f"  write:  {suggestion(subject, types)}",
        f"  types:  {listed(types)}",
    ]
    folder, name = os.path.split(os.path.abspath(path))
    kept = os.path.join(folder, "COMMIT_EDITMSG.refused").replace(os.sep, "/")
    if name not in ("COMMIT_EDITMSG", "MERGE_MSG"):
        return "\n".join(text)  # not git's file: nobody overwrites it
    try:
        with open(kept, "wb") as file:
            file.write(typed(message, cleanup))
    except OSError as error:
        text.append(f"  kept:   nowhere, {shown(kept)} cannot be written: {error.strerror}")
    else:
        text.append(f"  kept:   {shown(kept)}")
        text.append(f"  again:  {retry(folder, kept)}")
    return "\n".join(text)


def typed(message: bytes, cleanup: Cleanup) -> bytes:
    """Return what a person wrote in a message file: no comments of git's, no diff."""
    import re

    if cleanup.diff_goes:
        message = (b"\n" + message).partition(b"\n" + cleanup.prefix + CUT)[0][1:]
    if cleanup.comments_go:
        message = re.sub(rb"(?m)^" + re.escape(cleanup.prefix) + rb".*\n?", b"", message)
    return message.strip(b"\n") + b"\n"


def retry(folder: str, kept: str) -> str:
    """Return the command that takes a refused message up again."""
    import shlex

    kept = f'"{kept}"' if os.name == "nt" else shlex.quote(kept)
    if in_progress(folder, "MERGE_HEAD"):
        return f"git commit -e -F {kept}   (it concludes the merge)"
    try:
        with open(os.path.join(folder, "rebase-merge", "done"), "rb") as file:
            step = file.read().rstrip().rpartition(b"\n")[2].split()[:1]
    except OSError:
        step = []
    # A reword is amended; after a conflict git's draft is there, and the commit is not: amending
    # would hit another one.
    if step in ([b"reword"], [b"r"]) and not in_progress(folder, "MERGE_MSG", "CHERRY_PICK_HEAD"):
        return f"git commit --amend -e -F {kept}   (then git rebase --continue)"
    return f"git commit -e -F {kept}   (with --amend, if you were amending)"


def listed(types: dict[str, str]) -> str:
    """Return the types on one line, each with its word."""
    return ", ".join(f"{kind} ({word})" for kind, word in types.items())


def decoded(line: bytes) -> str:
    """Return a line as text; what is not UTF-8 counts as one unknown letter a byte."""
    return line.decode("utf-8", "replace")


def read_types() -> dict[str, str]:
    """Return the types and the word that explains each, from the list beside this file."""
    types = {}
    with open(os.path.join(HERE, "commit-types"), encoding="utf-8") as file:
        for line in file:
            kind, _, word = line.partition(" ")
            types[kind] = word.strip()
    return types


def git(*arguments: str) -> tuple[int, bytes]:
    """Run git here and return its exit code and standard output; without git, 127 and nothing."""
    import subprocess

    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:
        return 127, b""
    return done.returncode, done.stdout


def say(text: str) -> None:
    """Print to standard error whatever the text holds and the terminal takes."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
