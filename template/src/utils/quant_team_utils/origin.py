"""Whose code runs: the imported modules of this project, and whether they are this clone's.

A result records the commit of the project it is logged in. Python may import the project's packages
from somewhere else: another worktree or another member's clone whose environment is active, or a
copy in site-packages. Or a file has changed since a notebook's kernel imported it. Then the commit
that is recorded is not that of the code that ran.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER

PACKAGES = "quant_team_"  # how every import package of this project begins
SOURCES = "src"
_INSTALLED = {"site-packages", "dist-packages"}


class OriginError(QuantError):
    """The code that is imported is not that of this project."""


def foreign_modules(root: Path) -> list[Path]:
    """Return the files of imported `quant_team_*` modules that are not in `root`/src, sorted.

    A copy that was installed into an environment is foreign too, even if that lies in `root`.
    """
    return sorted(path for path in set(imported().values()) if not _is_in(path, root))


def check(root: Path) -> None:
    """Refuse to go on with modules that are not this project's.

    Raises:
        OriginError: some are not; the text names one and the line that fixes it.
    """
    foreign = foreign_modules(root)
    if foreign:
        raise OriginError(explain(root, foreign))


def check_unchanged() -> None:
    """Refuse to go on with modules whose files have changed since this function first saw them.

    A module that is reloaded counts as new.

    Raises:
        OriginError: one has changed; the text names it.
    """
    for name, path in imported().items():
        spec = sys.modules[name].__spec__
        digest = hashlib.sha256(path.read_bytes()).digest()
        known = _SEEN.get(name)
        if known is None or known.spec is not spec:
            _SEEN[name] = _Seen(spec, digest)
        elif known.digest != digest:
            raise OriginError(
                f"{path} has changed since Python imported it, so a result would name code that "
                "did not run: restart the kernel, or reload the module."
            )


def explain(root: Path, foreign: list[Path], prefix: str | None = None) -> str:
    """Return the sentence about foreign modules: the first of them, and the line that fixes it.

    Args:
        root: the project.
        foreign: what `foreign_modules` returned, not empty.
        prefix: the environment that runs; default: `sys.prefix`.
    """
    fix = _fix(root, foreign[0], Path(prefix or sys.prefix))
    return (
        f"Python imports {foreign[0]}, which is not in this project ({root}), so a result "
        f"would name the wrong commit: {fix}."
    )


def sources_digest(root: Path, counts: Callable[[str], bool] | None = None) -> str:
    """Return "sha256:" and the digest of imported `quant_team_*` modules.

    It covers, in order of the paths, each file's path relative to `root` (of a foreign module: to
    the folder it is imported from), its size and its bytes.

    Args:
        root: the project.
        counts: tells of a module's name whether it is covered; default: all are.
    """
    named = {}
    for module, path in imported().items():
        if counts is None or counts(module):
            named[_name(path, root)] = path
    digest = hashlib.sha256()
    for name in sorted(named):
        content = named[name].read_bytes()
        head = f"{name}\0{len(content)}\0"
        digest.update(head.encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def imported() -> dict[str, Path]:
    """Return the source file of each imported `quant_team_*` module, links resolved, by name."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith(PACKAGES) and file:
            found[name] = Path(file).resolve()
    return found


# Details


class _Seen(NamedTuple):
    spec: ModuleSpec | None
    digest: bytes


_SEEN: dict[str, _Seen] = {}


def _is_in(path: Path, root: Path) -> bool:
    sources = (root / SOURCES).resolve()
    is_installed = not _INSTALLED.isdisjoint(path.parts)
    return path.is_relative_to(sources) and not is_installed


def _name(path: Path, root: Path) -> str:
    top = root.resolve()
    if path.is_relative_to(top):
        return path.relative_to(top).as_posix()
    parts = path.parts
    for i, part in enumerate(parts):
        if part.startswith(PACKAGES):
            return "/".join(parts[i:])
    return path.name


def _fix(root: Path, module: Path, running: Path) -> str:
    """Return the line that makes Python import this project's own modules."""
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if entry and module.is_relative_to(Path(entry).resolve()):
            return "unset PYTHONPATH, which names that folder"
    environment = root / ".venv"
    own = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    is_active = running.resolve() == environment.resolve()
    if own.is_file() and not is_active:
        return f"use this project's own interpreter, {own}"
    if (running.resolve().parent / MARKER).is_file():
        # To install this project into it would make that one run this code.
        return "the environment is another project's; `quant doctor` says how to make your own"
    return f'`"{sys.executable}" -m pip install -e "{root}"` makes this environment this project\'s'
