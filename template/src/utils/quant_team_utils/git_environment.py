"""How this project calls git: in the same way on every machine, whoever works there.

Personal settings and the shell decide what git ignores, compares, applies and prints. Whatever of
that could change a result, or lose an edit, is set here. Copier gets the same: it calls git too.
What says who you are, what you sign, whom you trust and how you reach a server stays yours, and so
does the style of conflicts (`merge.conflictStyle`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# Each with git's own default, or with the value that turns it off.
PINNED = {
    # Which files there are. A personal ignore list hides the team's files from `git add`.
    "core.excludesFile": "",
    "core.fsmonitor": "false",
    "core.ignoreStat": "false",
    "status.relativePaths": "true",
    "status.showUntrackedFiles": "normal",
    # What is in a file. With a personal attribute `-diff` or `binary`, and beyond the size of a big
    # file, git compares no lines: Copier then drops the team's edits.
    "core.attributesFile": "",
    "core.autocrlf": "false",  # .gitattributes says which line ends a file has
    "core.bigFileThreshold": "512m",
    "core.safecrlf": "false",
    # What a patch does. `error` drops all edits if one line ends in blanks; `fix` changes them.
    "apply.ignoreWhitespace": "no",
    "apply.whitespace": "nowarn",
    # What is printed.
    "color.diff": "false",
    "color.grep": "false",
    "color.ui": "false",
    "core.quotePath": "false",
    "diff.ignoreSubmodules": "none",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "diff.orderFile": "/dev/null",
    "diff.relative": "false",
    "grep.fullName": "false",
    "grep.lineNumber": "false",
    "grep.patternType": "default",
    "log.follow": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
}
# For what a member sees in `git status`: there, a personal ignore list is right.
PINNED_BUT_IGNORES = {key: PINNED[key] for key in PINNED if key != "core.excludesFile"}
# Copier commits in folders of its own, where no hook is to run, and expects quoted paths. In the
# worktree that it updates, notebooks are as git records them: there is nothing to filter.
FOR_COPIER = PINNED | {
    "core.hooksPath": os.devnull,
    "core.quotePath": "true",
    "filter.quant-notebook.clean": "",
    "filter.quant-notebook.smudge": "",
    "filter.quant-notebook.required": "false",
}

VARIABLES = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_OPTIONAL_LOCKS": "0",  # what only reads is never in the way of a commit of yours
    "GIT_TEMPLATE_DIR": "",  # a new repository starts without personal hooks and ignore lists
    "LC_ALL": "C",  # English messages
}
# What a git that calls us, a graphical client or a shell has set: it points git at another
# repository or index, or changes what paths and differences mean.
UNSET = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def environment(settings: Mapping[str, str] = PINNED) -> dict[str, str]:
    """Return the process environment in which git, and what calls git, is run.

    Args:
        settings: git settings by name; they come after those that the environment has already.
    """
    variables = {name: value for name, value in os.environ.items() if name not in UNSET}
    variables.update(VARIABLES)
    count = int(variables.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings.items(), start=count):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    variables["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return variables
