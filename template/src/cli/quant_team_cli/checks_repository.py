"""Checks of the repository: hooks, ignored files, identity, roster, access files, template.

A check is a function of the project root that returns a `Check`; `doctor.py` lists them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from quant_team_cli import template, updating
from quant_team_cli.checks import Check, listed, rebuild_line, setup_line
from quant_team_utils import git, origin, roster
from quant_team_utils.paths import MARKER
from quant_team_utils.roster import PERMISSIONS

# What git runs, and so must be recorded as executable.
PROGRAMS = ("hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push", "hooks/strip-notebook")
# What a hook of ours says and no other tool's does.
OURS = {"hooks/commit-msg": b"commit_message.py", "hooks/pre-commit": b"file_checks.py"}
# path: whether git must ignore it
IGNORED = {
    ".env": True,
    "data/bars.parquet": True,
    "src/data/quant_team_data/new.py": False,
}
HOOKS = "git hooks"
UPDATE = "last update"


def hook_settings() -> dict[str, str]:
    """Return the git configuration of a clone: hooks, their Python, the notebook filter."""
    return {
        "core.hooksPath": "hooks",
        # Hooks run in programs that know no virtual environment: the interpreter has its full name.
        "quant.python": Path(sys.executable).as_posix(),
        "filter.quant-notebook.clean": "hooks/strip-notebook",
        "filter.quant-notebook.smudge": "cat",
        "filter.quant-notebook.required": "true",
    }


def check_hooks(root: Path) -> Check:
    """Git runs the hooks of this repository, with an interpreter that exists."""
    if not git.is_repository(root):
        return Check(HOOKS, "fail", f"{root} is not a git repository", setup_line())
    if not git.has_commits(root):
        return Check(HOOKS, "fail", "this repository has no commit yet", setup_line())
    fault = _misconfigured(root) or _not_executable(root) or _taken_over(root)
    if fault:
        return fault
    return Check(HOOKS, "ok", "commit-msg, pre-commit, pre-push and the notebook filter")


def _misconfigured(root: Path) -> Check | None:
    for key, wanted in hook_settings().items():
        value = git.config(root, key)
        if key == "quant.python":
            if value is None or shutil.which(value) is None:
                detail = f"the hooks' interpreter {value or '(unset)'} does not exist"
                # What runs here must not become the interpreter if it is another clone's.
                fix = rebuild_line() if origin.foreign_modules(root) else setup_line()
                return Check(HOOKS, "fail", detail, fix)
        elif value != wanted:
            detail = f"git config {key} is {value or 'unset'}, not {wanted}"
            return Check(HOOKS, "fail", detail, setup_line())
    return None


def _not_executable(root: Path) -> Check | None:
    recorded = git.run(root, "ls-files", "--stage", "--", *PROGRAMS).splitlines()
    plain = [line.split("\t")[1] for line in recorded if not line.startswith("100755")]
    if not plain and len(recorded) == len(PROGRAMS):
        return None
    name = plain[0] if plain else "hooks/"
    fix = f"git update-index --chmod=+x {name}"
    if not plain:
        fix = "git checkout HEAD -- hooks && git add hooks"
    return Check(HOOKS, "fail", f"{name} is not recorded as executable", fix)


def _taken_over(root: Path) -> Check | None:
    """Find what a tool leaves that changes our hooks, moves them aside or commits its own."""
    changed = git.run(root, "diff", "--name-only", "HEAD", "--", "hooks", ":!hooks/handles")
    # An update may bring other hooks; to check them out again would take a part of it back.
    found = [] if updating.is_waiting(root) else changed.splitlines()
    found += [path.relative_to(root).as_posix() for path in root.glob("hooks/*.legacy")]
    for hook, words in OURS.items():
        path = root / hook
        if not path.is_file() or words not in path.read_bytes():
            found.append(hook)
    if not found:
        return None
    detail = f"{found[0]}: another tool has put its own hook in place of ours"
    return Check(HOOKS, "fail", detail, "git checkout HEAD -- hooks && rm -f hooks/*.legacy")


def check_ignored(root: Path) -> Check:
    """Secrets and market data are ignored; the code of the data package is not."""
    name = "ignored files"
    for path, wanted in IGNORED.items():
        if git.says_yes(root, "check-ignore", "--quiet", path) != wanted:
            detail = f"{path} is {'not ignored' if wanted else 'ignored'} by git"
            return Check(name, "fail", detail, "git checkout HEAD -- .gitignore")
    return Check(name, "ok", ".env and data/ are ignored, src/data/ is not")


def check_identity(root: Path) -> Check:
    """The member set for this clone is active, and git has an author."""
    name = "identity"
    handle = roster.me(root)
    if handle is None:
        fix = f"{setup_line()} --as HANDLE"
        return Check(name, "fail", "no team member is set for this clone", fix)
    member = roster.find(root, handle)
    if git.config(root, "user.name") is None or git.config(root, "user.email") is None:
        return Check(name, "fail", "git has no user name or e-mail address", setup_line())
    senior = ", senior" if member.senior else ""
    return Check(name, "ok", f"{handle}, {member.role}{senior}")


def check_roster(root: Path) -> Check:
    """The recorded answers and `permissions.yaml` describe the same team."""
    name = "roster"
    way_back = f"git checkout -- {PERMISSIONS} {MARKER}, then quant team edit"
    try:
        team = template.read_answers(root)["team"]
        differ = roster.disagreements(root, team)
    except (roster.RosterError, template.TemplateError) as error:
        return Check(name, "fail", str(error), way_back)
    if differ:
        detail = f"{MARKER} and {PERMISSIONS} disagree about {listed(differ)}"
        return Check(name, "fail", detail, way_back)
    return Check(name, "ok", f"{MARKER} and {PERMISSIONS} agree")


def check_compiled(root: Path) -> Check:
    """The compiled files are what the roster compiles to."""
    from infrastructure import access

    name = "access files"
    permissions = roster.load(root)
    stale = access.stale(root, access.compile_access(permissions))
    if stale:
        detail = f"{listed(stale)}: not what {PERMISSIONS} compiles to"
        return Check(name, "fail", detail, "quant access compile")
    open_ends = access.warnings(permissions)
    if open_ends:
        return Check(name, "warn", " ".join(open_ends))
    return Check(name, "ok", "what the roster compiles to")


def check_template(root: Path) -> Check:
    """Teammates can reach the template; a newer version is named."""
    name = "template"
    here = template.recorded(root)
    if not here.portable:
        detail = (
            f"{here.version} from the local path {here.source}: teammates cannot update from it"
        )
        return Check(name, "warn", detail, "quant template source ADDRESS")
    described = f"{here.version} from {here.source}"
    releases = template.releases(root, here)
    if releases is None:
        return Check(name, "ok", f"{described} (cannot look for a newer one now)")
    if not releases:
        return Check(name, "ok", f"{described}, which has no releases yet: nothing to compare with")
    tag = releases[-1]
    order = template.compare(here.version, tag)
    if order is None:
        detail = f"{described} is not a release; the newest release is {tag}"
        return Check(name, "warn", detail, "quant template update")
    if order < 0:
        detail = f"{here.version}; {tag} is out (quant template news)"
        return Check(name, "warn", detail, "quant template update")
    if order > 0:
        return Check(name, "ok", f"{described}, ahead of the newest release {tag}")
    return Check(name, "ok", f"{described}, the newest")


def check_update(root: Path) -> Check:
    """No conflict of an update is left: Copier ends with success even where it leaves some."""
    unmerged = updating.unmerged(root)
    if unmerged:
        return _unresolved(unmerged, "unmerged")
    rejected = git.run(root, "ls-files", "--cached", "--others", "--", "*.rej").splitlines()
    if rejected:
        detail = f"{listed(rejected)}: changes that an update could not apply"
        return Check(UPDATE, "fail", detail, f"rm {rejected[0]}")
    try:
        grep = ("grep", "--untracked", "-lIE", git.CONFLICT_MARKER)
        marked = git.run(root, *grep).splitlines()
    except git.GitError as error:
        if error.code != git.NO:
            raise
        marked = []
    if marked:
        return _unresolved(marked, "conflict markers")
    return Check(UPDATE, "ok", "left no conflicts")


def _unresolved(paths: list[str], what: str) -> Check:
    fix = f"resolve the marked lines, then git add {paths[0]}"
    return Check(UPDATE, "fail", f"{listed(paths)}: {what}", fix)
