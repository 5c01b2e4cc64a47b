"""Judge commit messages: `<type>: <short description>`, then an empty line and a body if one is
wanted.

    commit_message.py [--allow-scopes] FILE           a message file, as git gives it to a
    commit-msg hook commit_message.py [--allow-scopes] --range A..B   the commits of a branch,
    without its merges, in CI commit_message.py [--allow-scopes] --title TEXT   a pull request's
    title, in CI

The types stand in `commit-types`. `--allow-scopes` accepts `feat(loader): x` and `feat!: x` as
well. The exit code is 1 for a refusal. A message file is judged as git will record it; what is
refused is kept beside the file.

`commit-msg` calls this for every message that is not plainly good, so only a refusal imports more
than `os` and `sys`.
"""

# ruff: noqa: PTH100, PTH110, PTH118, PTH120, PTH123
# pathlib, and typing, would double the start.
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 72
PLACEHOLDER = "<short description>"
AUTOSQUASH = ("fixup! ", "squash! ", "amend! ")
MERGED = (
    "branch",
    "branches",
    "tag",
    "tags",
    "commit",
    "commits",
    "remote-tracking branch",
    "remote-tracking branches",
)
# Words that tell which type was meant, as the type of a refused subject or somewhere in it.
MEANT = {
    "feat": "feature features feats add adds added new implement introduce support update bump build release",
    "fix": "bug bugs bugfix bugfixes fixes fixed fixing hotfix patch repair correct revert security",
    "data": "dataset datasets feed feeds vendor ingest",
    "test": "tests testing tested coverage",
    "refactor": "refactoring refactored clean cleanup rename chore perf style ci lint format move remove",
    "docs": "doc document documentation documents readme comment comments changelog",
}
CUT = b" ------------------------ >8 ------------------------\n"
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r"  # what git strips from the end of a line
JOINERS = "\u200c\u200d"  # invisible, but parts of emoji and of Persian words


class Cleanup:
    """How git will clean a message file: which prefix marks a comment, and whether comments and a diff go."""

    def __init__(
        self, prefix: bytes = b"#", comments_go: bool = False, diff_goes: bool = False
    ) -> None:
        self.prefix = prefix
        self.comments_go = comments_go
        self.diff_goes = diff_goes

    def lines(self, message: bytes) -> Iterator[bytes]:
        """Yield the lines that git records, from the subject on, one after the other: a body may be large."""
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
    """Judge the message file of a commit; strip its byte order mark, or keep what is refused and explain."""
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
    """Judge the recorded messages of a revision range: no merges, no bots, and nothing left to be squashed."""
    if revisions.startswith("-"):
        say(f"commit-msg: {shown(revisions)} is not a range of commits: write A..B.")
        return 1
    code, output = git(
        "-c",
        "log.showSignature=false",
        "log",
        "-z",
        "--no-merges",
        "--encoding=UTF-8",
        "--format=%h%n%an%n%B",
        revisions,
        "--",
    )
    if code:
        say(
            f"commit-msg: git does not know the range {shown(revisions)}: fetch both ends of it, with their history."
        )
        return 1
    commits = [entry.split(b"\n", 2) for entry in output.split(b"\0") if entry]
    refused = 0
    for name, author, message in commits:
        fault = (
            None
            if author.endswith(b"[bot]")
            else judge(message, AS_IT_IS, types, scopes, final=True)
        )
        if fault:
            refused += 1
            subject = decoded(next(AS_IT_IS.lines(message), b""))
            say(f"{name.decode()}  {shown(subject)}\n  {fault}")
            if not subject.startswith(AUTOSQUASH):
                say(f"  write:  {suggestion(subject, types)}")
    if refused:
        base = revisions.partition("..")[0]
        say(
            f"{refused} of {len(commits)} messages refused: `git rebase -i {shown(base)}` and reword them."
        )
        return 1
    print(f"{len(commits)} commit messages follow the convention.")
    return 0


def check_title(title: str, types: dict[str, str], scopes: bool = False) -> int:
    """Judge a pull request's title; a forge puts `Draft: ` in front of it and takes that away again."""
    message = title.encode("utf-8", "surrogateescape")
    if title.startswith("Draft: "):
        message = message[len("Draft: ") :]
    fault = judge(message, AS_IT_IS, types, scopes, final=True)
    if fault:
        say(
            f"title: {fault}.\n  write:  {suggestion(decoded(message), types)}\n  types:  {listed(types)}"
        )
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
        return "put an empty line below the subject, or git reads both lines as one subject"
    return None


def judge_subject(subject: str, types: dict[str, str], scopes: bool) -> str | None:
    """Return what is wrong with a subject that is a person's, or None."""
    label, colon, description = subject.partition(":")
    kind, extra = without_scope(label, types)
    if kind not in types or not colon:
        return judge_label(subject, label, colon, types)
    if extra and not (scopes and extra[:2] != "()"):
        return (
            f"{quoted(extra)} is not part of the convention: the type stands alone before the colon"
        )
    if description and description[0] != " ":
        if description[0].isspace() or not description[0].isprintable():
            import unicodedata

            name = unicodedata.name(description[0], "control character").lower()
            return f"after the colon stands a {name} ({shown(description[0])}), not a space"
        return "a space is missing after the colon"
    if description.strip() == PLACEHOLDER or not says_something(description):
        return "the description is missing"
    if len(subject) > LONGEST:
        return f"the subject has {len(subject)} characters, and {LONGEST} are the limit: move the rest to the body"
    return None


def judge_label(subject: str, label: str, colon: str, types: dict[str, str]) -> str:
    """Return what is wrong with what stands where the type should."""
    if subject[:1].isspace():
        return "the subject begins with a blank"
    if colon and label.strip() in types:
        return "a blank stands before the colon"
    if colon and label.lower() in types:
        return f"{quoted(label)} is written in small letters"
    if colon and label and not any(letter.isspace() for letter in label):
        name = quoted(label) if label.isascii() else ascii(label)  # the wrong letter may look right
        return f"{name} is not one of the types"
    return f"{quoted(subject)} does not begin with a type and a colon"


def without_scope(label: str, types: dict[str, str]) -> tuple[str, str]:
    """Split `feat(loader)!` into `feat` and `(loader)!`; a label of another form comes back whole."""
    kind = label[:-1] if label.endswith("!") else label
    if kind.endswith(")"):
        kind, opening, scope = kind[:-1].partition("(")
        if not opening or "(" in scope or ")" in scope:
            return label, ""
    return (kind, label[len(kind) :]) if kind in types else (label, "")


def written_by_git(subject: str) -> bool:
    """Tell whether a subject is one of the texts that git, or the forge's merge button, writes itself."""
    for verb in ('Revert "', 'Reapply "'):
        if subject.startswith(verb):
            return subject.find('"', len(verb)) > len(verb)
    if subject.startswith(tuple(f"Merge {what} '" for what in MERGED)):
        return "'" in subject.partition("'")[2]
    pull = "Merge pull request #"
    return (subject.startswith(pull) and subject[len(pull) :][:1].isdigit()) or subject.startswith(
        AUTOSQUASH
    )


def says_something(text: str) -> bool:
    """Tell whether a text has a letter, a digit, or a symbol such as an emoji."""
    if any(character.isalnum() for character in text):
        return True
    import unicodedata

    return any(
        unicodedata.category(character)[0] == "S" for character in text if character > "\x7f"
    )


def how_git_cleans(message: bytes) -> Cleanup:
    """Find out what git will do to a message file: from its own hint in the file, else from its configuration."""
    # Git sets the editor to `:` for its hooks when none ran; then a line that begins with # is
    # content.
    edited = os.environ.get("GIT_EDITOR") != ":"
    if edited:
        for will, go in ((b"' will be ignored", True), (b"' will be kept", False)):
            before, found, _ = message.partition(will)
            prefix = before[before.rfind(b"'") + 1 :]
            if found and 0 < len(prefix) < 20 and b"\n" + prefix in message:
                return Cleanup(prefix, comments_go=go, diff_goes=True)
    _, output = git("config", "--get-regexp", r"^(core\.comment(char|string)|commit\.cleanup)$")
    asked = dict(line.partition(b" ")[::2] for line in output.splitlines())
    # Of the two names of the comment prefix, git obeys the one that it reads last.
    prefixes = [
        line.partition(b" ")[2] for line in output.splitlines() if line.startswith(b"core.comment")
    ]
    prefix = prefixes[-1] if prefixes else b"#"
    if prefix == b"auto":
        prefix = prefix_in(message)
    mode = asked.get(b"commit.cleanup", b"default")
    return Cleanup(
        prefix or b"#",
        comments_go=mode == b"strip" or (edited and mode == b"default"),
        diff_goes=edited,
    )


def prefix_in(message: bytes) -> bytes:
    """Return the comment prefix that git chose for this file (`core.commentChar=auto`)."""
    before, cut, _ = message.partition(CUT)
    last = before.rpartition(b"\n")[2] if cut else message.rstrip().rpartition(b"\n")[2][:1]
    return last if len(last) == 1 and last in b"#;@!$%^&|:" else b"#"


def in_progress(folder: str, *heads: str) -> bool:
    """Tell whether git's own folder holds one of these files: a merge, a revert, a cherry-pick is going on."""
    return any(os.path.exists(os.path.join(folder, head)) for head in heads)


# Only a refusal comes this far.


def refusal(fault: str, message: bytes, cleanup: Cleanup, types: dict[str, str], path: str) -> str:
    """Explain a refusal in at most six lines, and keep what was typed where git does not overwrite it."""
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
        return "\n".join(
            [*text, f"  kept:   nowhere, {shown(kept)} cannot be written: {error.strerror}"]
        )
    return "\n".join([*text, f"  kept:   {shown(kept)}", f"  again:  {retry(folder, kept)}"])


def typed(message: bytes, cleanup: Cleanup) -> bytes:
    """Return what a person wrote in a message file: without git's comments and the diff below them."""
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


def suggestion(subject: str, types: dict[str, str]) -> str:
    """Return a subject as it should be, ready to paste; where it says nothing, the form of one."""
    import re

    text = "".join(
        letter if letter.isprintable() or letter in JOINERS else " " for letter in subject
    )
    text = " ".join(text.split())
    if text[:1] in ("'", '"', "`"):
        text = text.strip("'\"` ")
    while text.lower().startswith(AUTOSQUASH):
        text = text.partition(" ")[2]
    label = re.match(
        r"[\[({<]?([^\W\d_]{2,})\s*(?:\(([^()]*)\)?)?\s*!?\s*(?:[\])}>]\s*:?|[:;/=]|-\s|,[^\s:]*:)\s*(.*)",
        text,
    )
    kind, description = None, text.lstrip(":-. ")
    if label:
        kind, description = meant(label[1], types), label[3]
        if kind and label[2] and label[2].strip():
            description = f"{label[2].strip()}: {description}"
        elif judge_subject(description, types, False) is None:
            return description  # as in `WIP: feat: x`
        elif kind is None:
            description = text
    else:
        first, _, rest = text.partition(" ")
        if first.lower() in types:
            kind, description = first.lower(), rest
    if kind is None:
        known = synonyms(types)
        named = [known[word] for word in re.findall(r"[^\W\d_]+", text.lower()) if word in known]
        usual = next(iter(types))
        kind = next((name for name in named if name != usual), usual)
    if not says_something(description) or description == PLACEHOLDER:
        return f"{kind}: {PLACEHOLDER}"
    whole = f"{kind}: {description}"
    if len(whole) > LONGEST:
        short = whole[: LONGEST + 1].rpartition(" ")[0]
        whole = (short if len(short) > LONGEST // 2 else whole[:LONGEST]).rstrip(" ,;:-")
    return whole if judge_subject(whole, types, False) is None else f"{kind}: {PLACEHOLDER}"


def meant(word: str, types: dict[str, str]) -> str | None:
    """Return the type that a word in its place stands for: itself, a synonym, or the nearest one."""
    import difflib

    known = synonyms(types)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.7)
    return known[near[0]] if near else None


def synonyms(types: dict[str, str]) -> dict[str, str]:
    """Return each word that means a type, and that type."""
    return {word: kind for kind in types for word in (kind, *MEANT.get(kind, "").split())}


def listed(types: dict[str, str]) -> str:
    """Return the types on one line, each with its word."""
    return ", ".join(f"{kind} ({word})" for kind, word in types.items())


def quoted(text: str) -> str:
    """Return the beginning of a text in double quotes, harmless on a terminal."""
    return f'"{shown(text if len(text) <= 40 else text[:39] + "…")}"'


def shown(text: str) -> str:
    """Return a text with every character that a terminal would obey, or not show, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def decoded(line: bytes) -> str:
    """Return a line as text; git records bytes that are not UTF-8, so they count as one unknown letter each."""
    return line.decode("utf-8", "replace")


def read_types() -> dict[str, str]:
    """Return the types and the word that explains each, from the list beside this file."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "commit-types")
    with open(path, encoding="utf-8") as file:
        return {kind: word.strip() for kind, _, word in (line.partition(" ") for line in file)}


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
