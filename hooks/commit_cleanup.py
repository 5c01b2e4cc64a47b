"""What git will record of a message file: which of its lines, and as which letters.

Every judged message loads this file, so it imports only `os` at the start.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CUT = b" ------------------------ >8 ------------------------\n"
BLANKS = b" \t\r"  # what git strips from the end of a line
AUTOMATIC = b"#;@!$%^&|:"  # the prefixes that git chooses from (`core.commentChar=auto`)
SETTINGS = r"^(core\.comment(char|string)|commit\.cleanup|i18n\.commitencoding)$"


class Cleanup:
    """How git will read a message file: what marks a comment, and what it will take out."""

    def __init__(
        self,
        prefix: bytes = b"#",
        comments_go: bool = False,
        diff_goes: bool = False,
        encoding: str = "utf-8",
        complaint: str = "",
    ) -> None:
        self.prefix = prefix
        self.comments_go = comments_go
        self.diff_goes = diff_goes
        self.encoding = encoding
        self.complaint = complaint  # git's own, if its settings cannot be read

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

    def subject(self, message: bytes) -> str:
        """Return the subject as text; a byte that is not a letter becomes U+FFFD."""
        return next(self.lines(message), b"").decode(self.encoding, "replace")


AS_IT_IS = Cleanup()


def how_git_cleans(message: bytes) -> Cleanup:
    """Find out from git's settings, and from its hint in the file, what git will record.

    The hint knows what was on git's command line (`--cleanup`). It is read in English only: in
    another language the settings decide.
    """
    cleanup = Cleanup()
    mode = read_settings(cleanup)
    # Git sets the editor to `:` for its hooks when none ran: then a line that begins with # stays.
    if os.environ.get("GIT_EDITOR") == ":":
        cleanup.comments_go = mode == b"strip"
        return cleanup
    cleanup.diff_goes = True
    cleanup.comments_go = mode in (b"strip", b"default")
    prefixes = [cleanup.prefix]
    if cleanup.prefix == b"auto":
        cleanup.prefix = chosen_prefix(message)
        prefixes = [bytes([letter]) for letter in AUTOMATIC]
    read_hint(message, prefixes, cleanup)
    return cleanup


def read_settings(cleanup: Cleanup) -> bytes:
    """Take prefix and encoding from git's settings, and return the mode of cleaning."""
    code, output, complaint = git("config", "--get-regexp", SETTINGS)
    if code > 1:  # 1: nothing is set
        cleanup.complaint = sentence(complaint)
    mode = b"default"
    for line in output.splitlines():
        name, _, value = line.partition(b" ")
        if name == b"commit.cleanup":
            mode = value
        elif name == b"i18n.commitencoding":
            cleanup.encoding = known_encoding(value)
        else:
            # Of the two names of the comment prefix, git obeys the one that it reads last.
            cleanup.prefix = value or b"#"
    return mode


def read_hint(message: bytes, prefixes: list[bytes], cleanup: Cleanup) -> None:
    """Read off git's hint, the last of such lines above a diff, what happens to comments.

    Only a line that starts with the prefix that it names is git's; all else is the member's.
    """
    text = b"\n" + message
    last = -1
    for prefix in prefixes:
        above, cut, _ = text.partition(b"\n" + prefix + CUT)
        for will, go in ((b"ignored", True), (b"kept", False)):
            found = above.rfind(b"\n" + prefix + b" with '" + prefix + b"' will be " + will)
            if found > last:
                last = found
                cleanup.prefix = prefix
                cleanup.comments_go = go
    # `--cleanup=scissors` puts a cut and no hint: what is above it stays, comments too.
    above, cut, _ = text.partition(b"\n" + cleanup.prefix + CUT)
    if cut and last < 0 and not above.rpartition(b"\n")[2].startswith(cleanup.prefix):
        cleanup.comments_go = False


def chosen_prefix(message: bytes) -> bytes:
    """Return the comment prefix that git chose for this file, where no hint names it."""
    before, cut, _ = message.partition(CUT)
    above = before if cut else message.rstrip()
    line = above.rpartition(b"\n")[2]
    last = line if cut else line[:1]
    is_a_prefix = len(last) == 1 and last in AUTOMATIC
    return last if is_a_prefix else b"#"


def known_encoding(name: bytes) -> str:
    """Return the name of an encoding that Python knows and that contains ASCII, else UTF-8."""
    try:
        encoding = name.decode()
        is_known = b"feat: x".decode(encoding) == "feat: x"
    except (LookupError, UnicodeError):
        return "utf-8"
    return encoding if is_known else "utf-8"


def git(*arguments: str) -> tuple[int, bytes, bytes]:
    """Run git here and return its exit code, output and complaint; without git, 127."""
    import subprocess

    english = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, env=english)
    except OSError:
        return 127, b"", b"fatal: git is not on PATH"
    return done.returncode, done.stdout, done.stderr


def sentence(complaint: bytes) -> str:
    """Return what git complains about: its first sentence, without `fatal: `."""
    lines = complaint.decode("utf-8", "replace").splitlines() or ["git failed without a word"]
    first = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[0])
    return first.removeprefix("fatal: ").removeprefix("error: ")


def command(complaint: bytes) -> str:
    """Return the command that git says would help, or an empty text."""
    lines = complaint.decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in lines if line.startswith("\tgit ")), "")
