"""Personal git settings with which a bare `copier update` or `git add` loses something.

`quant` itself is safe: it runs git and Copier with `quant_team_utils.git_environment`. A member who
types `copier update` or `git add` has only what the doctor says here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quant_team_cli.checks import Check
from quant_team_utils import git

NAME = "git settings"
INSTEAD = "update with `quant template update`, never with a bare `copier update`"
SMALLEST = 2**20  # bytes: no file of the template is larger
# Attributes with which git compares no lines of a file, or changes them.
ATTRIBUTES = ("diff", "filter", "working-tree-encoding")


@dataclass(frozen=True)
class Danger:
    """A value of a setting that a bare `copier update` does not survive.

    Attributes:
        key: of git's configuration.
        is_dangerous: tells it of a value.
        harm: what happens.
        safe: the value to set in this clone, or None where Copier reads the setting in folders of
            its own, so that only the user's own settings count.
    """

    key: str
    is_dangerous: Callable[[str], bool]
    harm: str
    safe: str | None


def _compares_no_lines(threshold: str) -> bool:
    units = {"k": 2**10, "m": 2**20, "g": 2**30}
    factor = units.get(threshold[-1:].lower(), 1)
    digits = threshold.rstrip("kKmMgG")
    return digits.isdecimal() and int(digits) * factor < SMALLEST


def _rejects_blanks(value: str) -> bool:
    return value in ("error", "error-all", "fix", "strip")


def _is_off(value: str) -> bool:
    return value.lower() in ("no", "false", "off", "0")


DANGERS = (
    Danger(
        "apply.whitespace",
        _rejects_blanks,
        "a bare `copier update` drops or changes your team's edits",
        "nowarn",
    ),
    Danger(
        "status.showUntrackedFiles",
        _is_off,
        "a bare `copier update` hides conflicts, and you do not see new files",
        "normal",
    ),
    Danger(
        "core.bigFileThreshold",
        _compares_no_lines,
        "a bare `copier update` drops your team's edits",
        None,
    ),
)


def check_git_settings(root: Path) -> Check:
    """No personal git setting loses files or edits of the team outside `quant`."""
    found = [
        *_dangers(root),
        *_unquoted(root),
        *_seeded(root),
        *_ignored(root),
        *_attributes(root),
    ]
    if not found:
        return Check(NAME, "ok", "none of yours changes what is committed or updated")
    details = [detail for detail, _ in found]
    fixes = dict.fromkeys(fix for _, fix in found)
    return Check(NAME, "warn", "; ".join(details), "; ".join(fixes))


def _own(root: Path, *arguments: str, given: str = "") -> str:
    """Run git as the member would."""
    return git.run(root, *arguments, settings={}, given=given)


def _dangers(root: Path) -> list[tuple[str, str]]:
    found = []
    for danger in DANGERS:
        value = _value(root, danger.key)
        if value is None or not danger.is_dangerous(value):
            continue
        fix = f"git config --local {danger.key} {danger.safe}"
        if danger.safe is None:
            fix = f"git config --global --unset {danger.key}"
        found.append((f"{danger.key}={value}: {danger.harm}", fix))
    return found


def _unquoted(root: Path) -> list[tuple[str, str]]:
    """Find a setting with which Copier stops half-way at a name such as `übung.md`."""
    key = "core.quotePath"
    if not _is_off(_value(root, key) or ""):
        return []
    listed = git.run(root, "ls-files", "-z") + git.run(root, "status", "--ignored", "-z")
    others = [name for name in listed.split("\0") if not name.isascii()]
    if not others:
        return []
    detail = f"{key}=false: a bare `copier update` stops half-way, because of {_counted(others)}"
    return [(detail, f"git config --global {key} true")]


def _seeded(root: Path) -> list[tuple[str, str]]:
    """Find what a personal template puts into each new repository, as Copier makes them."""
    key = "init.templateDir"
    folder = _value(root, key)
    if not folder:
        return []
    found = []
    for name in ("info/exclude", "info/attributes"):
        path = Path(folder).expanduser() / name
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if any(line.strip() and not line.startswith("#") for line in text.splitlines()):
            detail = f"{path} ({key}) holds for the folders in which a bare `copier update` works"
            found.append((detail, INSTEAD))
    return found


def _value(root: Path, key: str) -> str | None:
    try:
        return _own(root, "config", "--get", key)
    except git.GitError as error:
        if error.code != git.NO:
            raise
        return None


def _ignored(root: Path) -> list[tuple[str, str]]:
    """Find the line of a personal ignore list that hides most of what this repository holds."""
    tracked = git.run(root, "ls-files", "-z")
    if not tracked:
        return []
    options = ("--no-index", "--verbose", "--stdin", "-z")
    try:
        matched = _own(root, "check-ignore", *options, given=tracked).split("\0")
    except git.GitError as error:
        if error.code != git.NO:
            raise
        return []
    hidden: dict[tuple[str, str], list[str]] = {}
    for start in range(0, len(matched) - 3, 4):
        source, _, pattern, path = matched[start : start + 4]
        if _is_personal(source) and not pattern.startswith("!"):
            hidden.setdefault((source, pattern), []).append(path)
    found = []
    for (source, pattern), paths in hidden.items():
        detail = f"{pattern} in {source} hides {_counted(paths)} from `git add` and `copier update`"
        found.append((detail, f"remove that line, or {INSTEAD}"))
    return found


def _is_personal(source: str) -> bool:
    """Tell whether an ignore list is not one that the team shares."""
    path = Path(source)
    return path.is_absolute() or path.name != ".gitignore"


def _attributes(root: Path) -> list[tuple[str, str]]:
    """Find a personal attribute with which git reads files of this repository in another way."""
    tracked = git.run(root, "ls-files", "-z")
    question = ("check-attr", "-z", "--stdin", *ATTRIBUTES)
    personal = set(_triples(_own(root, *question, given=tracked)))
    pinned = set(_triples(git.run(root, *question, given=tracked)))
    changed = sorted(personal - pinned)
    if not changed:
        return []
    _, name, value = changed[0]
    attribute = f"-{name}" if value == "unset" else f"{name}={value}"
    paths = [path for path, _, _ in changed]
    detail = (
        f"your attribute {attribute} for {_counted(paths)}: "
        "a bare `copier update` drops your team's edits there, or refuses"
    )
    return [(detail, f"see `git config core.attributesFile`, or {INSTEAD}")]


def _triples(listed: str) -> list[tuple[str, str, str]]:
    fields = listed.split("\0")
    triples = []
    for start in range(0, len(fields) - 2, 3):
        path, name, value = fields[start : start + 3]
        triples.append((path, name, value))
    return triples


def _counted(paths: list[str]) -> str:
    more = len(paths) - 1
    return f"{paths[0]} and {more} more" if more else paths[0]
