"""Judge commit messages: `<type>: <short description>`, a blank line, and a body if you want one.

    commit_message.py [--allow-scopes] FILE          the message file of a commit-msg hook
    commit_message.py [--allow-scopes] --range A..B  in CI: the commits of a branch, no merges
    commit_message.py [--allow-scopes] --title TEXT [--author LOGIN]
                                                     in CI: the title of LOGIN's pull request

The types are in `commit-types`. `--allow-scopes` accepts `feat(loader): x` and `feat!: x` as
well. The exit code is 1 for a refusal.

One rule holds for all three, and a bot's messages and titles pass by their author. They differ
where what they judge differs:

- a file is judged as git will record it, and loses its byte order mark; what is refused is kept
- `fixup! ...` passes in a file, and is refused where nobody will squash it any more
- a merge passes in a file while it is in progress, and is left out of a range
- a title loses the `Draft: ` that a forge takes away again

`commit-msg` calls this for every message that is not plainly good, so only a refusal imports more
than `os`, `sys` and the two files of rules.
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

from commit_cleanup import (  # noqa: E402
    AS_IT_IS,
    CUT,
    Cleanup,
    command,
    git,
    how_git_cleans,
    sentence,
)
from commit_subject import (  # noqa: E402
    AUTOSQUASH,
    is_a_bot,
    judge_subject,
    shown,
    written_by_git,
)

BOM = b"\xef\xbb\xbf"
DRAFT = ("draft:", "[draft]", "(draft)")  # what GitLab puts before a title, in any case
EMPTY = "the message is empty"
UNSQUASHED = "squash this commit into its target first (`git rebase -i --autosquash`)"
BELOW = "put a blank line below the subject, or git reads both lines as one subject"


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    scopes = arguments[:1] == ["--allow-scopes"]
    rest = arguments[scopes:]
    types = read_types()
    match rest:
        case ["--range", revisions]:
            return check_range(revisions, types, scopes)
        case ["--title", title]:
            return check_title(title, types, scopes)
        case ["--title", title, "--author", author]:
            return check_title(title, types, scopes, author)
        case [path] if not path.startswith("-"):
            return check_file(path, types, scopes)
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
    message = raw.removeprefix(BOM).replace(b"\0", b"")
    folder = os.path.dirname(os.path.abspath(path))
    # Git tells its hooks who the author is, whoever commits.
    name = os.environ.get("GIT_AUTHOR_NAME", "")
    author = f"{name} <{os.environ.get('GIT_AUTHOR_EMAIL', '')}>"

    cleanup = AS_IT_IS
    fault = judge(message, cleanup, types, scopes, author=author)
    if fault and in_progress(folder, "MERGE_HEAD") and any(cleanup.lines(message)):
        fault = None  # a range leaves merges out
    elif fault or "\ufffd" in cleanup.subject(message):
        cleanup = how_git_cleans(message)
        fault = judge(message, cleanup, types, scopes, author=author)
    if fault is None:
        if raw.startswith(BOM):
            with open(path, "wb") as file:
                file.write(raw[len(BOM) :])
        return 0
    say(refusal(fault, message, cleanup, types, path))
    return 1


def check_range(revisions: str, types: dict[str, str], scopes: bool = False) -> int:
    """Judge the recorded messages of a range as they will stay: no merges."""
    if revisions.startswith("-"):
        say(f"commit-msg: {shown(revisions)} is not a range of commits; write A..B.")
        return 1
    options = "-c log.showSignature=false log -z --no-merges --encoding=UTF-8"
    form = "--format=%h%n%an <%ae>%n%B"
    code, output, complaint = git(*options.split(), form, revisions, "--")
    if code:
        say(f"commit-msg: git cannot read the range {shown(revisions)}: {sentence(complaint)}.")
        fix = command(complaint) or how_to_fetch(complaint)
        if fix:
            say(f"  run:    {fix}")
        return 1
    commits = [entry for entry in output.split(b"\0") if entry]
    refused = 0
    for commit in commits:
        name, author, message = commit.split(b"\n", 2)
        by = author.decode("utf-8", "replace")
        fault = judge(message, AS_IT_IS, types, scopes, final=True, author=by)
        if fault:
            refused += 1
            subject = AS_IT_IS.subject(message)
            say(f"{name.decode()}  {shown(subject)}\n  {fault}")
            if fault not in (BELOW, UNSQUASHED):
                say(f"  write:  {suggestion(subject, types)}")
    if not refused:
        print(f"{len(commits)} commit messages follow the convention.")
        return 0
    base, dots, _ = revisions.partition("..")
    since = shown(base) if dots else "--root"
    say(
        f"{refused} of {len(commits)} messages refused.\n"
        f"  types:  {listed(types)}\n"
        f"  run:    git rebase -i --autosquash {since}   (change their `pick` to "
        "`reword`), then git push --force-with-lease"
    )
    return 1


def how_to_fetch(complaint: bytes) -> str:
    """Return the command that fetches missing commits, or nothing if none are missing."""
    missing = (b"bad revision", b"bad object", b"Invalid revision range")
    if not any(words in complaint for words in missing):
        return ""
    _, output, _ = git("rev-parse", "--is-shallow-repository")
    return "git fetch --unshallow" if output.strip() == b"true" else "git fetch origin"


def check_title(title: str, types: dict[str, str], scopes: bool = False, author: str = "") -> int:
    """Judge a pull request's title like the subject of a commit by whoever opened it."""
    message = os.fsencode(without_draft(title))
    fault = judge(message, AS_IT_IS, types, scopes, final=True, author=author)
    if fault:
        better = suggestion(AS_IT_IS.subject(message), types)
        say(
            f"title: {fault}.\n"
            f"  write:  {better}\n"
            f"  types:  {listed(types)}\n"
            "  again:  change the title at the forge, then run the checks again"
        )
    return int(bool(fault))


def judge(
    message: bytes,
    cleanup: Cleanup,
    types: dict[str, str],
    scopes: bool = False,
    final: bool = False,
    author: str = "",
) -> str | None:
    """Return what is wrong with a message, without a full stop, or None.

    It is the one rule for files, ranges and titles.

    Args:
        message: the bytes to judge.
        cleanup: what git will make of them.
        types: the types, from `commit-types`.
        scopes: whether `feat(loader)!: x` passes.
        final: whether nobody will squash the commit any more.
        author: a forge's login or `NAME <ADDRESS>`; a bot's messages pass.
    """
    fault = fault_in(message, cleanup, types, scopes, final)
    return None if fault and is_a_bot(author) else fault


def fault_in(
    message: bytes, cleanup: Cleanup, types: dict[str, str], scopes: bool, final: bool
) -> str | None:
    """Return what is wrong with a message, whoever wrote it, or None."""
    subject = cleanup.subject(message)
    if not subject:
        return EMPTY
    if final and subject.startswith(AUTOSQUASH):
        return UNSQUASHED
    if not written_by_git(subject):
        fault = judge_subject(subject, types, scopes)
        if fault:
            return fault
    lines = cleanup.lines(message)
    next(lines)
    return BELOW if next(lines, b"") else None


def without_draft(title: str) -> str:
    """Return a title without the marks that GitLab puts before it and takes away again."""
    for mark in DRAFT:
        if title[: len(mark)].lower() == mark:
            return without_draft(title[len(mark) :].lstrip(" "))
    return title


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
    if fault == EMPTY:
        return f"commit-msg: {EMPTY}, so nothing was committed. To start again: git commit"
    text = [f"commit-msg: {fault}."]
    if fault != BELOW:
        better = suggestion(cleanup.subject(message), types)
        text += [f"  write:  {better}", f"  types:  {listed(types)}"]
    if cleanup.complaint:
        text.append(f"  git:    its settings cannot be read: {shown(cleanup.complaint)}")
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


def read_types() -> dict[str, str]:
    """Return the types and the word that explains each, from the list beside this file."""
    types = {}
    with open(os.path.join(HERE, "commit-types"), encoding="utf-8") as file:
        for line in file:
            kind, _, word = line.partition(" ")
            types[kind] = word.strip()
    return types


def say(text: str) -> None:
    """Print to standard error whatever the text holds and the terminal takes."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
