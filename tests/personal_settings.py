"""Personal git settings as people have them, for tests that must hold under any of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# `{folder}` is a folder with the files that `write_settings` makes.
SETTINGS = [
    "advice.detachedHead=false",
    "advice.statusHints=false",
    "apply.ignoreWhitespace=change",
    "apply.whitespace=error",
    "apply.whitespace=fix",
    "branch.autoSetupMerge=always",
    "branch.autoSetupMerge=simple",
    "checkout.guess=false",
    "color.status=always",
    "color.ui=always",
    "column.ui=always",
    "commit.cleanup=scissors",
    "commit.cleanup=whitespace",
    "commit.gpgSign=false",
    "commit.status=false",
    "commit.template={folder}/draft",
    "commit.verbose=true",
    "core.abbrev=4",
    "core.attributesFile={folder}/attributes-diff",
    "core.attributesFile={folder}/attributes-eol",
    "core.autocrlf=input",
    "core.autocrlf=true",
    "core.checkStat=minimal",
    "core.commentChar=;",
    "core.commentChar=auto",
    "core.eol=crlf",
    "core.excludesFile={folder}/ignore",
    "core.fileMode=false",
    "core.fsmonitor=false",
    "core.hooksPath={folder}/hooks",
    "core.ignoreStat=false",
    "core.logAllRefUpdates=always",
    "core.pager=cat",
    "core.preloadIndex=false",
    "core.quotePath=false",
    "core.safecrlf=true",
    "core.safecrlf=warn",
    "core.splitIndex=true",
    "core.trustctime=false",
    "core.untrackedCache=true",
    "core.whitespace=tab-in-indent,cr-at-eol",
    "diff.algorithm=histogram",
    "diff.context=0",
    "diff.external=echo",
    "diff.ignoreSubmodules=all",
    "diff.indentHeuristic=false",
    "diff.interHunkContext=3",
    "diff.mnemonicPrefix=true",
    "diff.noprefix=true",
    "diff.orderFile={folder}/order",
    "diff.relative=true",
    "diff.renames=copies",
    "diff.renames=false",
    "diff.suppressBlankEmpty=true",
    "diff.wsErrorHighlight=all",
    "feature.manyFiles=true",
    "fetch.prune=true",
    "format.pretty=oneline",
    "gc.auto=0",
    "grep.lineNumber=true",
    "grep.patternType=perl",
    "i18n.commitEncoding=latin-1",
    "i18n.logOutputEncoding=latin-1",
    "index.version=4",
    "init.defaultBranch=trunk",
    "init.templateDir={folder}/new",
    "log.date=relative",
    "log.decorate=full",
    "log.follow=true",
    "log.showSignature=false",
    "merge.conflictStyle=diff3",
    "merge.conflictStyle=zdiff3",
    "merge.ff=false",
    "merge.ff=only",
    "merge.renames=false",
    "merge.renormalize=true",
    "pull.rebase=true",
    "push.default=current",
    "rebase.autoStash=true",
    "rerere.enabled=true",
    "stash.showPatch=true",
    "status.branch=true",
    "status.relativePaths=false",
    "status.renames=copies",
    "status.short=true",
    "status.showStash=true",
    "status.showUntrackedFiles=all",
    "status.showUntrackedFiles=no",
    "submodule.recurse=true",
    "tag.sort=-creatordate",
    "worktree.guessRemote=true",
]
# With these, git or Copier lost something once: drawn more often.
RISKY = [
    "apply.whitespace=error",
    "apply.whitespace=fix",
    "core.attributesFile={folder}/attributes-diff",
    "core.excludesFile={folder}/ignore",
    "core.hooksPath={folder}/hooks",
    "core.safecrlf=true",
    "init.templateDir={folder}/new",
]
FILES = {
    "attributes-diff": "*.md -diff\n*.py diff=python\n*.ipynb diff=json\n",
    "attributes-eol": "*.py text eol=crlf\n*.md merge=union\n",
    "draft": "# what, and why\n",
    "hooks/pre-commit": "#!/bin/sh\necho 'a personal hook refuses' >&2\nexit 1\n",
    "ignore": "data/\n*.md\n*.orig\n",
    "new/hooks/pre-commit": "#!/bin/sh\necho 'a personal hook refuses' >&2\nexit 1\n",
    "new/info/exclude": "docs/\n",
    "order": "*.py\n*.md\n",
}
USER = '[user]\n\tname = "Alice"\n\temail = "alice@users.noreply.invalid"\n'


def write_settings(folder: Path, settings: Sequence[str]) -> Path:
    """Write a personal git configuration with these settings, and the files that they name.

    Args:
        folder: where to; it is made.
        settings: some of `SETTINGS`.

    Returns:
        The configuration file, for GIT_CONFIG_GLOBAL.
    """
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    sections = [USER]
    for setting in settings:
        key, _, value = setting.partition("=")
        section, _, name = key.rpartition(".")
        value = value.replace("{folder}", folder.as_posix())
        sections.append(f'[{section}]\n\t{name} = "{value}"\n')
    path = folder / "gitconfig"
    path.write_text("".join(sections), encoding="utf-8")
    return path
