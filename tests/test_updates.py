"""`copier update` loses nobody's work, and says why where it cannot run.

The history of releases comes from `tests/releases.bundle`; the working tree is added to it as the
next one.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import yaml

from tests.conftest import git, run
from tests.releases import (
    CHANGED,
    NEXT,
    RELEASES,
    STARTERS,
    TEAM,
    commit,
    content,
    copy,
    update,
)

# --- mine and yours


def test_a_line_of_the_team_survives_in_every_template_owned_file(
    history: Path, tmp_path: Path
) -> None:
    """The template changes the top of every file, the team has added to the end of each: both are
    there.
    """
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    owned = [name for name in content(folder) if name != ".copier-answers.yml"]
    for name in owned:
        with (folder / name).open("ab") as file:
            file.write(b"# a line of the team\n")
    commit(folder)
    update(folder, CHANGED)
    for name in owned:
        text = (folder / name).read_text(encoding="utf-8")
        assert "# a line of the team\n" in text, name
        assert "# the template's new line" in text, name


def test_an_edit_of_the_same_line_conflicts_visibly(history: Path, tmp_path: Path) -> None:
    """Where both changed the first line, the team's stays between markers, and git says
    `unmerged`.
    """
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    owned = [name for name in content(folder) if name != ".copier-answers.yml"]
    for name in owned:
        path = folder / name
        path.write_text(
            "# a line of the team\n" + path.read_text("utf-8"), encoding="utf-8", newline="\n"
        )
    commit(folder)
    update(folder, CHANGED)
    unmerged = set(git(folder, "diff", "--name-only", "--diff-filter=U").splitlines())
    for name in owned:
        text = (folder / name).read_text(encoding="utf-8")
        assert "# a line of the team\n" in text, name
        assert name in unmerged or "# the template's new line" in text, name
        if name in unmerged:
            assert re.search(r"^<<<<<<< before updating", text, re.MULTILINE), name


def test_what_the_team_owns_is_never_touched(history: Path, tmp_path: Path) -> None:
    """Whatever the template changes, starters keep every byte, edited or not, and deleted files
    stay deleted.
    """
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    starters = sorted(content(folder, starters=True).keys() - content(folder).keys())
    assert len(starters) >= len(STARTERS)
    (folder / starters[0]).write_bytes(b"mine\n")
    (folder / starters[1]).unlink()
    (folder / "docs" / "scaling.md").unlink()
    commit(folder)
    before = {
        name: data for name, data in content(folder, starters=True).items() if name in starters
    }
    update(folder, CHANGED)
    after = {
        name: data for name, data in content(folder, starters=True).items() if name in starters
    }
    assert after == before
    assert not (folder / starters[1]).exists()
    assert not (folder / "docs" / "scaling.md").exists()


# --- where an update cannot run


def last_line(folder: Path, *arguments: str) -> str:
    done = run(
        sys.executable, "-m", "copier", "update", "--defaults", *arguments, cwd=folder, check=False
    )
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_an_update_that_cannot_run_says_why(history: Path, tmp_path: Path) -> None:
    """A dirty tree, no git, a source that is gone: Copier's last line is a sentence, and nothing
    has changed.
    """
    folder = copy(history, tmp_path / "team", RELEASES[-1], TEAM)
    (folder / "note.txt").write_text("x", encoding="utf-8")
    before = content(folder, starters=True)
    assert "dirty" in last_line(folder)
    (folder / "note.txt").unlink()
    before.pop("note.txt")
    shutil.move(folder / ".git", tmp_path / "git")
    assert "git" in last_line(folder)
    shutil.move(tmp_path / "git", folder / ".git")
    answers = folder / ".copier-answers.yml"
    recorded = answers.read_bytes()
    answers.write_bytes(recorded.replace(str(history).encode(), b"/gone/template"))
    commit(folder)
    assert "template" in last_line(folder).lower()
    answers.write_bytes(recorded)
    assert content(folder, starters=True) == before


def test_an_update_works_offline_from_a_mirror(history: Path, tmp_path: Path) -> None:
    """With `url.<mirror>.insteadOf`, git takes the address from a local copy."""
    address = "https://template.invalid/template.git"
    mirror = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{history}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }
    env = {**mirror, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    copier = [sys.executable, "-m", "copier"]
    run(
        *copier,
        "copy",
        "--defaults",
        f"--vcs-ref={RELEASES[-1]}",
        address,
        "team",
        cwd=tmp_path,
        env=env,
    )
    folder = tmp_path / "team"
    git(folder, "init", "--quiet")
    commit(folder)
    run(*copier, "update", "--defaults", f"--vcs-ref={NEXT}", cwd=folder, env=env)
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (answers["_src_path"], answers["_commit"]) == (address, NEXT)
