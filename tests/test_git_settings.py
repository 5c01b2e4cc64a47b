"""Copier keeps every edit of the team, whatever git settings and variables a member has.

The settings in `LOSE` are those with which a bare `copier update` loses edits, or ends half-way;
`quant doctor` names them. A small template stands for the real one: what counts is how Copier calls
git.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT, git, run

MODULE = ROOT / "template/src/utils/quant_team_utils/git_environment.py"
QUESTIONS = "_subdirectory: template\n_min_copier_version: 9.0.0\n"
TEMPLATE = {
    "copier.yml": QUESTIONS,
    "template/[[ _copier_conf.answers_file ]].jinja": "[[ _copier_answers | to_nice_yaml ]]\n",
    "template/.gitattributes": "* text=auto eol=lf\n",
    "template/.gitignore": "*.local\n",
    "template/data/code.py": "one = 1\n\n\ntwo = 2\n",
    "template/gone.md": "gone\n",
    "template/page.md": "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
    "template/run": "#!/bin/sh\ntrue\n",
    "template/unwanted.md": "unwanted\n",
}
NEWER = {
    "template/data/code.py": "zero = 0\none = 1\n\n\ntwo = 2\n",
    "template/new.md": "new\n",
    "template/page.md": "one\nTWO of theirs\nthree\nfour\nfive\nsix\nseven\n",
    "template/run": "#!/bin/sh\nset -e\ntrue\n",
}
EDITS = {
    "data/code.py": "one = 1\n\n\ntwo = 2  \n# ours ends in blanks  \n \t# ours\n\n\n",
    "page.md": "one\ntwo of ours\nthree\nfour\nfive\nsix\nseven\nours\n",
    "run": "#!/bin/sh\ntrue\necho ours\n",
    "\u00fcbung.md": "ours\n",
}
FILES = {
    "ignore": "*.md\ndata/\n",
    "ignore-all": "*\n",
    "no-diff": "*.md -diff\n",
    "binary": "* binary\n",
    "crlf": "* text eol=crlf\n",
    "filtered": "*.md filter=up\n",
    "wide": "*.md working-tree-encoding=UTF-16\n",
    "strict": "* whitespace=tab-in-indent,trailing-space\n",
    "new/info/exclude": "*.md\n",
    "new/info/attributes": "*.md -diff\n",
    "order": "z*\n",
    "hooks/prepare-commit-msg": "#!/bin/sh\nexit 1\n",
    "hooks/post-checkout": "#!/bin/sh\nexit 1\n",
    "new/hooks/prepare-commit-msg": "#!/bin/sh\nexit 1\n",
}
# A bare update loses edits, or ends half-way. `HOME` is the folder of `FILES`.
LOSE = (
    "apply.whitespace=error",
    "apply.whitespace=error-all",
    "apply.whitespace=fix",
    "core.attributesFile=HOME/binary",
    "core.attributesFile=HOME/no-diff",
    "core.bigFileThreshold=1",
    "core.excludesFile=HOME/ignore",
    "core.excludesFile=HOME/ignore-all",
    "core.quotePath=false",
    "status.showUntrackedFiles=no",
)
# A bare update refuses, or says so.
REFUSE = (
    "core.attributesFile=HOME/filtered filter.up.clean=tr_a-z_A-Z",
    "core.attributesFile=HOME/wide",
    "core.hooksPath=HOME/hooks",
)
HARMLESS = (
    "advice.detachedHead=false advice.addIgnoredFile=false",
    "alias.add=!false alias.commit=!false",
    "apply.ignoreWhitespace=change",
    "apply.whitespace=warn",
    "branch.autoSetupMerge=always branch.sort=-committerdate",
    "checkout.defaultRemote=other checkout.guess=false",
    "clone.defaultRemoteName=upstream",
    "color.diff=always",
    "color.grep=always",
    "color.status=always",
    "color.ui=always",
    "column.ui=always",
    "commit.cleanup=verbatim",
    "commit.gpgSign=true gpg.program=false",
    "commit.status=false",
    "commit.template=HOME/order",
    "commit.verbose=2",
    "core.abbrev=4",
    "core.attributesFile=HOME/crlf",
    "core.attributesFile=HOME/strict",
    "core.autocrlf=input",
    "core.autocrlf=true",
    "core.autocrlf=true core.safecrlf=true",
    "core.checkStat=minimal core.trustctime=false",
    "core.commentChar=f",
    "core.commitGraph=false core.multiPackIndex=false",
    "core.compression=0",
    "core.editor=false sequence.editor=false",
    "core.eol=crlf",
    "core.eol=crlf core.autocrlf=true",
    "core.fileMode=false",
    "core.fsmonitor=HOME/hooks/post-checkout",
    "core.ignoreCase=true",
    "core.ignoreStat=true",
    "core.logAllRefUpdates=false",
    "core.notesRef=refs/notes/x",
    "core.pager=false pager.status=true pager.diff=true",
    "core.precomposeUnicode=true",
    "core.preloadIndex=false",
    "core.preferSymlinkRefs=true",
    "core.sharedRepository=0600",
    "core.sparseCheckout=true",
    "core.splitIndex=true",
    "core.symlinks=false",
    "core.untrackedCache=true",
    "core.useReplaceRefs=false",
    "core.whitespace=tab-in-indent,trailing-space",
    "diff.algorithm=patience",
    "diff.colorMoved=zebra",
    "diff.context=0 diff.interHunkContext=40",
    "diff.external=false",
    "diff.ignoreSubmodules=all",
    "diff.indentHeuristic=false",
    "diff.mnemonicPrefix=true",
    "diff.noprefix=true",
    "diff.orderFile=HOME/order",
    "diff.relative=true",
    "diff.renames=copies",
    "diff.renames=false",
    "diff.submodule=log",
    "diff.suppressBlankEmpty=true",
    "diff.wordRegex=.",
    "diff.wsErrorHighlight=all",
    "feature.experimental=true feature.manyFiles=true",
    "fetch.prune=true fetch.pruneTags=true",
    "format.pretty=oneline",
    "gc.auto=1 gc.autoDetach=false",
    "grep.lineNumber=true grep.patternType=fixed",
    "i18n.commitEncoding=ISO-8859-1",
    "i18n.logOutputEncoding=UTF-16",
    "index.version=4 index.threads=true",
    "init.defaultBranch=trunk",
    "init.templateDir=HOME/new",
    "log.decorate=full log.showSignature=true",
    "log.follow=true log.showRoot=false",
    "merge.ff=false merge.renames=false merge.autoStash=true",
    "merge.renormalize=true",
    "pull.rebase=true push.default=nothing",
    "rerere.enabled=true rerere.autoUpdate=true",
    "stash.showPatch=true",
    "status.relativePaths=false status.short=true status.branch=true",
    "status.renames=copies",
    "status.showUntrackedFiles=all",
    "submodule.recurse=true",
    "tag.gpgSign=true tag.sort=-version:refname",
    "transfer.fsckObjects=true",
    "user.useConfigOnly=true",
    "worktree.guessRemote=true",
)
VARIABLES = (
    "GIT_CONFIG_PARAMETERS='apply.whitespace'='error'",
    "GIT_DEFAULT_HASH=sha256",
    "GIT_DIFF_OPTS=-u0",
    "GIT_DIR=HOME/other.git",
    "GIT_EXTERNAL_DIFF=false",
    "GIT_GLOB_PATHSPECS=1",
    "GIT_ICASE_PATHSPECS=1",
    "GIT_INDEX_FILE=HOME/index",
    "GIT_LITERAL_PATHSPECS=1",
    "GIT_NAMESPACE=x",
    "GIT_NOGLOB_PATHSPECS=1",
    "GIT_OBJECT_DIRECTORY=HOME/objects",
    "GIT_OPTIONAL_LOCKS=0",
    "GIT_PAGER=false",
    "GIT_PREFIX=data/",
    "GIT_TEMPLATE_DIR=HOME/new",
    "GIT_TRACE=1",
    "GIT_WORK_TREE=HOME",
    "LC_ALL=de_DE.UTF-8",
    "LC_ALL=C",
)
SAMPLE = (
    *LOSE,
    *REFUSE,
    "color.ui=always",
    "diff.noprefix=true",
    "init.templateDir=HOME/new",
    "GIT_DIFF_OPTS=-u0",
    "GIT_DIR=HOME/other.git",
    "GIT_INDEX_FILE=HOME/index",
    "GIT_DEFAULT_HASH=sha256",
)
OTHERS = [each for each in (*HARMLESS, *VARIABLES) if each not in SAMPLE]
State = dict[str, tuple[bytes, bool]]


def load() -> ModuleType:
    """Return the module of the team repository that says how git is called."""
    spec = importlib.util.spec_from_file_location("git_environment", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def commit(folder: Path, *, tag: str | None = None) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "feat: x")
    if tag:
        git(folder, "tag", tag)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository at version 1 of a template that has a version 2, with the team's edits:
    changed, added, removed and renamed files, a mode, and one line that conflicts.
    """
    folder = tmp_path_factory.mktemp("pattern")
    source = folder / "template"
    for name, text in TEMPLATE.items():
        write(source, {braces(name): braces(text)})
    (source / "template" / "run").chmod(0o755)
    git(source, "init", "--quiet")
    commit(source, tag="1.0.0")
    (source / "template" / "gone.md").unlink()
    write(source, NEWER)
    commit(source, tag="2.0.0")
    team = folder / "team"
    copier("copy", "--vcs-ref=1.0.0", str(source), str(team), cwd=folder)
    git(team, "init", "--quiet")
    commit(team)
    write(team, EDITS)
    (team / "unwanted.md").unlink()
    (team / "data" / "code.py").chmod(0o755)
    commit(team)
    return team


def braces(text: str) -> str:
    return text.replace("[[", "{{").replace("]]", "}}")


def copier(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run Copier with exactly the given environment, and return its exit code."""
    command = [sys.executable, "-m", "copier", arguments[0], "--defaults", "--quiet"]
    done = subprocess.run(
        [*command, *arguments[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.fixture
def team(pattern: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pattern, tmp_path / "team", symlinks=True))


@pytest.fixture(scope="module")
def plain(pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, str]:
    """Return what an update makes of the repository where nobody has set anything."""
    team = shutil.copytree(pattern, tmp_path_factory.mktemp("plain") / "team", symlinks=True)
    assert copier("update", cwd=team) == 0
    return state(team)


def state(team: Path) -> tuple[State, str]:
    """Return bytes and mode of each file, and the files in conflict."""
    files = {}
    for path in sorted(team.rglob("*")):
        name = path.relative_to(team).as_posix()
        if path.is_file() and not name.startswith(".git/"):
            files[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return files, git(team, "ls-files", "--unmerged")


def has_set(home: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a member have these settings, or this variable."""
    write(home, FILES)
    for path in home.rglob("hooks/*"):
        path.chmod(0o755)
    name, _, value = what.partition("=")
    if "." not in name:
        monkeypatch.setenv(name, value.replace("HOME", str(home)))
        return
    personal = home / "gitconfig"
    shutil.copy(os.environ["GIT_CONFIG_GLOBAL"], personal)
    for setting in what.split():
        key, _, value = setting.partition("=")
        value = value.replace("HOME", str(home)).replace("_", " ")
        run("git", "config", "--file", personal, key, value, cwd=home)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(personal))


def check_pinned(
    team: Path, home: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        has_set(home, what, patch)
        module = load()
        code = copier("update", cwd=team, env=module.environment(module.FOR_COPIER))
    assert code == 0
    assert state(team) == plain


def is_the_same_bare(
    team: Path, home: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Tell whether a bare update does what it does where nobody has set anything."""
    with monkeypatch.context() as patch:
        has_set(home, what, patch)
        code = copier("update", cwd=team)
    return code == 0 and state(team) == plain


def test_the_plain_update_keeps_the_edits(plain: tuple[State, str]) -> None:
    """What the others are compared with: all edits are there, and one conflict."""
    files, unmerged = plain
    code = files["data/code.py"]
    assert code == (b"zero = 0\n" + EDITS["data/code.py"].encode(), True)
    assert files["run"] == (b"#!/bin/sh\nset -e\ntrue\necho ours\n", True)
    assert b"two of ours\n" in files["page.md"][0]
    assert b"seven\nours\n" in files["page.md"][0]
    assert "\u00fcbung.md" in files
    assert "new.md" in files
    assert not files.keys() & {"gone.md", "unwanted.md"}
    assert {line.split("\t")[1] for line in unmerged.splitlines()} == {"page.md"}


@pytest.mark.parametrize("what", SAMPLE)
def test_an_update_by_quant_is_the_same(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the environment that `quant` gives to Copier."""
    check_pinned(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", OTHERS)
def test_an_update_by_quant_is_the_same_under_any_setting(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for settings that are known to do no harm today."""
    check_pinned(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", [*LOSE, *REFUSE])
def test_a_bare_update_is_not(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These settings do harm: one that no longer does needs no warning of the doctor."""
    assert not is_the_same_bare(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", HARMLESS)
def test_a_bare_update_is_the_same(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These settings do no harm: one that does belongs to those that the doctor names."""
    assert is_the_same_bare(team, tmp_path / "home", what, plain, monkeypatch)
