"""The template behind this repository: its version, its address, and what a newer one would bring.

The commands `quant template news` and `quant template source`, and two checks of `quant doctor`.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from packaging.version import InvalidVersion, Version

from quant_team_utils import git
from quant_team_cli.doctor import Check
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER, project_root

CHANGELOG = "CHANGELOG.md"
FORGES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
_PORTABLE = re.compile(r"^(gh:|gl:|git@|git\+|https?://|ssh://)")
_SOURCE_LINE = re.compile(r"^_src_path:.*$", re.MULTILINE)
_CONFLICT = r"^(<<<<<<<|>>>>>>>) "


class TemplateError(QuantError):
    """The template's version or address is not as it should be."""


@dataclass(frozen=True)
class Template:
    """What `.copier-answers.yml` records: the version as Copier names it, and the source as it was typed."""

    version: str
    source: str

    @property
    def portable(self) -> bool:
        """Whether every member's machine can reach the source: an address, not a path of one laptop."""
        return bool(_PORTABLE.match(self.source))

    @property
    def address(self) -> str:
        """The source as git takes it."""
        for short, long in FORGES.items():
            if self.source.startswith(short):
                return long + self.source.removeprefix(short)
        return self.source.removeprefix("git+")


def read_answers(root: Path) -> dict[str, Any]:
    """Return the recorded answers of the template.

    Raises:
        TemplateError: they are missing, or not as Copier wrote them.
    """
    try:
        answers = yaml.safe_load((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        answers = None
    if not (
        isinstance(answers, dict)
        and {"_commit", "_src_path"} <= answers.keys()
        and "team" in answers
    ):
        raise TemplateError(
            f"{MARKER} is not readable: restore it with `git checkout -- {MARKER}`."
        )
    return answers


def recorded(root: Path) -> Template:
    """Return the version and the source of the template."""
    answers = read_answers(root)
    return Template(str(answers["_commit"]), str(answers["_src_path"]))


def require_reachable(root: Path, template: Template) -> None:
    """Refuse early when the template cannot be reached; `url.<mirror>.insteadOf` of git is
    honoured.

    Raises:
        TemplateError: git cannot read it.
    """
    if git.remote_refs(root, template.address, "HEAD") is None:
        raise TemplateError(
            f"The template's source {template.source} cannot be reached: check the network, or name another with "
            "`quant template source ADDRESS`; offline, `git config --global url.MIRROR.insteadOf ADDRESS` points git "
            "at a copy."
        )


def newest(root: Path, template: Template) -> str | None:
    """Return the newest release as it is tagged, no pre-releases; None if there is none or it cannot be asked for."""
    releases = {}
    for ref in git.remote_refs(root, template.address, "refs/tags/*") or ():
        tag = ref.removeprefix("refs/tags/")
        version = _version(tag)
        if version and not version.is_prerelease:
            releases[version] = tag
    return releases[max(releases)] if releases else None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_newer(tag: str, version: str) -> bool:
    """Tell whether a release is newer than a recorded version; a version that is only a commit cannot be compared."""
    released, here = _version(tag), _version(version)
    return bool(released and here and released > here)


def news(root: Path) -> str | None:
    """Return what a newer release would bring, as Markdown, from its changelog; None if this one
    is the newest.

    Raises:
        TemplateError: the source cannot be reached.
    """
    template = recorded(root)
    require_reachable(root, template)
    tag = newest(root, template)
    if tag is None or not is_newer(tag, template.version):
        return None
    with tempfile.TemporaryDirectory() as folder:
        clone = [
            "clone",
            "--quiet",
            "--bare",
            "--depth=1",
            f"--branch={tag}",
            template.address,
            f"{folder}/template",
        ]
        git.run(root, *clone)
        try:
            text = git.run(Path(folder) / "template", "show", f"HEAD:{CHANGELOG}")
        except git.GitError:
            text = ""
    entries = changelog_between(text, template.version, tag)
    return "\n\n".join([
        f"# Template {tag} is out",
        f"This repository is at {template.version}. On a branch of its own: `copier update`, then look at `git diff`.",
        entries or f"The template's {CHANGELOG} says nothing about it.",
    ])  # fmt: skip


def changelog_between(text: str, after: str, upto: str) -> str:
    """Return the entries `## VERSION ...` of a changelog that are newer than one version and not than another."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    kept = []
    for part in parts:
        version = part[3:].split(maxsplit=1)[0]
        if is_newer(version, after) and not is_newer(version, upto):
            kept.append(part.strip())
    return "\n\n".join(kept)


def check_template(root: Path) -> Check:
    """The version of the template, whether teammates can reach it, and whether a newer one is out."""
    template = recorded(root)
    if not template.portable:
        detail = f"{template.version} from the local path {template.source}: teammates cannot update from it"
        return Check("template", "warn", detail, "quant template source ADDRESS")
    tag = newest(root, template)
    if tag is None:
        return Check(
            "template",
            "ok",
            f"{template.version} from {template.source} (cannot look for a newer one now)",
        )
    if is_newer(tag, template.version):
        return Check(
            "template",
            "warn",
            f"{template.version}; {tag} is out (quant template news)",
            "copier update",
        )
    return Check("template", "ok", f"{template.version} from {template.source}, the newest")


def check_leftovers(root: Path) -> Check:
    """No conflict of an update is left: Copier ends with success even where it leaves some."""
    name = "last update"
    if unmerged := git.run(root, "diff", "--name-only", "--diff-filter=U").splitlines():
        detail = f"{_listed(unmerged)}: unmerged"
        return Check(name, "fail", detail, f"resolve the marked lines, then git add {unmerged[0]}")
    if rejected := git.run(root, "ls-files", "--cached", "--others", "--", "*.rej").splitlines():
        return Check(
            name,
            "fail",
            f"{_listed(rejected)}: changes that an update could not apply",
            f"rm {rejected[0]}",
        )
    try:
        marked = git.run(root, "grep", "--untracked", "-lIE", _CONFLICT).splitlines()
    except git.GitError:
        marked = []  # git's way of saying: none
    if marked:
        detail = f"{_listed(marked)}: conflict markers"
        return Check(name, "fail", detail, f"resolve the marked lines, then git add {marked[0]}")
    return Check(name, "ok", "left no conflicts")


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


@click.group()
def command() -> None:
    """The template behind this repository."""


@command.command("news")
def print_news() -> None:
    """Print what a newer version of the template would bring, as Markdown; nothing if there is none."""
    if text := news(project_root()):
        click.echo(text)


@command.command()
@click.argument("address")
def source(address: str) -> None:
    """Record ADDRESS as the place from which everybody updates, such as gh:OWNER/NAME or https://..."""
    root = project_root()
    template = Template(recorded(root).version, address)
    if not template.portable:
        raise TemplateError(
            f"{address} is a path of this machine: give an address, such as gh:OWNER/NAME."
        )
    require_reachable(root, template)
    known = git.remote_refs(root, template.address, f"refs/tags/{template.version}")
    if _version(template.version) and not known and "+" not in template.version:
        raise TemplateError(
            f"{address} has no version {template.version}, which this repository is at: name another."
        )
    path = root / MARKER
    text = path.read_text(encoding="utf-8")
    path.write_text(
        _SOURCE_LINE.sub(lambda _: f"_src_path: {address}", text, count=1),
        encoding="utf-8",
        newline="\n",
    )
    click.echo(f'Recorded. Next: git commit -m "fix: record where the template is" {MARKER}')
