"""The doctor's check of personal git settings: each that does harm, with the line against it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quant_team_cli import git_settings, updating
from quant_team_utils import git, git_environment
from tests.conftest import ROOT, make_clone

UPDATE = "update with `quant template update`, never with a bare `copier update`"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound clone; each test sets up a copy of it."""
    return make_clone(ROOT, tmp_path_factory.mktemp("pattern") / "team")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a member without git settings."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture
def clone(pattern: Path, home: Path, tmp_path: Path) -> Path:
    """Return a sound clone of one's own."""
    return Path(shutil.copytree(pattern, tmp_path / "team", symlinks=True))


def prefer(clone: Path, home: Path, key: str, value: str) -> None:
    """Set a value for all repositories of the member."""
    git.run(clone, "config", "--file", str(home / ".gitconfig"), key, value)


def write(path: Path, text: str) -> Path:
    """Write a file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


HARM = [
    ("apply.whitespace", "error", "git config --local apply.whitespace nowarn"),
    ("apply.whitespace", "error-all", "git config --local apply.whitespace nowarn"),
    ("apply.whitespace", "fix", "git config --local apply.whitespace nowarn"),
    ("status.showUntrackedFiles", "no", "git config --local status.showUntrackedFiles normal"),
    ("core.bigFileThreshold", "1k", "git config --global --unset core.bigFileThreshold"),
]


@pytest.mark.parametrize(("key", "value", "line"), HARM)
def test_a_setting_that_loses_edits_is_named_with_the_line_against_it(
    clone: Path, home: Path, key: str, value: str, line: str
) -> None:
    """A warning: `quant` itself is safe."""
    assert git_settings.check_git_settings(clone).state == "ok"
    prefer(clone, home, key, value)
    check = git_settings.check_git_settings(clone)
    assert (check.state, check.fix) == ("warn", line)
    assert check.detail.startswith(f"{key}={value}: ")
    assert "a bare `copier update` " in check.detail


@pytest.mark.parametrize(("key", "value", "line"), HARM)
def test_the_line_puts_an_end_to_the_warning(
    clone: Path, home: Path, key: str, value: str, line: str
) -> None:
    """It is a command, to be typed as it stands."""
    prefer(clone, home, key, value)
    git.run(clone, *line.split()[1:])
    assert git_settings.check_git_settings(clone).state == "ok"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("apply.whitespace", "warn"),
        ("status.showUntrackedFiles", "all"),
        ("core.bigFileThreshold", "100m"),
        ("core.quotePath", "false"),
        ("color.ui", "always"),
        ("diff.noprefix", "true"),
    ],
)
def test_a_setting_that_does_no_harm_is_not_named(
    clone: Path, home: Path, key: str, value: str
) -> None:
    """People may have their preferences."""
    prefer(clone, home, key, value)
    assert git_settings.check_git_settings(clone).state == "ok"


def test_names_that_copier_cannot_read_are_named(clone: Path, home: Path) -> None:
    """`core.quotePath=false` does harm only beside a name that is not ASCII."""
    write(clone / "\u00fcbung.md", "ours\n")
    assert git_settings.check_git_settings(clone).state == "ok"
    prefer(clone, home, "core.quotePath", "false")
    check = git_settings.check_git_settings(clone)
    assert (check.state, check.fix) == ("warn", "git config --global core.quotePath true")
    assert "\u00fcbung.md" in check.detail


@pytest.mark.parametrize("place", ["core.excludesFile", "the default place", "this clone"])
def test_a_personal_ignore_list_that_hides_files_of_the_team_is_named(
    clone: Path, home: Path, place: str
) -> None:
    """With its line, its file, and one of the files that it hides."""
    if place == "this clone":
        path = write(clone / ".git" / "info" / "exclude", "*.swp\nhooks/\n")
    elif place == "core.excludesFile":
        path = write(home / "mine", "*.swp\nhooks/\n")
        prefer(clone, home, place, str(path))
    else:
        path = write(home / ".config" / "git" / "ignore", "*.swp\nhooks/\n")
    check = git_settings.check_git_settings(clone)
    assert check.state == "warn"
    assert check.detail.startswith("hooks/ in ")
    assert path.name in check.detail
    assert "hides hooks/commit-msg and " in check.detail
    assert check.fix == f"remove that line, or {UPDATE}"


@pytest.mark.parametrize("name", ["exclude", "attributes"])
def test_what_a_personal_template_brings_into_new_repositories_is_named(
    clone: Path, home: Path, name: str
) -> None:
    """Copier makes some; git's own template holds comments only."""
    prefer(clone, home, "init.templateDir", "~/seed")
    path = write(home / "seed" / "info" / name, "# git ls-files --others\n\n")
    assert git_settings.check_git_settings(clone).state == "ok"
    write(path, "*.md x\n")
    check = git_settings.check_git_settings(clone)
    assert (check.state, check.fix) == ("warn", UPDATE)
    assert check.detail.startswith(f"{path} (init.templateDir)")


def test_a_personal_ignore_list_that_hides_nothing_is_right(clone: Path, home: Path) -> None:
    """Files of an editor, and what the team ignores too."""
    path = write(home / "mine", "*.swp\n.env\n__pycache__/\n")
    prefer(clone, home, "core.excludesFile", str(path))
    assert git_settings.check_git_settings(clone).state == "ok"


@pytest.mark.parametrize(
    ("line", "attribute"),
    [
        ("*.md -diff", "-diff"),
        ("*.md binary", "-diff"),
        ("*.md filter=up", "filter=up"),
        ("*.md working-tree-encoding=UTF-16", "working-tree-encoding=UTF-16"),
    ],
)
def test_a_personal_attribute_is_named(clone: Path, home: Path, line: str, attribute: str) -> None:
    """With it git compares no lines of a file, or changes them."""
    path = write(home / "attributes", f"{line}\n")
    prefer(clone, home, "core.attributesFile", str(path))
    check = git_settings.check_git_settings(clone)
    assert check.state == "warn"
    assert check.detail.startswith(f"your attribute {attribute} for ")
    assert check.fix is not None
    assert UPDATE in check.fix


def test_several_are_named_together(clone: Path, home: Path) -> None:
    """One line of the doctor, with the line against each."""
    prefer(clone, home, "apply.whitespace", "fix")
    prefer(clone, home, "status.showUntrackedFiles", "no")
    check = git_settings.check_git_settings(clone)
    assert check.detail.count("; ") == 1
    assert check.fix is not None
    assert check.fix.split("; ") == [
        "git config --local apply.whitespace nowarn",
        "git config --local status.showUntrackedFiles normal",
    ]


# --- how `quant` calls git


def test_what_the_environment_sets_already_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pinned settings come after it, and so they win."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Alice")
    variables = git_environment.environment({"color.ui": "false"})
    assert variables["GIT_CONFIG_COUNT"] == "2"
    assert variables["GIT_CONFIG_KEY_0"] == "user.name"
    assert variables["GIT_CONFIG_KEY_1"] == "color.ui"
    assert variables["GIT_CONFIG_VALUE_1"] == "false"


def test_every_call_of_git_or_copier_has_the_pinned_settings() -> None:
    """What runs git, or Copier, gives it the environment of this project."""
    calls = ('["git"', "copier_process.find()", "copier_process.present()")
    callers = []
    for folder in ("src", "infrastructure"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "subprocess.run(" in text and any(call in text for call in calls):
                callers.append(path.name)
                assert "env=environment(" in text or "variables = environment(" in text, path
    assert {"git.py", "updating.py"} <= set(callers)


def test_a_calling_git_does_not_decide_where_git_looks(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`quant` in a hook, or in a graphical client that sets GIT_DIR and GIT_INDEX_FILE."""
    monkeypatch.setenv("GIT_DIR", "/gone")
    monkeypatch.setenv("GIT_INDEX_FILE", "/gone")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert git.is_repository(clone)
    assert git.changes(clone) == []
    assert git.run(clone, "ls-files", "hooks/commit*msg") == "hooks/commit-msg"


def test_what_is_yours_stays_yours() -> None:
    """Nothing of who you are, what you sign, whom you trust and how you reach a server is set."""
    yours = ("user.", "author.", "commit.", "gpg.", "url.", "credential.", "safe.", "http.")
    for key in (*git_environment.PINNED, *git_environment.FOR_COPIER):
        assert not key.startswith(yours)
        assert key not in ("core.sshCommand", "core.askPass", "merge.conflictStyle")


def test_a_clean_clone_stays_clean_with_a_personal_ignore_list(clone: Path, home: Path) -> None:
    """`git status` as the member sees it leaves out what they ignore; what is added does not."""
    path = write(home / "mine", "*.orig\ndocs/\n")
    prefer(clone, home, "core.excludesFile", str(path))
    write(clone / "page.orig", "mine\n")
    assert git.changes(clone) == []
    write(clone / "docs" / "page.md", "ours\n")
    git.run(clone, "add", "docs")
    assert git.run(clone, "diff", "--cached", "--name-only") == "docs/page.md"


# --- updates


def test_what_a_member_ignores_is_no_obstacle_to_an_update(clone: Path, home: Path) -> None:
    """It is untracked only for those who do not ignore it."""
    write(clone / "page.orig", "mine\n")
    git.run(clone, "switch", "--quiet", "-c", "feature/bob/topic")
    with pytest.raises(updating.UpdateError, match=r"page\.orig"):
        updating.require_ready(clone, "topic")
    path = write(home / "mine", "*.orig\n")
    prefer(clone, home, "core.excludesFile", str(path))
    updating.require_ready(clone, "topic")


def test_the_line_adds_what_a_personal_ignore_list_hides(clone: Path, home: Path) -> None:
    """`git add -A` leaves out a page that the update brings; what the member ignores stays out."""
    path = write(home / "mine", "docs/\n*.orig\n")
    prefer(clone, home, "core.excludesFile", str(path))
    write(clone / "page.orig", "mine\n")
    before = updating.uncommitted(clone)
    write(clone / "docs" / "new page.md", "theirs\n")
    line = updating.commit_line(clone, before, "feat: x")
    add, force, commit = line.split(" && ")
    assert add.startswith("git add -A")
    assert force == "git add --force 'docs/new page.md'"
    assert commit == 'git commit -m "feat: x"'
