"""Access, compiled: the files that follow from `permissions.yaml` and enforce it.

`infrastructure/permissions.yaml` is rendered from the roster and never edited; `quant team edit`
changes the roster. What follows from it is written here by `quant access compile`, committed, and
compared byte by byte in CI, so that nobody gains or loses anything without a reviewed diff. So far
that is CODEOWNERS.

In Python, without touching the disk:

    compile_access(roster.load(project_root()))
"""

from __future__ import annotations

from pathlib import Path

from infrastructure import forge
from quant_team_utils import files, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.roster import PERMISSIONS, Permissions


class AccessError(QuantError):
    """A compiled file is not current, or cannot be read or removed."""


def compile_access(permissions: Permissions) -> dict[str, str]:
    """Return every compiled file as {path below the root: text}.

    Pure: the same roster gives the same bytes.
    """
    return forge.files(permissions)


def warnings(permissions: Permissions) -> list[str]:
    """Return what a correct roster still leaves open, one sentence each."""
    return forge.warnings(permissions)


def stale(root: Path, compiled: dict[str, str]) -> list[str]:
    """Return the paths that a compile would write or remove, sorted.

    Args:
        root: the team repository.
        compiled: what `compile_access` returns.

    Raises:
        AccessError: a compiled file cannot be read.
    """
    wrong = [path for path, text in compiled.items() if _read(root / path) != text.encode()]
    gone = [path for path in forge.CODEOWNERS.values() if path not in compiled]
    return sorted(wrong + [path for path in gone if _is_ours(root / path)])


def compile(root: Path, check: bool = False) -> list[str]:
    """Write the compiled files that differ, remove those that no longer follow from the roster.

    Args:
        root: the team repository.
        check: write nothing; raise if a file differs.

    Returns:
        The paths below the root that were written or removed, sorted.

    Raises:
        RosterError: `permissions.yaml` cannot be trusted.
        AccessError: a file cannot be read or removed; or, with `check`, is not current.
        FileError: a file cannot be written.
    """
    compiled = compile_access(roster.load(root))
    changes = stale(root, compiled)
    if check and changes:
        raise AccessError(
            f"Not what {PERMISSIONS} compiles to: {', '.join(changes)}; "
            "run `quant access compile` and commit."
        )
    for path in changes:
        if path in compiled:
            files.replace(root / path, compiled[path].encode())
        else:
            _remove(root / path)
    return changes


def _is_ours(path: Path) -> bool:
    """Tell whether a file carries our first line: no other is ours to remove."""
    content = _read(path)
    return content is not None and content.startswith(forge.HEADER.encode())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessError(
            f"Cannot read {path} ({error.strerror}): make it a file that you own."
        ) from None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise AccessError(
            f"Cannot remove {path} ({error.strerror}): make its folder one that you own."
        ) from None
