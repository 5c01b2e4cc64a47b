"""The commit-message hook in real commits: what it judges, and what a refusal leaves."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from tests.conftest import ROOT, run
from tests.hooked import Repository, again
from tests.judged import TYPES, judge, messages


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository in a folder whose name has a space."""
    return Repository(tmp_path / "a folder")


def test_commit_with_a_message(repository: Repository) -> None:
    """`commit -m` and `-F` are judged; a refusal makes no commit and is at most six lines."""
    assert repository("commit", "--allow-empty", "-m", "fix: good").returncode == 0
    refused = repository("commit", "--allow-empty", "-m", "feature: x")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) <= 6
    assert "feat: x" in refused.stderr
    assert all(kind in refused.stderr for kind in TYPES)
    (repository.folder / "m").write_text("nonsense\n", encoding="utf-8")
    assert repository("commit", "--allow-empty", "-F", "m").returncode == 1
    assert repository.subject() == "fix: good"


def test_what_was_typed_is_kept_and_taken_up_again(repository: Repository) -> None:
    """The refused text survives the next commit, and the printed command brings it back."""
    text = "feature: x\n\nA long explanation.\n\nRefs: #7"
    refused = repository("commit", "--allow-empty", writes=f"{text}\n")
    assert repository.kept.read_text(encoding="utf-8") == f"{text}\n"
    assert (
        repository("commit", "--allow-empty").returncode == 1
    )  # an untouched editor: nothing to commit
    assert repository.kept.read_text(encoding="utf-8") == f"{text}\n"
    below = repository.folder / "below"
    below.mkdir()
    corrected = repository(
        *again(refused),
        "--allow-empty",
        cwd=below,
        env={"GIT_EDITOR": "sed -i.bak s/^feature/feat/"},
    )
    assert corrected.returncode == 0, corrected.stderr
    assert repository.git("log", "-1", "--format=%B").rstrip() == text.replace("feature", "feat")


def test_a_hash_line_is_content_where_no_editor_ran(repository: Repository) -> None:
    """`-m` records a # line, so it is judged; with `cleanup=strip` git drops it, so it is not."""
    message = "# hash line\n\nfeat: looks fine"
    assert repository("commit", "--allow-empty", "-m", message).returncode == 1
    assert (
        repository(
            "-c", "commit.cleanup=strip", "commit", "--allow-empty", "-m", message
        ).returncode
        == 0
    )
    assert repository.subject() == "feat: looks fine"


@pytest.mark.parametrize("options", [[], ["-v"], ["-vv"]])
@pytest.mark.parametrize(
    "config", [[], ["core.commentChar=;"], ["core.commentChar=auto"], ["commit.status=false"]]
)
def test_an_editor_commit_is_judged_without_the_template(
    repository: Repository, options: list[str], config: list[str]
) -> None:
    """Template, scissors and diff do not count, whatever the comment character."""
    repository.write("second\n")
    settings = [word for value in config for word in ("-c", value)]
    assert repository(*settings, "commit", *options, writes="nope\n").returncode == 1
    assert repository(*settings, "commit", *options, writes="\n\nfeat: good\n").returncode == 0
    assert repository.subject() == "feat: good"
    repository.write("third\n")
    assert repository(*settings, "commit", *options, writes="fix: good\n\nbody\n").returncode == 0


def test_the_chosen_comment_character_is_read_off_the_file(repository: Repository) -> None:
    """`auto` takes another character where # begins a line of the draft."""
    (repository.folder / "draft").write_text("feat: x\n\n# heading\n", encoding="utf-8")
    done = repository(
        "-c", "core.commentChar=auto", "commit", "--allow-empty", "-e", "-F", "draft", writes="\n"
    )
    assert done.returncode == 0, done.stderr
    assert "# heading" in repository.git("log", "-1", "--format=%B")
    refused = repository(
        "-c",
        "core.commentChar=auto",
        "commit",
        "--amend",
        "--allow-empty",
        writes="# new heading\n",
    )
    assert refused.returncode == 1
    assert repository.kept.read_text(encoding="utf-8") == "# new heading\nfeat: x\n\n# heading\n"


def test_the_hint_is_not_needed(repository: Repository) -> None:
    """Without git's hint, or in another language, git's configuration tells."""
    editor = repository.folder.parent / "whole.sh"
    for prefix, config in (("#", []), (";", ["-c", "core.commentChar=;"])):
        editor.write_text(
            f'printf "feat: x\\n{prefix} Zeilen werden ignoriert\\n" >"$1"\n', encoding="utf-8"
        )
        name = f"sh {shlex.quote(editor.as_posix())}"
        done = repository(*config, "commit", "--allow-empty", env={"GIT_EDITOR": name})
        assert done.returncode == 0, done.stderr
        assert repository.subject() == "feat: x"


def test_lines_that_git_keeps_are_judged(repository: Repository) -> None:
    """`cleanup=scissors`, `whitespace` and `verbatim` keep # lines even from an editor."""
    for mode in ("scissors", "whitespace", "verbatim"):
        set_mode = ("-c", f"commit.cleanup={mode}", "commit", "--allow-empty", "--no-status")
        assert repository(*set_mode, writes="feat: x\n# heading\n").returncode == 1, mode
        assert repository(*set_mode, writes="feat: x\n\n# heading\n").returncode == 0, mode
        assert "# heading" in repository.git("log", "-1", "--format=%B")
    hint = repository(
        "commit", "--allow-empty", "--cleanup=whitespace", writes="feat: x\n# heading\n"
    )
    assert hint.returncode == 1  # git's hint says that they are kept


def test_verbatim_messages_are_judged_as_git_shows_them(repository: Repository) -> None:
    """Nothing is stripped; git's own reading of a subject passes over blank lines and line ends."""
    for message in ("\n\nfeat: x\n\nbody\n", "feat: x\r\n\r\nbody\r\n", "feat: x   \n"):
        assert (
            repository("commit", "--allow-empty", "--cleanup=verbatim", "-m", message).returncode
            == 0
        )
    assert (
        repository("commit", "--allow-empty", "--cleanup=verbatim", "-m", " feat: x").returncode
        == 1
    )


def test_an_empty_message_is_refused_in_one_line(repository: Repository) -> None:
    """Git aborts anyway; where it would not, the hook does."""
    for options in (["--allow-empty-message", "-m", ""], []):
        done = repository("commit", "--allow-empty", *options)
        assert done.returncode == 1
        assert len([line for line in done.stderr.splitlines() if "commit-msg" in line]) == 1
    assert not repository.kept.exists()


def test_fixups_pass_until_they_are_to_stay(repository: Repository) -> None:
    """Marks for autosquash pass here and are refused in a range; autosquash runs no hook."""
    for option in ("--fixup=HEAD", "--squash=HEAD", "--fixup=amend:HEAD"):
        repository.write(option)
        assert repository("commit", option).returncode == 0, option
        assert repository.subject().startswith(("fixup! ", "squash! ", "amend! "))
    program = (ROOT / "hooks" / "commit_message.py").as_posix()
    done = run("python", program, "--range", "HEAD~3..HEAD", cwd=repository.folder, check=False)
    assert "3 of 3 messages refused" in done.stderr
    assert repository("rebase", "-q", "-i", "--autosquash", "--root").returncode == 0
    assert repository.subject() == "feat: first"


def test_amending_a_bad_message_is_refused(repository: Repository) -> None:
    """`--amend --no-edit` of a subject from before the hook asks for a good one."""
    repository.write("second\n")
    repository.commit("old style", "--no-verify")
    refused = repository("commit", "--amend", "--no-edit")
    assert refused.returncode == 1
    assert "--amend" in refused.stderr


def test_bytes_git_records_otherwise(repository: Repository, tmp_path: Path) -> None:
    """Latin-1 passes with git's warning, NUL is git's to refuse, a byte order mark goes."""
    for message, accepted in (
        ("fix: für\n".encode("latin-1"), True),
        ("für\n".encode("latin-1"), False),
        (b"fix: \0x\n", False),
        (b"\xef\xbb\xbffix: mark\n", True),
    ):
        (tmp_path / "m").write_bytes(message)
        done = repository("commit", "--allow-empty", "-F", str(tmp_path / "m"))
        assert (done.returncode == 0) == accepted, done.stderr
        assert "Traceback" not in done.stderr
    assert repository.subject() == "fix: mark"


def test_where_git_runs_no_hook_nothing_is_judged(repository: Repository) -> None:
    """`commit -n`, `stash`, `tag`, `notes`, `am` are out of reach: the range check sees them."""
    assert repository("commit", "-n", "--allow-empty", "-m", "anything").returncode == 0
    patch = repository.git("format-patch", "-1", "--always", "--stdout")
    (repository.folder.parent / "patch").write_text(patch + "\n", encoding="utf-8")
    assert repository(
        "am", "--allow-empty", str(repository.folder.parent / "patch")
    ).returncode in (0, 128, 129)
    assert repository("tag", "-a", "v1", "-m", "anything").returncode == 0
    assert repository("notes", "add", "-m", "anything").returncode == 0
    repository.write("changed\n")
    assert repository("stash", "push", "-m", "anything").returncode == 0


def recorded(folder: Path) -> bytes:
    """Return the message of HEAD, byte for byte."""
    content = subprocess.run(
        ["git", "cat-file", "commit", "HEAD"], cwd=folder, capture_output=True, check=True
    ).stdout
    return content.partition(b"\n\n")[2]


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository for many commits."""
    return Repository(tmp_path_factory.mktemp("spare") / "repository")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@example(b"# hash\nfeat: x\n")
@example(b"\n \t\nfeat: x\n \nbody\n")
@example(b"feat: x\n# note\n\nbody\n")
@example(b"feat: x\r\n\r\nbody\r\n")
@given(messages)
@pytest.mark.parametrize("edited", [False, True])
def test_the_verdict_on_the_file_is_the_verdict_on_what_git_records(
    spare: Repository, edited: bool, message: bytes
) -> None:
    """A message passes if, and only if, what git makes of it keeps the convention."""
    # Git refuses NUL itself, and cuts at scissors only under -v.
    assume(b"\0" not in message and b">8" not in message and b"' will be" not in message)
    path = spare.folder.parent / "m"
    path.write_bytes(message)
    how = ["-e"] if edited else []
    environment = {"GIT_EDITOR": f"cp {shlex.quote(path.as_posix())}"} if edited else {}
    before = spare.git("rev-parse", "HEAD")
    accepted = spare(
        "commit", "--allow-empty", "-F", os.devnull if edited else str(path), *how, env=environment
    )
    if accepted.returncode:
        plain = spare(
            "commit",
            "-n",
            "--allow-empty",
            "-F",
            os.devnull if edited else str(path),
            *how,
            env=environment,
        )
        assume(plain.returncode == 0)  # git itself has nothing to record
    assert spare.git("rev-parse", "HEAD") != before
    assert (judge.judge(recorded(spare.folder), judge.AS_IT_IS, TYPES) is None) == (
        accepted.returncode == 0
    )
