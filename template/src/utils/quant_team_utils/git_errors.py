"""What git says when it fails, as one sentence with the command to type.

Git is called with English messages, so its words can be looked for.
"""

from __future__ import annotations

import re

from quant_team_utils.log import HIDDEN, redact

# What git says: what to do, where git itself names no command. The first that is found counts.
ADVICE = {
    r"Unable to create '(?P<path>.+\.lock)': File exists": (
        "another git command is at work; if there is none, run `rm {path}`"
    ),
    r"bad config line \d+ in file (?P<path>.+)": "correct that line of {path}",
    r"bad config (?:variable|value|number)": "`git config --list --show-origin` names its file",
    r"index file corrupt|index file smaller|bad index file": (
        "run `rm .git/index && git reset`, which leaves your files as they are"
    ),
    r"object file .+ is empty|loose object .+ is corrupt|unable to read (?:tree|sha1)": (
        "run `git fsck`, and clone the repository again beside this folder"
    ),
    r"not a git repository": "run `quant setup`",
    r"(?:revision|argument|object name:?) '?HEAD|does not have any commits yet": (
        "run `quant setup`, which makes the first commit"
    ),
    r"No space left on device|Disk quota exceeded": "free some space, then run this again",
    r"Permission denied \(publickey|Host key verification failed": (
        "`ssh -T git@HOST` shows whether the server knows your key"
    ),
    r"Permission denied|insufficient permission|Read-only file system": (
        "run `ls -ld .git .git/*`, and make what is not yours writable"
    ),
}
_PREFIX = re.compile(r"^(?:fatal|error): ")
_COMMAND = re.compile(r"^\s+(git \w.*)$", re.MULTILINE)
# A token alone is the user in an address; a password there is known to `redact`.
_TOKEN = re.compile(r"(?i)\b(https?://)[^/\s@]+(?=@)")
_LONGEST = 100  # characters of a command line


def sentence(said: str) -> str:
    """Return why git failed: its first and its last word on it, and what to type.

    Args:
        said: what git printed to standard error, in English.
    """
    reason = "; ".join(_reasons(said))
    todo = _todo(said)
    return clean(f"{reason}: {todo}" if todo else reason)


def command(arguments: tuple[str, ...]) -> str:
    """Return a command line of git for a sentence: on one line, not too long, without secrets."""
    line = clean(" ".join(" ".join(("git", *arguments)).split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def clean(text: str) -> str:
    """Return a text without secrets, those in addresses included."""
    return redact(_TOKEN.sub(rf"\g<1>{HIDDEN}", text))


def _reasons(said: str) -> list[str]:
    """Return git's first and last line that report an error; else the last line that it printed."""
    lines = [line for line in said.splitlines() if line.strip()]
    reported = [number for number, line in enumerate(lines) if _PREFIX.match(line)]
    if not reported:
        return [lines[-1].strip()] if lines else []
    first = _whole(lines, reported[0])
    last = _whole(lines, reported[-1])
    return [first] if first == last else [first, last]


def _whole(lines: list[str], number: int) -> str:
    """Return a line without its prefix; one that ends in a colon with the paths listed below it."""
    line = _PREFIX.sub("", lines[number]).strip()
    if not line.endswith(":"):
        return line.rstrip(".")
    below = []
    for other in lines[number + 1 :]:
        if not other.startswith("\t"):
            break
        below.append(other.strip())
    return f"{line} {', '.join(below[:3])}" if below else line.rstrip(":")


def _todo(said: str) -> str:
    """Return the commands that git names, or our own advice, or an empty string."""
    commands = [f"`{found.strip()}`" for found in _COMMAND.findall(said)]
    if commands:
        return f"run {', then '.join(commands)}"
    for pattern, advice in ADVICE.items():
        found = re.search(pattern, said)
        if found:
            return advice.format(**found.groupdict())
    return ""
