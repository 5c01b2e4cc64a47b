"""A team lives through an update: it hears of it, sees its conflicts, and its own tests pass afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import TeamEnvironment, copy_template, git
from tests.releases import CHANGED, NEXT, RELEASES, TEAM, commit, copy, update

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


def failed(repository: Path, environment: TeamEnvironment, **env: str) -> list[str]:
    """Return the FAIL lines of `quant doctor`."""
    done = environment.run(repository, "quant", "doctor", check=False, env=env)
    assert "Traceback" not in done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("FAIL")]


# --- conflicts
# --------------------------------------------------------------------------------------------------------


def test_conflicts_of_an_update_are_named_until_resolved(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """Doctor names the unmerged file; staged as it is, the hook does; committed past the hook, doctor and CI do."""
    readme = team / "README.md"
    readme.write_text("# ours\n" + readme.read_text("utf-8"), encoding="utf-8", newline="\n")
    commit(team)
    update(team, CHANGED)
    assert any("README.md: unmerged" in line for line in failed(team, team_environment))
    git(team, "checkout", "HEAD", "--", ".")
    readme.write_text(
        "<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n",
        encoding="utf-8",
        newline="\n",
    )
    git(team, "add", "README.md")
    done = team_environment.run(team, "git", "commit", "-m", "docs: update", check=False)
    assert done.returncode != 0
    assert "README.md: line 1 is a conflict marker" in done.stderr
    assert any("README.md: conflict markers" in line for line in failed(team, team_environment))
    git(team, "commit", "--quiet", "--no-verify", "-m", "docs: update")
    assert any("README.md: conflict markers" in line for line in failed(team, team_environment))
    done = team_environment.run(
        team, "prek", "run", "--from-ref", "HEAD~1", "--to-ref", "HEAD", check=False
    )
    assert "README.md: line 1 is a conflict marker" in done.stdout


def test_rejected_changes_of_an_update_are_named(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """A `.rej` file shows in `git status`, in doctor, and in the hook once it is staged."""
    (team / "README.md.rej").write_text("@@ -1 +1 @@\n", encoding="utf-8")
    assert git(team, "status", "--porcelain") == "?? README.md.rej"
    assert any(
        "README.md.rej" in line and line.endswith("rm README.md.rej")
        for line in failed(team, team_environment)
    )
    git(team, "add", "--all")
    done = team_environment.run(team, "git", "commit", "-m", "docs: update", check=False)
    assert done.returncode != 0
    assert "README.md.rej: left over from an update or a merge" in done.stderr


@pytest.mark.parametrize("name", [".copier-answers.yml", "infrastructure/permissions.yaml"])
def test_a_rendered_file_edited_by_hand_is_noticed_and_explained(
    team: Path, team_environment: TeamEnvironment, name: str
) -> None:
    """A member who was promoted by hand: doctor says that the two files disagree, and the way back."""
    path = team / name
    lines = path.read_text(encoding="utf-8").replace("senior: false", "senior: true").splitlines()
    if name == ".copier-answers.yml":
        lines.insert(lines.index("    handle: charlie") + 1, "    senior: true")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    lines = failed(team, team_environment)
    assert any(line.startswith("FAIL  roster:") and "git checkout" in line for line in lines), lines


# --- a newer version
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def published(history: Path, tmp_path: Path) -> Path:
    """Return the releases with a changelog beside them, as the template's own repository has it."""
    folder = tmp_path / "published"
    git(tmp_path, "clone", "--quiet", str(history), str(folder))
    text = (
        "# Changelog\n\n## Unreleased\n\nNot yet.\n\n"
        f"## {CHANGED}\n\n- Everything is new.\n\nTo do: nothing.\n\n## {NEXT}\n\n- Old news.\n\nTo do: nothing.\n"
    )
    (folder / "CHANGELOG.md").write_text(text, encoding="utf-8")
    commit(folder)
    git(folder, "tag", "--force", CHANGED)
    git(folder, "tag", f"{CHANGED.replace('.1.', '.2.')}rc1")
    return folder


def test_a_newer_version_is_announced_with_its_changelog(
    team: Path, published: Path, team_environment: TeamEnvironment
) -> None:
    """Doctor shows that a version is out, `quant template news` quotes what is new; pre-releases do not count."""
    record_source(team, ADDRESS)
    env = mirrored(published)
    done = team_environment.run(team, "quant", "doctor", env=env)
    assert re.search(
        rf"^warn  template: +{NEXT}; {CHANGED} is out .*->  copier update$",
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
    """Where the address cannot be reached, the version is shown and that is all; the news say it in a sentence."""
    record_source(team, ADDRESS)
    env = mirrored(Path("/gone/template"))
    done = team_environment.run(team, "quant", "doctor", env=env)
    assert f"{NEXT} from {ADDRESS} (cannot look for a newer one now)" in done.stdout
    done = team_environment.run(team, "quant", "template", "news", check=False, env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(f"quant: The template's source {ADDRESS} cannot be reached")


# --- teammates' machines
# ----------------------------------------------------------------------------------------------


def test_a_local_template_is_mended_by_one_command(
    team: Path, history: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """Doctor explains it; `quant template source ADDRESS` records an address, after which anybody updates."""
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
    """Another local path, or an address that nobody answers at: one sentence, and the answers stay as they are."""
    before = (team / ".copier-answers.yml").read_bytes()
    env = mirrored(Path("/gone")) | {"GIT_CONFIG_VALUE_0": "https://gone.invalid/x.git"}
    done = team_environment.run(team, "quant", "template", "source", address, check=False, env=env)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert (team / ".copier-answers.yml").read_bytes() == before


# --- after the update
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", [RELEASES[0], NEXT])
def test_the_teams_own_tests_pass_after_an_update(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment, release: str
) -> None:
    """From the oldest release, and after the team has grown: set-up, doctor, lint, types and tests are content."""
    folder = copy(history, tmp_path / "team", release, TEAM)
    team_environment.run(folder, "quant", "setup", "--defaults")
    git(folder, "switch", "--quiet", "-c", "feature/alice/template")
    newcomer = {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}
    update(folder, NEXT, team=[*TEAM, newcomer])
    team_environment.run(folder, "quant", "access", "compile")
    team_environment.run(folder, "quant", "setup")
    git(folder, "add", "--all")
    team_environment.run(folder, "git", "commit", "--quiet", "-m", "feat: update the template")
    team_environment.run(folder, "quant", "doctor")
    team_environment.run(folder, "ruff", "check")
    team_environment.run(folder, "mypy")
    team_environment.run(folder, "pytest", "-q", "-p", "no:cacheprovider")


def test_each_forge_has_a_job_for_the_news(template: Path, tmp_path: Path) -> None:
    """The scheduled job is there for both forges, and has the rights to write an issue and no more."""
    github = (
        copy_template(template, tmp_path / "one", {"forge": "github"})
        / ".github"
        / "workflows"
        / "template.yml"
    )
    job = yaml.safe_load(github.read_text(encoding="utf-8"))
    assert job["permissions"] == {"contents": "read", "issues": "write"}
    assert "quant template news > news.md" in github.read_text(encoding="utf-8")
    gitlab = copy_template(template, tmp_path / "two", {"forge": "gitlab"}) / ".gitlab-ci.yml"
    job = yaml.safe_load(gitlab.read_text(encoding="utf-8"))["template"]
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert job["script"][0] == "quant template news | tee news.md"
