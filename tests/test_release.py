"""The release command: refuses what is not ready, and what it makes can be updated from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from release import ReleaseError, add_release, changelog_entry, open_history, release, versions
from tests.conftest import git, snapshot

CHANGELOG = (
    "# Changelog\n\n## 1.1.0\n\n- More.\n\nTo do: nothing.\n\n"
    "## 1.0.0\n\n- All.\n\nTo do: start.\n\n## 0.9.0\n\n- X.\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a clone of the working tree without releases, and a changelog for two."""
    folder = tmp_path / "template"
    folder.mkdir()
    snapshot(folder)
    (folder / "tests" / "releases.bundle").unlink(missing_ok=True)
    (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "docs: say what is new")
    return folder


def test_a_release_appends_to_the_bundle_commits_and_tags(repository: Path, tmp_path: Path) -> None:
    """Two releases: two commits with a tag each in the bundle, each holding what Copier read at
    that tag.
    """
    release(repository, "1.0.0")
    (repository / "template" / "docs" / "more.md").write_text("More.\n", encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "docs: more")
    release(repository, "1.1.0")
    assert git(repository, "tag").split() == ["1.0.0", "1.1.0"]
    assert git(repository, "log", "-1", "--format=%s", "1.1.0") == "feat: release 1.1.0"
    assert git(repository, "status", "--porcelain") == ""
    history = open_history(repository / "tests" / "releases.bundle", tmp_path / "history")
    assert [str(version) for version in versions(history)] == ["1.0.0", "1.1.0"]
    for tag in ("1.0.0", "1.1.0"):
        for part in ("copier.yml", "template", "hooks"):
            assert git(history, "rev-parse", f"{tag}:{part}") == git(
                repository, "rev-parse", f"{tag}:{part}"
            )
    assert git(history, "rev-list", "--count", "main") == "2"


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("next", "is not a version as PEP 440 writes it"),
        ("1.0", "CHANGELOG.md has no entry `## 1.0`"),
        ("01.0.0", "is not a version as PEP 440 writes it"),
        ("2.0.0", "CHANGELOG.md has no entry `## 2.0.0`"),
        ("0.9.0", "has no `To do:` line"),
    ],
)
def test_what_is_not_ready_is_refused(repository: Path, version: str, sentence: str) -> None:
    """A wrong version, no entry in the changelog, or none that says what a team must do: nothing
    changes.
    """
    head = git(repository, "rev-parse", "HEAD")
    with pytest.raises(ReleaseError, match=re.escape(sentence)):
        release(repository, version)
    assert git(repository, "rev-parse", "HEAD") == head
    assert git(repository, "tag") == ""


def test_a_release_is_made_once_and_in_order(repository: Path) -> None:
    """A dirty tree, the same tag, an older version: refused."""
    (repository / "note.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ReleaseError, match="not clean"):
        release(repository, "1.0.0")
    (repository / "note.txt").unlink()
    release(repository, "1.1.0")
    with pytest.raises(ReleaseError, match=r"The tag 1\.1\.0 already exists"):
        release(repository, "1.1.0")
    with pytest.raises(ReleaseError, match=r"1\.0\.0 does not come after 1\.1\.0"):
        release(repository, "1.0.0")


def test_a_shallow_clone_without_tags_reads_every_release(repository: Path, tmp_path: Path) -> None:
    """The bundle is a file of the work tree: neither history nor tags are needed."""
    release(repository, "1.0.0")
    shallow = tmp_path / "shallow"
    command = [
        "git",
        "clone",
        "--quiet",
        "--depth=1",
        "--no-tags",
        f"file://{repository}",
        str(shallow),
    ]
    subprocess.run(command, check=True)
    history = open_history(shallow / "tests" / "releases.bundle", tmp_path / "history")
    assert [str(version) for version in versions(history)] == ["1.0.0"]
    add_release(history, shallow, "1.0.1")
    assert len(versions(history)) == 2


def test_an_entry_of_the_changelog_is_found_whole() -> None:
    """Up to the next version, and not one that only begins alike."""
    assert changelog_entry(CHANGELOG, "1.0.0") == "- All.\n\nTo do: start."
    assert changelog_entry(CHANGELOG, "1.0") == ""
    assert changelog_entry("## 1.0.0rc1\n\nx\n", "1.0.0") == ""
