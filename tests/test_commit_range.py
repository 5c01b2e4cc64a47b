"""What CI judges: ranges and titles, by the rule of the message file, with bots passing."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given

from tests.conftest import git, run
from tests.judged import (
    PROGRAM,
    SHELL,
    TABLE,
    called,
    check,
    judge,
    messages,
    step_outside,
    variables,
    verdict,
)

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
BOTS = [
    # GitHub: the login of a pull request, and the author of a commit.
    "dependabot[bot]",
    "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
    "Renovate of ours <29139614+renovate[bot]@users.noreply.github.com>",
    # GitLab: the holder of a project's or a group's token, and its commits.
    "project_12_bot",
    "project_12_bot_9f2ab34c",
    "group_7_bot_9f2ab34c",
    "Updates <project_12_bot_9f2ab34c@noreply.gitlab.example>",
    "service_account_group_7_9f2ab34c",
    # Run by the team itself.
    "renovate-bot",
    "Renovate Bot <renovate@updates.example>",
]
PEOPLE = [
    "",
    " <>",
    "alice",
    "Alice Bot <alice@users.noreply.invalid>",
    "Jan Bot",
    "robot <robot@users.noreply.invalid>",
    "project_bot",
    "Alice <alice@x.example> [bot]x",
]


@pytest.fixture(autouse=True)
def _outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step_outside(tmp_path, monkeypatch)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit, in which the test runs."""
    git(tmp_path, "init", "-q")
    commit(tmp_path, "feat: first")
    return tmp_path


def commit(repository: Path, message: str, *options: str) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", message, *options)


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository for many commits."""
    repository = tmp_path_factory.mktemp("spare")
    git(repository, "init", "-q")
    commit(repository, "feat: first")
    return repository


def as_an_editor_leaves_it(repository: Path, message: bytes) -> None:
    """Commit what an editor left in the message file, whatever any hook would say."""
    typed = repository / "typed"
    typed.write_bytes(message)
    editor = f"cp {shlex.quote(typed.as_posix())}"
    options = ("--no-verify", "--allow-empty", "--allow-empty-message", "--verbose", "--quiet")
    run("git", "commit", *options, cwd=repository, env={"GIT_EDITOR": editor})


@pytest.mark.parametrize("row", TABLE, ids=[row["name"] for row in TABLE])
def test_a_message_gets_one_verdict_as_file_range_and_title(
    spare: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    """The three agree on each message; only what a squash would remove passes in a file alone."""
    message = row["message"].encode()
    as_file, _ = verdict(message)
    as_an_editor_leaves_it(spare, Path("message").read_bytes())
    monkeypatch.chdir(spare)
    as_range, _ = called("--range", "HEAD^!")
    as_title, _ = called("--title", git(spare, "log", "-1", "--format=%B"))
    to_be_squashed = row["message"].startswith(judge.AUTOSQUASH)
    assert as_range == as_title == (as_file and not to_be_squashed)


@check
@given(messages)
@example(b"fixup! feat: x")
@example(b"\xef\xbb\xbffeat: x\n")
@example(b"feat: x\n\xff")
@pytest.mark.parametrize("author", ["alice", "dependabot[bot]"])
def test_a_range_and_a_title_agree_on_any_bytes(spare: Path, author: str, message: bytes) -> None:
    """What git has recorded and what stands above a pull request are judged alike."""
    assume(b"\0" not in message)
    (spare / "m").write_bytes(message)
    environment = {"GIT_AUTHOR_NAME": author}
    made = run("git", "commit-tree", EMPTY_TREE, "-F", "m", cwd=spare, env=environment)
    before = Path.cwd()
    os.chdir(spare)
    try:
        as_range = called("--range", f"{made.stdout.strip()}^!")[0]
    finally:
        os.chdir(before)
    as_title = called("--title", os.fsdecode(message), "--author", author)[0]
    assert as_range == as_title


@pytest.mark.parametrize("author", BOTS)
def test_a_bot_s_messages_and_titles_pass(author: str) -> None:
    """No bot knows the convention, and its pull request is green all the same."""
    title = "Bump requests from 2.31.0 to 2.32.4"
    assert called("--title", title, "--author", author) == (True, "")
    name, _, address = author.partition(" <")
    with variables(GIT_AUTHOR_NAME=name, GIT_AUTHOR_EMAIL=address.rstrip(">")):
        assert verdict(title.encode())[0]


@pytest.mark.parametrize("author", PEOPLE)
def test_a_person_s_messages_and_titles_are_judged(author: str) -> None:
    """A name that resembles a bot's is a person's."""
    assert not called("--title", "Bump requests", "--author", author)[0]
    assert called("--title", "feat: bump requests", "--author", author)[0]
    with variables(GIT_AUTHOR_NAME=author):
        assert not verdict(b"Bump requests")[0]


def test_a_range_is_judged_without_merges_and_bots(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every commit that stays is judged as final: no fixup!, and merges are not judged."""
    for message in ("nonsense", "fixup! feat: first", "feat: good\n\nbody"):
        commit(repository, message)
    commit(repository, "Bump x", "--author", "dependabot[bot] <b@example.com>")
    git(repository, "checkout", "-q", "-b", "other", "HEAD~1")
    commit(repository, "data: other")
    git(repository, "merge", "-q", "-m", "whatever", "main")
    assert judge.main(["--range", "main~4..HEAD"]) == 1
    said = capsys.readouterr().err
    assert "nonsense" in said
    assert "fixup! feat: first" in said
    assert "2 of 5 messages refused" in said
    assert "git rebase -i --autosquash main~4 " in said.splitlines()[-1]
    assert judge.main(["--range", "main~2..HEAD"]) == 0
    assert judge.main(["--range", "HEAD..HEAD"]) == 0
    for wrong in ("nowhere..HEAD", "--all", ""):
        assert judge.main(["--range", wrong]) == 1


def test_a_member_who_amends_a_bot_s_commit_is_not_sent_to_its_words(repository: Path) -> None:
    """Git tells the hook who the author is, and the hook judges as CI will."""
    git(repository, "config", "core.hooksPath", PROGRAM.parent.as_posix())
    author = ("--author", "dependabot[bot] <b@users.noreply.invalid>")
    commit(repository, "Bump requests from 2.31.0 to 2.32.4", *author)
    commit(repository, "Bump requests", "--amend")
    refused = run("git", "commit", "--allow-empty", "-m", "Bump x", cwd=repository, check=False)
    assert refused.returncode == 1


FAILED_CALLS: list[tuple[str, dict[str, str], str, str]] = [
    ("HEAD", {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}, "detected dubious ownership", "config"),
    ("nowhere..HEAD", {}, "bad revision 'nowhere..HEAD'", "fetch"),
    (f"{EMPTY_TREE[::-1]}..HEAD", {}, "Invalid revision range", "fetch"),
    ("HEAD", {"GIT_DIR": "/nowhere"}, "not a git repository", ""),
    ("HEAD", {"PATH": os.devnull}, "git is not on PATH", ""),
]


@pytest.mark.parametrize(("revisions", "environment", "sentence", "helps"), FAILED_CALLS)
def test_a_failed_git_call_is_shown_in_git_s_own_words(
    repository: Path, revisions: str, environment: dict[str, str], sentence: str, helps: str
) -> None:
    """Each failure is one sentence of git's, once, and the command that helps."""
    arguments = ("-S", "-E", "-I", PROGRAM, "--range", revisions)
    done = run(sys.executable, *arguments, cwd=repository, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr.count(sentence) == 1, done.stderr
    first, *more = done.stderr.splitlines()
    assert first.startswith(f"commit-msg: git cannot read the range {revisions}: ")
    assert [line.split()[:3] for line in more] == [["run:", "git", helps]] * bool(helps)


def test_a_shallow_clone_is_deepened(repository: Path, tmp_path: Path) -> None:
    """CI often has the newest commit alone."""
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, "feat: second")
    run("git", "clone", "-q", "--depth=1", repository.as_uri(), "shallow", cwd=tmp_path)
    options = ("--range", f"{base}..HEAD")
    done = run(sys.executable, PROGRAM, *options, cwd=tmp_path / "shallow", check=False)
    assert done.stderr.splitlines()[-1].split() == ["run:", "git", "fetch", "--unshallow"]


def test_a_message_in_another_encoding_is_judged_as_text(repository: Path) -> None:
    """A recorded latin-1 message is read in its own encoding."""
    Path("m").write_bytes("fix: für alle\n".encode("latin-1"))
    git(repository, "-c", "i18n.commitEncoding=latin-1", "commit", "-q", "--allow-empty", "-F", "m")
    assert judge.main(["--range", "HEAD"]) == 0


@pytest.mark.parametrize(
    ("title", "accepted"),
    [
        ("feat: replay engine", True),
        ("Draft: feat: replay engine", True),
        ("draft: feat: replay engine", True),
        ("[Draft] feat: replay engine", True),
        ("(Draft) Draft: feat: replay engine", True),
        ("Draft feat: replay engine", False),
        ('Revert "feat: replay engine"', True),
        ("Merge branch 'develop' into 'main'", True),
        ("Replay engine", False),
        ("fixup! feat: replay engine", False),
        ("feat: " + "x" * 67, False),
        ("feat: $(touch pwned)", True),
        ("", False),
    ],
)
def test_a_title_is_judged_like_a_subject(title: str, accepted: bool) -> None:
    """A pull request's title must do as the subject of its merge."""
    passed, said = called("--title", title)
    assert passed == accepted
    assert bool(said) != accepted
    assert not Path("pwned").exists()


def test_a_title_s_letters_are_those_of_the_terminal() -> None:
    """A title is counted in letters where the locale has another encoding, or none."""
    title = "feat: " + "ä" * 66
    for locale in ("C", "POSIX", "en_US.ISO-8859-1"):
        environment = {"LC_ALL": locale, "LANG": locale}
        done = run(
            SHELL, PROGRAM.parent / "commit-msg", "--title", title, cwd=Path.cwd(), env=environment
        )
        assert done.returncode == 0
