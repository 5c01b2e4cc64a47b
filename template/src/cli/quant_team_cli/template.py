"""The template behind this repository: its version, its address, and what a newer one would bring.

The commands are `quant template news`, `quant template update` and `quant template source`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from packaging.version import InvalidVersion, Version

from quant_team_cli import edits, updating
from quant_team_utils import files, git
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER, project_root

CHANGELOG = "CHANGELOG.md"
FORGES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
SUBJECT = "feat: update the template"
_PORTABLE = re.compile(r"^(gh:|gl:|git@|git\+|https?://|ssh://)")
_DESCRIBED = re.compile(r"(.+)-(\d+)-g[0-9a-f]+")  # 0.3.0-2-g1a2b3c4: two commits after 0.3.0
_SOURCE_LINE = re.compile(r"^_src_path:.*$", re.MULTILINE)


class TemplateError(QuantError):
    """The template's version or address is not as it should be."""


@dataclass(frozen=True)
class Template:
    """What `.copier-answers.yml` records.

    Attributes:
        version: as Copier names it: a tag, or a commit where there is none.
        source: the address as it was typed.
    """

    version: str
    source: str

    @property
    def portable(self) -> bool:
        """Whether every member's machine can reach the source: an address, not a local path."""
        return bool(_PORTABLE.match(self.source))

    @property
    def address(self) -> str:
        """The source as git takes it."""
        for short, long in FORGES.items():
            if self.source.startswith(short):
                return long + self.source.removeprefix(short)
        return self.source.removeprefix("git+")


def read_answers(root: Path) -> dict[str, Any]:
    """Return the recorded answers of the template, by question.

    Raises:
        TemplateError: they are missing, or not as Copier wrote them.
    """
    try:
        answers = yaml.safe_load((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        answers = None
    needed = {"_commit", "_src_path", "team"}
    if not isinstance(answers, dict) or not needed <= answers.keys():
        raise TemplateError(
            f"{MARKER} is not readable: restore it with `git checkout -- {MARKER}`."
        )
    return answers


def recorded(root: Path) -> Template:
    """Return the version and the source of the template.

    Raises:
        TemplateError: see `read_answers`.
    """
    answers = read_answers(root)
    return Template(str(answers["_commit"]), str(answers["_src_path"]))


def require_reachable(root: Path, template: Template) -> None:
    """Refuse early when the template cannot be reached; git's `url.MIRROR.insteadOf` holds.

    Raises:
        TemplateError: git cannot read it.
    """
    if git.remote_refs(root, template.address, "HEAD") is None:
        raise TemplateError(
            f"The template's source {template.source} cannot be reached: check the network, or "
            "name another with `quant template source ADDRESS`; offline, "
            "`git config --global url.MIRROR.insteadOf ADDRESS` points git at a copy."
        )


def releases(root: Path, template: Template) -> list[str] | None:
    """Return the tags of the releases, oldest first, without pre-releases.

    Returns:
        The tags, none if the template has no release, or None if it cannot be asked.
    """
    references = git.remote_refs(root, template.address, "refs/tags/*")
    if references is None:
        return None
    found = {}
    for reference in references:
        tag = reference.removeprefix("refs/tags/")
        version = _version(tag)
        if version and not version.is_prerelease:
            found[version] = tag
    return [found[version] for version in sorted(found)]


def _version(text: str) -> Version | None:
    """Return a version: of a tag, or, as git describes a commit after one, of that many later."""
    described = _DESCRIBED.fullmatch(text)
    try:
        return Version(f"{described[1]}.post{described[2]}" if described else text)
    except InvalidVersion:
        return None


def compare(one: str, two: str) -> int | None:
    """Return -1, 0 or 1 as one version is older than, equal to or newer than another.

    Returns:
        The order, or None if one of them is a commit and not a version.
    """
    first, second = _version(one), _version(two)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def news(root: Path) -> str | None:
    """Return what a newer release would bring, as Markdown; None if this one is the newest.

    Raises:
        TemplateError: the source cannot be reached.
    """
    template = recorded(root)
    require_reachable(root, template)
    tags = releases(root, template)
    if not tags or compare(tags[-1], template.version) != 1:
        return None
    tag = tags[-1]
    entries = changelog_between(_changelog(root, template, tag), template.version, tag)
    parts = [
        f"# Template {tag} is out",
        f"This repository is at {template.version}. On a branch of its own: "
        "`quant template update`, then look at `git diff`.",
        entries or f"The template's {CHANGELOG} says nothing about it.",
    ]
    return "\n\n".join(parts)


def _changelog(root: Path, template: Template, tag: str) -> str:
    """Return the changelog of a release, empty if it has none."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "template"
        options = ("--quiet", "--bare", "--depth=1", f"--branch={tag}")
        git.run(root, "clone", *options, template.address, str(target))
        try:
            return git.run(target, "show", f"HEAD:{CHANGELOG}")
        except git.GitError:
            return ""


def changelog_between(text: str, after: str, upto: str) -> str:
    """Return the entries `## VERSION` newer than one version and not newer than another."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    kept = []
    for part in parts:
        version = part[3:].split(maxsplit=1)[0]
        if compare(version, after) == 1 and compare(version, upto) in (-1, 0):
            kept.append(part.strip())
    return "\n\n".join(kept)


@click.group()
def command() -> None:
    """Read the template's news, update from it, record its address."""


@command.command("news")
def print_news() -> None:
    """Print what a newer version of the template would bring, as Markdown."""
    text = news(project_root())
    if text:
        click.echo(text)


@command.command()
@click.option("--to", "version", metavar="VERSION", help="Version [default: the newest release].")
def update(version: str | None) -> None:
    """Update from the template; leaves the changes uncommitted, for review."""
    root = project_root()
    updating.require_ready(root, "template")
    template = recorded(root)
    require_reachable(root, template)
    before = updating.uncommitted(root)
    options = [f"--vcs-ref={version}"] if version else []
    conflicts = updating.update(root, template.source, *options)
    now = recorded(root).version
    if updating.uncommitted(root) == before:
        click.echo(f"Nothing changed: this repository is at {now}.")
        return
    click.echo(f"  template {template.version} -> {now}")
    edits.tell(root)
    updating.require_resolved(conflicts)
    _compile_anew(root)
    line = updating.commit_line(root, before, SUBJECT)
    click.echo(
        "\nReview with `git diff`, then:\n"
        f"  pip install -r requirements.txt && quant doctor\n  {line}"
    )


def _compile_anew(root: Path) -> None:
    """Compile the access files in a process of its own: the update has brought newer code."""
    command = [sys.executable, "-m", "quant_team_cli.main", "access", "compile"]
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise TemplateError(
            "The template is updated, but its access files are not compiled: run "
            "`pip install -r requirements.txt`, then `quant access compile`."
        )


@command.command()
@click.argument("address")
def source(address: str) -> None:
    """Record ADDRESS, such as gh:OWNER/NAME or https://..., as where everybody updates from."""
    root = project_root()
    template = Template(recorded(root).version, address)
    if not template.portable:
        raise TemplateError(
            f"{address} is a path of this machine: give an address, such as gh:OWNER/NAME."
        )
    require_reachable(root, template)
    version = template.version
    is_tag = "+" not in version and not _DESCRIBED.fullmatch(version)
    is_release = is_tag and _version(version) is not None
    if is_release and not git.remote_refs(root, template.address, f"refs/tags/{version}"):
        raise TemplateError(
            f"{address} has no version {version}, which this repository is at: name another."
        )
    path = root / MARKER
    text = path.read_text(encoding="utf-8")
    changed = _SOURCE_LINE.sub(lambda _: f"_src_path: {address}", text, count=1)
    files.replace(path, changed.encode())
    click.echo(f'Recorded. Next: git commit -m "fix: record where the template is" {MARKER}')
