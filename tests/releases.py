"""Copies of releases, and updates between them: what the tests of updates are made of."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import copier
import yaml
from copier import VcsRef
from packaging.version import Version

from release import BUNDLE
from tests.conftest import ROOT, TeamEnvironment, git

# The working tree as the next release, and one more in which every file has changed: see the
# fixture `history`.
NEXT = "9999.0.0"
CHANGED = "9999.1.0"
_TAGS = git(ROOT, "ls-remote", "--tags", "--refs", str(BUNDLE)).splitlines()
RELEASES = sorted((line.rpartition("/")[2] for line in _TAGS), key=Version)
STARTERS = [
    entry["path"]
    for entry in yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))["starters"]["default"]
]

ALICE: dict[str, Any] = {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True}
BOB: dict[str, Any] = {"name": "Bob", "handle": "bob", "role": "researcher", "senior": True}
CHARLIE: dict[str, Any] = {"name": "Charlie", "handle": "charlie", "role": "infrastructure"}
TEAM = [ALICE, BOB, CHARLIE]


def render(
    history: Path, target: Path, version: str, team: list[dict[str, Any]], **answers: object
) -> Path:
    """Copy a release, as a stranger would: no trust, messages on."""
    data = {"team": team, **answers}
    copier.run_copy(
        str(history), target, data=data, vcs_ref=version, defaults=True, unsafe=False, quiet=False
    )
    return target


def copy(
    history: Path, target: Path, version: str, team: list[dict[str, Any]], **answers: object
) -> Path:
    """Copy a release and commit it, as a team would."""
    render(history, target, version, team, **answers)
    git(target, "init", "--quiet")
    commit(target)
    return target


def commit(folder: Path) -> None:
    git(folder, "add", "--all", "--force")
    git(
        folder, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "data: whatever there is"
    )


def update(folder: Path, version: str | VcsRef, **data: object) -> None:
    """Update to a release, as a stranger would: no trust, messages on, recorded answers kept but
    for `data`.
    """
    copier.run_update(
        folder,
        data=data,
        vcs_ref=version,
        defaults=True,
        skip_answered=True,
        overwrite=True,
        unsafe=False,
        quiet=False,
    )


def examined(folder: Path, environment: TeamEnvironment) -> str:
    """Return what `quant doctor` prints, with the Copier of these tests on PATH."""
    copier = str(Path(sys.executable).parent)
    path = os.pathsep.join([environment.environment(folder)["PATH"], copier])
    done = environment.run(folder, "quant", "doctor", check=False, env={"PATH": path})
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def content(folder: Path, *, starters: bool = False) -> dict[str, bytes]:
    """Return every file of a repository; the team's own starters only if asked for."""
    owned = tuple(path.lstrip("/") for path in STARTERS)
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and (name := path.relative_to(folder).as_posix())
        and not name.startswith(".git/")
        if starters or not name.startswith(owned)
    }


def assert_same(one: Path, two: Path) -> None:
    """Every template-owned path, the answers included, is byte for byte the same."""
    left, right = content(one), content(two)
    assert left.keys() == right.keys()
    assert [name for name in left if left[name] != right[name]] == []
