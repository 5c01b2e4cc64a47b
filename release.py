"""Make a release: check, remember what teams will be able to update from, tag.

    python release.py 1.2.0

Every release stays in `tests/releases.bundle`, a git bundle with one commit and tag per release
that holds only what Copier reads of it (`copier.yml`, `template/`, `hooks/`). The tests update
teams from each of them, so they need no tags and no history of this repository. The command
appends to the bundle, commits it, and then tags that commit.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent
BUNDLE = ROOT / "tests" / "releases.bundle"
PARTS = ("copier.yml", "template", "hooks")


class ReleaseError(Exception):
    """The release cannot be made; nothing has changed."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return its output; a failure raises with what git said."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ReleaseError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def open_history(bundle: Path, folder: Path) -> Path:
    """Unpack the bundle into a new repository with all its tags; no bundle, an empty repository.

    A bundle takes no commit, so it is unpacked wherever a release is added or updated from.
    """
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    if bundle.is_file():
        git(folder, "fetch", "--quiet", "--tags", str(bundle), "main:refs/heads/unpacked")
        git(folder, "reset", "--quiet", "--hard", "unpacked")
        git(folder, "branch", "--quiet", "-D", "unpacked")
    return folder


def versions(history: Path) -> list[Version]:
    """Return the releases of a history, oldest first."""
    return sorted(Version(tag) for tag in git(history, "tag").split())


def add_release(history: Path, source: Path, version: str) -> None:
    """Commit what Copier reads of a folder as the next release of a history, and tag it."""
    for part in PARTS:
        target = history / part
        if target.is_dir():
            shutil.rmtree(target)
        if (source / part).is_dir():
            shutil.copytree(source / part, target)
        else:
            shutil.copy2(source / part, target)
    git(history, "add", "--all", "--force")
    git(
        history,
        "commit",
        "--quiet",
        "--allow-empty",
        "--no-verify",
        "-m",
        f"feat: release {version}",
    )
    git(history, "tag", version)


def changelog_entry(text: str, version: str) -> str:
    """Return what CHANGELOG.md says of a version, or nothing."""
    found = re.search(
        rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    return found[1].strip() if found else ""


def check(root: Path, version: str) -> None:
    """Refuse what would not be a release that teams can trust."""
    try:
        if str(Version(version)) != version:
            raise InvalidVersion(version)
    except InvalidVersion:
        raise ReleaseError(f"{version} is not a version as PEP 440 writes it; use 1.2.0.") from None
    if git(root, "status", "--porcelain"):
        raise ReleaseError("The work tree is not clean: commit first.")
    if git(root, "tag", "--list", version):
        raise ReleaseError(f"The tag {version} already exists.")
    entry = changelog_entry((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not entry:
        raise ReleaseError(
            f"CHANGELOG.md has no entry `## {version}`: say what a team gets and what it must do."
        )
    if "To do:" not in entry:
        raise ReleaseError(
            f"The entry {version} of CHANGELOG.md has no `To do:` line: say what a team must do."
        )


def release(root: Path, version: str) -> None:
    """Append to the bundle, commit it, tag the commit."""
    check(root, version)
    bundle = root / BUNDLE.relative_to(ROOT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = subprocess.run(
            ["git", "archive", "HEAD", *PARTS], cwd=root, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder / "source", filter="data")
        history = open_history(bundle, folder / "history")
        known = versions(history)
        if known and Version(version) <= known[-1]:
            raise ReleaseError(f"{version} does not come after {known[-1]}, the newest release.")
        add_release(history, folder / "source", version)
        git(history, "bundle", "create", "--quiet", str(folder / "new.bundle"), "main", "--tags")
        shutil.copyfile(folder / "new.bundle", bundle)
    git(root, "add", str(bundle))
    git(root, "commit", "--quiet", "-m", f"feat: release {version}")
    git(root, "tag", version)


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    try:
        release(ROOT, arguments[0])
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(
        f"{arguments[0]} is committed and tagged. Publish it: git push origin main {arguments[0]}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
