"""The template's version, address and news, with a repository on this disk as the template."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from quant_team_cli import template
from quant_team_cli.template import Template, TemplateError
from quant_team_utils import git
from quant_team_utils.paths import MARKER

CHANGES = "# Changelog\n\n## Unreleased\n\nSoon.\n\n## 1.1.0\n\n- New.\n\n## 1.0.0\n\n- Old.\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a template's repository with a changelog and no tag."""
    folder = tmp_path / "template"
    folder.mkdir()
    git.run(folder, "init", "--quiet")
    git.run(folder, "config", "user.name", "Tester")
    git.run(folder, "config", "user.email", "tester@users.noreply.invalid")
    (folder / template.CHANGELOG).write_text(CHANGES, encoding="utf-8")
    git.run(folder, "add", "--all")
    git.run(folder, "commit", "--quiet", "-m", "feat: start")
    return folder


@pytest.fixture
def team(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository that records version 1.0.0 of it."""
    folder = tmp_path / "team"
    folder.mkdir()
    record(folder, "1.0.0", str(source))
    monkeypatch.setenv("QUANT_ROOT", str(folder))
    return folder


def record(folder: Path, version: str, source: str) -> None:
    """Write the answers as Copier does."""
    answers = {"_commit": version, "_src_path": source, "team": []}
    (folder / MARKER).write_text(yaml.safe_dump(answers), encoding="utf-8")


def tag(source: Path, *names: str) -> None:
    """Tag the template's newest commit."""
    for name in names:
        git.run(source, "tag", name)


# --- answers


@pytest.mark.parametrize("text", ["", "17", "[", "_commit: 1\n", "\0", "a: " + "[" * 5_000])
def test_unreadable_answers_are_one_sentence(tmp_path: Path, text: str) -> None:
    """It holds the way back."""
    (tmp_path / MARKER).write_text(text, encoding="utf-8")
    with pytest.raises(TemplateError, match=rf"restore it with `git checkout -- {MARKER}`"):
        template.read_answers(tmp_path)


@pytest.mark.parametrize(
    ("source", "address", "portable"),
    [
        ("gh:a/b", "https://github.com/a/b", True),
        ("gl:a/b", "https://gitlab.com/a/b", True),
        ("git+https://x.invalid/b", "https://x.invalid/b", True),
        ("git@x.invalid:a/b", "git@x.invalid:a/b", True),
        ("/home/a/b", "/home/a/b", False),
        ("../b", "../b", False),
        ("C:\\b", "C:\\b", False),
    ],
)
def test_an_address_is_known_from_a_path(source: str, address: str, portable: bool) -> None:
    """What Copier abbreviates is spelled out for git."""
    found = Template("1.0.0", source)
    assert found.address == address
    assert found.portable == portable


# --- releases and news


def test_releases_are_ordered_and_without_candidates(team: Path, source: Path) -> None:
    """10 comes after 9; a tag that is not a version is skipped."""
    here = template.recorded(team)
    assert template.releases(team, here) == []
    tag(source, "1.10.0", "1.9.0", "v2.0.0", "2.1.0rc1", "nightly")
    assert template.releases(team, here) == ["1.9.0", "1.10.0", "v2.0.0"]
    assert template.releases(team, Template("1.0.0", "/gone")) is None


@pytest.mark.parametrize(
    ("one", "two", "order"),
    [
        ("1.9.0", "1.10.0", -1),
        ("v1.0.0", "1.0.0", 0),
        ("2.0.0", "1.0.0", 1),
        ("abc", "1", None),
        ("1.0.0-2-g1a2b3c4", "1.0.0", 1),
        ("1.0.0-2-g1a2b3c4", "1.0.1", -1),
    ],
)
def test_versions_are_compared_as_numbers(one: str, two: str, order: int | None) -> None:
    """A commit after a release lies behind it; a bare commit is neither newer nor older."""
    assert template.compare(one, two) == order


def test_an_untagged_template_has_no_news_and_is_not_the_newest(team: Path, source: Path) -> None:
    """There is nothing to compare with; the doctor says that."""
    assert template.news(team) is None
    tag(source, "1.0.0")
    assert template.news(team) is None


def test_the_news_quote_what_is_newer(team: Path, source: Path) -> None:
    """As of the newest release, and no more than that."""
    tag(source, "1.0.0", "1.1.0")
    text = template.news(team)
    assert text is not None
    assert text.startswith("# Template 1.1.0 is out\n")
    assert "- New." in text
    assert "- Old." not in text
    assert "Soon." not in text
    assert "`quant template update`" in text


def test_a_source_that_is_gone_is_one_sentence(team: Path) -> None:
    """It names the command that records another."""
    record(team, "1.0.0", "/gone/template")
    with pytest.raises(TemplateError, match="quant template source ADDRESS"):
        template.news(team)


# --- the address


def mirror(source: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let git take an address from a folder."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{source}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", address)


def test_an_address_is_recorded(team: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else in the file changes, and the line that commits it is printed."""
    address = "https://template.invalid/t.git"
    mirror(source, monkeypatch, address)
    tag(source, "1.0.0")
    before = template.read_answers(team)
    done = CliRunner().invoke(template.command, ["source", address])
    assert done.exit_code == 0, done.output
    assert template.read_answers(team) == {**before, "_src_path": address}
    assert f'git commit -m "fix: record where the template is" {MARKER}' in done.output


def test_an_address_is_recorded_for_a_commit_after_a_release(
    team: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team made from the newest commit of a clone has no tag that could be looked for."""
    address = "https://template.invalid/t.git"
    mirror(source, monkeypatch, address)
    tag(source, "1.0.0")
    path = team / MARKER
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("1.0.0", "1.0.0-2-g1a2b3c4"), encoding="utf-8")
    done = CliRunner().invoke(template.command, ["source", address])
    assert done.exit_code == 0, done.output
    assert template.recorded(team) == Template("1.0.0-2-g1a2b3c4", address)


def test_an_address_without_the_recorded_version_is_refused(
    team: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update from it could not find what this repository was made from."""
    address = "https://template.invalid/t.git"
    mirror(source, monkeypatch, address)
    tag(source, "2.0.0")
    done = CliRunner().invoke(template.command, ["source", address])
    assert isinstance(done.exception, TemplateError)
    assert "has no version 1.0.0" in str(done.exception)
    assert template.recorded(team).source == str(source)
