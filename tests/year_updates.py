"""The two dear things that a member of the simulated year does: update the template, edit the team.

Both are done as the documents say: on a branch of their own, by the command line, with the line
that the command prints.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

import yaml

from tests import year_text
from tests.year_ledger import Change, LostError, ask, listing, marked
from tests.year_member import Member

UPDATE = "feat: update the template"
ANSWERS = ".copier-answers.yml"


def update_template(member: Member, version: str) -> None:
    """Update to the newest release, by the command line of the product."""
    member.begin("template")
    done = _update(member, version, "quant", "template", "update")
    if done:
        _commit_as_printed(member, done)


def update_bare(member: Member, version: str) -> None:
    """Update to the newest release with Copier itself, in a clean worktree.

    Copier refuses a clone with a notebook that was run, or with a result that is not committed.
    """
    member.begin("template")
    member.git("switch", "--quiet", "develop")
    member.elsewhere = member.home / "worktree"
    try:
        member.git_in_clone("worktree", "add", "--quiet", member.elsewhere, member.branch)
        make_older(member)
        command = ("update", "--defaults", "--skip-answered", "--quiet")
        if _update(member, version, "copier", *command):
            member.git("add", "-A")
            member.commit(UPDATE)
    finally:
        member.git_in_clone("worktree", "remove", "--force", member.elsewhere)
        member.elsewhere = None


def make_older(member: Member) -> None:
    """Date notebooks back: git filters, at each command, what is as new as its index."""
    for path in member.clone.glob("notebooks/*/*.ipynb"):
        os.utime(path, (0, 0))
    options = ("-c", "filter.quant-notebook.clean=", "-c", "filter.quant-notebook.required=false")
    member.git(*options, "update-index", "--refresh")


def _update(member: Member, version: str, *command: str) -> subprocess.CompletedProcess[str] | None:
    """Update, settle the conflicts and repeat what the update removed, and commit if there was any.

    Returns:
        What the command printed, if nothing is committed yet.
    """
    before = marked(member.clone, "HEAD")
    done = member.start(*command)
    said = done.stdout + done.stderr
    if f"_commit: {version}\n" not in member.read(ANSWERS):
        raise LostError(f"the update did not reach {version}:\n{said}")
    conflicts = ask(member.clone, "diff", "--name-only", "-z", "--diff-filter=U").decode()
    for path in filter(None, conflicts.split("\0")):
        member.settle(path)
    gone = _gone(member, before)
    if gone:
        _require_named(member, sorted(set(gone.values())), said)
    member.repeat_in_notes(sorted(gone))
    if done.returncode or command[0] != "quant":
        member.quant("access", "compile")
    if conflicts or gone:
        member.git("add", "-A", ".", ":^results", ":^notebooks")
        member.commit(UPDATE)
        return None
    return done


def _gone(member: Member, before: dict[str, list[str]]) -> dict[str, str]:
    """Return the marks that stand nowhere after an update, with the file in which they stood.

    Raises:
        LostError: one is gone from a file that is still there.
    """
    found = {}
    for mark, paths in before.items():
        for path in paths:
            if not (member.clone / path).is_file():
                found[mark] = path
            elif mark not in year_text.marks(member.read(path)):
                raise LostError(f"the update has dropped {mark} from {path}")
    return found


def _require_named(member: Member, paths: list[str], said: str) -> None:
    """Hold that the update or the doctor names the removed files that the team had edited."""
    told = said
    if not all(path in told for path in paths):
        told += member.start("quant", "doctor").stdout
    unnamed = [path for path in paths if path not in told]
    if unnamed == paths or (unnamed and " more" not in told):
        raise LostError(f"nobody says that the update removed {unnamed} with the team's edits")


def _commit_as_printed(member: Member, done: subprocess.CompletedProcess[str]) -> None:
    """Commit with the line that the command printed last."""
    line = done.stdout.strip().splitlines()[-1].strip()
    member.run("bash", "-c", line)
    member.pending.commits.add(member.head())


def edit_team(member: Member, team: list[dict[str, Any]]) -> None:
    """Change the roster, from a file."""
    member.begin("team")
    path = member.home / "team.yml"
    path.write_text(yaml.safe_dump({"team": team}, sort_keys=False), encoding="utf-8")
    done = member.start("quant", "team", "edit", "--file", path)
    if done.returncode:
        raise LostError(f"the roster was not changed:\n{done.stdout}\n{done.stderr}")
    _commit_as_printed(member, done)
    keep_new_notebooks(member)


def keep_new_notebooks(member: Member) -> None:
    """Remember the notebook folders that the last commit brought."""
    here = listing(member.clone, "HEAD")
    before = listing(member.clone, "HEAD~1")
    for path in here.keys() - before.keys():
        if path.startswith("notebooks/"):
            member.pending.files[path] = here[path][1]


def catch_up(member: Member, team: list[dict[str, Any]]) -> None:
    """Bring a change of the roster up to date with what was merged first.

    Where git cannot merge the two, the command is run again on the newest develop.
    """
    member.fetch()
    done = member.start("git", "merge", "--quiet", "--no-edit", "origin/develop")
    if done.returncode == 0:
        member.pending.commits.add(member.head())
        return
    member.git("merge", "--abort")
    member.git("switch", "--quiet", "develop")
    member.git("branch", "--quiet", "-D", member.branch)
    member.pending = Change()
    edit_team(member, team)
