"""A team and its template: it hears of a newer version, and knows where all can update from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import TeamEnvironment, copy_template, git
from tests.releases import CHANGED, NEXT, TEAM, commit, copy

pytestmark = pytest.mark.full
ADDRESS = "https://template.invalid/template.git"


def mirrored(history: Path) -> dict[str, str]:
    """Return the variables with which git takes ADDRESS from a local copy."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{history}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }


def record_source(folder: Path, address: str) -> None:
    path = folder / ".copier-answers.yml"
    text = re.sub(r"_src_path: .*", f"_src_path: {address}", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8", newline="\n")


@pytest.fixture
def team(history: Path, tmp_path: Path, team_environment: TeamEnvironment) -> Path:
    """Return a repository at the version of the working tree, set up, on a feature branch."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    team_environment.run(folder, "quant", "setup", "--defaults")
    git(folder, "switch", "--quiet", "-c", "feature/alice/template")
    return folder


# --- a newer version


@pytest.fixture
def published(history: Path, tmp_path: Path) -> Path:
    """Return the releases with a changelog beside them, as the template's own repository has it."""
    folder = tmp_path / "published"
    git(tmp_path, "clone", "--quiet", str(history), str(folder))
    text = (
        "# Changelog\n\n## Unreleased\n\nNot yet.\n\n"
        f"## {CHANGED}\n\n- Everything is new.\n\nTo do: nothing.\n\n"
        f"## {NEXT}\n\n- Old news.\n\nTo do: nothing.\n"
    )
    (folder / "CHANGELOG.md").write_text(text, encoding="utf-8")
    commit(folder)
    git(folder, "tag", "--force", CHANGED)
    git(folder, "tag", f"{CHANGED.replace('.1.', '.2.')}rc1")
    return folder


def test_a_newer_version_is_announced_with_its_changelog(
    team: Path, published: Path, team_environment: TeamEnvironment
) -> None:
    """Doctor names it, `quant template news` quotes what is new; pre-releases do not count."""
    record_source(team, ADDRESS)
    env = mirrored(published)
    done = team_environment.run(team, "quant", "doctor", env=env)
    assert re.search(
        rf"^warn  template: +{NEXT}; {CHANGED} is out .*->  quant template update$",
        done.stdout,
        re.MULTILINE,
    )
    news = team_environment.run(team, "quant", "template", "news", env=env).stdout
    assert news.startswith(f"# Template {CHANGED} is out\n")
    assert "- Everything is new." in news
    assert "Old news" not in news
    assert "Not yet" not in news


def test_the_newest_version_has_no_news(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """At the newest version, doctor says so and the news is empty, so that CI opens no issue."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    team_environment.run(folder, "quant", "setup", "--defaults")
    record_source(folder, ADDRESS)
    only = tmp_path / "only"
    git(tmp_path, "clone", "--quiet", "--no-tags", str(history), str(only))
    git(only, "fetch", "--quiet", "--no-tags", str(history), f"refs/tags/{NEXT}:refs/tags/{NEXT}")
    env = mirrored(only)
    assert team_environment.run(folder, "quant", "template", "news", env=env).stdout == ""
    assert (
        f"{NEXT} from {ADDRESS}, the newest"
        in team_environment.run(folder, "quant", "doctor", env=env).stdout
    )


def test_doctor_never_fails_offline(team: Path, team_environment: TeamEnvironment) -> None:
    """Without the address, doctor shows the version alone; the news say it in a sentence."""
    record_source(team, ADDRESS)
    env = mirrored(Path("/gone/template"))
    done = team_environment.run(team, "quant", "doctor", env=env)
    assert f"{NEXT} from {ADDRESS} (cannot look for a newer one now)" in done.stdout
    done = team_environment.run(team, "quant", "template", "news", check=False, env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(f"quant: The template's source {ADDRESS} cannot be reached")


# --- teammates' machines


def test_a_local_template_is_fixed_by_one_command(
    team: Path, history: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """Doctor explains it; `quant template source ADDRESS` records where anybody can update from."""
    done = team_environment.run(team, "quant", "doctor")
    assert re.search(
        r"^warn  template: .*local path.*->  quant template source ADDRESS$",
        done.stdout,
        re.MULTILINE,
    )
    env = mirrored(history)
    before = yaml.safe_load((team / ".copier-answers.yml").read_text(encoding="utf-8"))
    team_environment.run(team, "quant", "template", "source", ADDRESS, env=env)
    after = yaml.safe_load((team / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert after == {**before, "_src_path": ADDRESS}
    assert git(team, "status", "--porcelain") == " M .copier-answers.yml"
    assert "local path" not in team_environment.run(team, "quant", "doctor", env=env).stdout


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("../template", "is a path of this machine"),
        ("https://gone.invalid/x.git", "cannot be reached"),
    ],
)
def test_a_bad_address_is_refused(
    team: Path, team_environment: TeamEnvironment, address: str, sentence: str
) -> None:
    """A local path, or an address that nobody answers at: one sentence, and nothing is recorded."""
    before = (team / ".copier-answers.yml").read_bytes()
    env = mirrored(Path("/gone")) | {"GIT_CONFIG_VALUE_0": "https://gone.invalid/x.git"}
    done = team_environment.run(team, "quant", "template", "source", address, check=False, env=env)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert (team / ".copier-answers.yml").read_bytes() == before


def test_each_forge_has_a_job_for_the_news(template: Path, tmp_path: Path) -> None:
    """The scheduled job is there for both, with the right to write an issue and no more."""
    one = copy_template(template, tmp_path / "one", {"forge": "github"})
    github = one / ".github" / "workflows" / "template.yml"
    job = yaml.safe_load(github.read_text(encoding="utf-8"))
    assert job["permissions"] == {"contents": "read", "issues": "write"}
    assert "quant template news > news.md" in github.read_text(encoding="utf-8")
    gitlab = copy_template(template, tmp_path / "two", {"forge": "gitlab"}) / ".gitlab-ci.yml"
    job = yaml.safe_load(gitlab.read_text(encoding="utf-8"))["template"]
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert job["script"][0] == "quant template news | tee news.md"
