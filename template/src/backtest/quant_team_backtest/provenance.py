"""Where a result comes from: who ran which code, on which versions, and when."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quant_team_backtest.result import Code, Tree
from quant_team_utils import git, origin, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.git_environment import PINNED_BUT_IGNORES

if TYPE_CHECKING:
    from quant_team_backtest.prepare import Prepared

PACKAGES = ("numpy", "polars", "exchange_calendars")  # whose versions can change a number
NO_COMMIT = "There is no commit that holds this code: the result cannot be reproduced."
DIRTY = "The code had uncommitted changes, so this result cannot be reproduced."
# What may differ from the commit without changing a result.
_IGNORED = (":(exclude)results", ":(exclude)notebooks")
_CODE = ("src/*.py", "config")  # what no personal ignore list may hide


class AnalystError(QuantError):
    """Nobody is named who ran a backtest."""


def analyst(root: Path, given: str | None = None) -> str:
    """Return the handle of who runs: the given one, else the member set for this clone.

    Raises:
        AnalystError: there is neither.
    """
    handle = given or roster.me(root)
    if not handle:
        raise AnalystError(
            "No team member is set for this clone: run `quant setup --as HANDLE`, then this again."
        )
    return handle


def has_commit(root: Path) -> bool:
    """Tell whether the project is a git repository with a commit."""
    return git.is_repository(root) and git.has_commits(root)


def check_origin(root: Path) -> None:
    """Refuse to run other code than a result would name.

    Raises:
        OriginError: a module is not this project's, which has a commit to be named; or its file
            has changed since it was imported.
    """
    origin.check_unchanged()
    if origin.foreign_modules(root) and has_commit(root):
        origin.check(root)


def code(root: Path, strategy: str) -> Code:
    """Return the commit, whether anything but results and notebooks differs from it, and digests.

    The digest of sources covers what turns bars into numbers: the engine's modules, the features
    that are imported, and the strategy. The bars have digests of their own.

    Args:
        root: the project.
        strategy: name of the one that ran.

    Raises:
        OriginError: as `check_origin`.
    """
    origin.check_unchanged()
    sources = origin.sources_digest(root, lambda module: _computes(module, strategy))
    if not has_commit(root):
        return Code(sources=sources)
    origin.check(root)
    return commit(root, sources)


def commit(root: Path, sources: str) -> Code:
    """Return the commit of a repository, and whether its files differ from it.

    Args:
        root: a repository with a commit.
        sources: digest of the modules that ran.
    """
    changed = git.run(
        root,
        "status",
        "--porcelain",
        "--untracked-files=normal",
        "--",
        ".",
        *_IGNORED,
        settings=PINNED_BUT_IGNORES,
    )
    new = git.run(root, "ls-files", "--others", "--exclude-standard", "--", *_CODE)
    return Code(
        commit=git.run(root, "rev-parse", "HEAD"),
        dirty=bool(changed or new),
        tree=Tree(src=_tree(root, "src"), config=_tree(root, "config")),
        sources=sources,
    )


def command(
    prepared: Prepared,
    name: str | None,
    guards: Mapping[str, bool],
) -> list[str]:
    """Return the command that runs the same again.

    Args:
        prepared: what ran.
        name: middle part of the result's name, if it was given.
        guards: the runner's `allow_` arguments, and whether each was given.
    """
    words = ["quant", "run", prepared.strategy.name]
    words += ["--symbols", ",".join(prepared.markets)]
    words += ["--interval", prepared.interval]
    words += ["--start", prepared.first.isoformat()]
    words += ["--end", prepared.last.isoformat()]
    words += ["--environment", prepared.environment]
    for parameter, value in prepared.parameters.items():
        words += ["--set", f"{parameter}={value}"]
    if name:
        words += ["--name", name]
    if prepared.source.startswith("import:"):
        words += ["--source", prepared.source]
    for guard, is_off in guards.items():
        if is_off:
            words.append(guard.replace("allow_", "--"))
    return words


def warnings(ran: Code) -> list[str]:
    """Return why a result of this code cannot be reproduced, or an empty list."""
    if ran.commit is None:
        return [NO_COMMIT]
    return [DIRTY] if ran.dirty else []


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that can change a number."""
    import importlib.metadata

    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def source() -> str | None:
    """Return where bars come from by the settings of this moment, or None if they do not say."""
    from quant_team_data import clients

    try:
        return clients.source()
    except QuantError:
        return None


def _computes(module: str, strategy: str) -> bool:
    """Tell whether a module turns bars into numbers when this strategy runs."""
    package, _, name = module.partition(".")
    if package == "quant_team_strategies":
        return name in ("", strategy) or name.startswith("_")
    return package in ("quant_team_features", "quant_team_backtest") and name != "commands"


def _tree(root: Path, folder: str) -> str | None:
    try:
        return git.run(root, "rev-parse", "--verify", "--quiet", f"HEAD:{folder}")
    except git.GitError:
        return None
