"""Git settings and variables as members have them, by what they do to a bare `copier update`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import run

# `HOME` in a setting is the folder of these.
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
    "seed/info/exclude": "*.md\n",
    "order": "z*\n",
    "hooks/prepare-commit-msg": "#!/bin/sh\nexit 1\n",
    "hooks/post-checkout": "#!/bin/sh\nexit 1\n",
    "new/hooks/prepare-commit-msg": "#!/bin/sh\nexit 1\n",
}
# A bare update loses edits, or ends half-way.
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
    "init.templateDir=HOME/seed",
    "status.showUntrackedFiles=no",
)
# A bare update refuses, or says so.
REFUSE = (
    "core.attributesFile=HOME/filtered filter.up.clean=tr_a-z_A-Z",
    "core.attributesFile=HOME/wide",
    "core.hooksPath=HOME/hooks",
    "init.templateDir=HOME/new",
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
# One of each kind, for every run of the tests.
SAMPLE = (
    "apply.whitespace=error",
    "core.attributesFile=HOME/no-diff",
    "core.bigFileThreshold=1",
    "core.excludesFile=HOME/ignore",
    "core.hooksPath=HOME/hooks",
    "core.quotePath=false",
    "status.showUntrackedFiles=no",
    "GIT_DEFAULT_HASH=sha256",
    "GIT_DIFF_OPTS=-u0",
    "GIT_DIR=HOME/other.git",
)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


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
        key, _, value = setting.replace("_", " ").partition("=")
        value = value.replace("HOME", str(home))
        run("git", "config", "--file", personal, key, value, cwd=home)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(personal))
