"""The commit-message hook inside real git commands: where git runs it, what it judges, what a refusal leaves."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from tests.conftest import ROOT, git, run
from tests.test_commit_message import TYPES, judge, messages

Done = subprocess.CompletedProcess[str]


class Repository:
    """A repository with one good commit and the hook."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        git(folder, "init", "-q")
        git(folder, "config", "core.hooksPath", (ROOT / "hooks").as_posix())
        self.write("first\n")
        git(folder, "commit", "-q", "-m", "feat: first")

    def write(self, text: str, name: str = "file") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        git(self.folder, "add", name)

    def __call__(
        self,
        *arguments: str,
        writes: str | None = None,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> Done:
        """Run git there; `writes` is typed into the editor, which otherwise leaves the draft as it is."""
        environment = dict(env or {})
        if writes is not None:
            (self.folder.parent / "typed").write_bytes(writes.encode())
            script = self.folder.parent / "editor.sh"
            script.write_text(
                'cat "${0%/*}/typed" "$1" >"$1.new" && mv "$1.new" "$1"\n', encoding="utf-8"
            )
            environment["GIT_EDITOR"] = f"sh {shlex.quote(script.as_posix())}"
        else:
            environment.setdefault("GIT_EDITOR", "true")
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def subject(self, commit: str = "HEAD") -> str:
        return git(self.folder, "log", "-1", "--format=%s", commit)

    @property
    def kept(self) -> Path:
        return self.folder / ".git" / "COMMIT_EDITMSG.refused"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository in a folder whose name has a space."""
    return Repository(tmp_path / "a folder")


def again(done: Done) -> list[str]:
    """Return the command that a refusal prints, as arguments of git."""
    line = next(line for line in done.stderr.splitlines() if line.strip().startswith("again:"))
    return shlex.split(line.partition("again:")[2].partition("   (")[0])[1:]


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
    """The refused text survives the next commit, and the printed command brings it back into the editor."""
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
    assert git(repository.folder, "log", "-1", "--format=%B").rstrip() == text.replace(
        "feature", "feat"
    )


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
    """Template, scissors and diff do not count, whatever the comment character; what stands above them does."""
    repository.write("second\n")
    settings = [word for value in config for word in ("-c", value)]
    assert repository(*settings, "commit", *options, writes="nope\n").returncode == 1
    assert repository(*settings, "commit", *options, writes="\n\nfeat: good\n").returncode == 0
    assert repository.subject() == "feat: good"
    repository.write("third\n")
    assert repository(*settings, "commit", *options, writes="fix: good\n\nbody\n").returncode == 0


def test_the_chosen_comment_character_is_read_off_the_file(repository: Repository) -> None:
    """`auto` takes another character where # begins a line of the draft; git's template then begins with that."""
    (repository.folder / "draft").write_text("feat: x\n\n# heading\n", encoding="utf-8")
    done = repository(
        "-c", "core.commentChar=auto", "commit", "--allow-empty", "-e", "-F", "draft", writes="\n"
    )
    assert done.returncode == 0, done.stderr
    assert "# heading" in git(repository.folder, "log", "-1", "--format=%B")
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
    """Where somebody deleted git's hint, or reads it in another language, git's configuration tells."""
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
        assert "# heading" in git(repository.folder, "log", "-1", "--format=%B")
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
    """`--fixup`, `--squash` and `--fixup=amend:` pass here and are refused in a range; autosquash runs no hook."""
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
    git(repository.folder, "commit", "-q", "--no-verify", "-m", "old style")
    refused = repository("commit", "--amend", "--no-edit")
    assert refused.returncode == 1
    assert "--amend" in refused.stderr


def diverge(repository: Repository, message: str = "data: other side") -> None:
    """Make a branch `other` whose one commit conflicts with main's last."""
    git(repository.folder, "checkout", "-q", "-b", "other")
    repository.write("other\n")
    git(repository.folder, "commit", "-q", "--no-verify", "-m", message)
    git(repository.folder, "checkout", "-q", "main")


def test_merges_pass_by_state(repository: Repository) -> None:
    """A merge passes with git's text and with a person's, also after a conflict; the words alone do not pass."""
    for number, options in enumerate((["--no-edit"], ["-m", "whatever you say"], [])):
        git(repository.folder, "checkout", "-q", "-b", f"b{number}")
        repository.write("x", f"file{number}")
        git(repository.folder, "commit", "-q", "-m", "data: file")
        git(repository.folder, "checkout", "-q", "main")
        done = repository("merge", "-q", "--no-ff", *options, f"b{number}")
        assert done.returncode == 0, done.stderr
    diverge(repository)
    repository.write("mine\n")
    git(repository.folder, "commit", "-q", "-m", "data: my side")
    assert repository("merge", "-q", "other").returncode == 1
    repository.write("both\n")
    assert repository("commit", "-m", "solved it").returncode == 0
    assert git(repository.folder, "log", "-1", "--format=%p").count(" ") == 1
    assert repository("commit", "--allow-empty", "-m", "solved it").returncode == 1


def test_a_refused_merge_is_concluded_by_the_printed_command(repository: Repository) -> None:
    """A merge with an empty message stops; its command needs no --amend."""
    (repository.folder / ".git" / "MERGE_HEAD").write_text(
        git(repository.folder, "rev-parse", "HEAD") + "\n"
    )
    assert judge.retry((repository.folder / ".git").as_posix(), "kept") == (
        "git commit -e -F kept   (it concludes the merge)"
    )


def test_a_squashed_merge_needs_a_subject(repository: Repository) -> None:
    """The draft of `merge --squash` is no subject; it is kept, and a good one passes."""
    git(repository.folder, "checkout", "-q", "-b", "other")
    repository.write("other\n")
    git(repository.folder, "commit", "-q", "-m", "data: other side")
    git(repository.folder, "checkout", "-q", "main")
    assert repository("merge", "-q", "--squash", "other").returncode == 0
    assert repository("commit").returncode == 1
    assert "Squashed commit of the following:" in repository.kept.read_text(encoding="utf-8")
    assert repository("commit", "-m", "data: other side, squashed").returncode == 0


def test_git_s_own_reverts_and_picks_pass(repository: Repository) -> None:
    """`revert` and `cherry-pick` run no hook; continued after a conflict, a revert passes by its state."""
    repository.write("second\n")
    git(repository.folder, "commit", "-q", "-m", "feat: second")
    assert repository("revert", "--no-edit", "HEAD").returncode == 0
    assert repository("cherry-pick", "HEAD~1").returncode == 0
    repository.write("third\n")
    git(repository.folder, "commit", "-q", "-m", "feat: third")
    assert repository("revert", "--no-edit", "HEAD~1").returncode == 1
    repository.write("solved\n")
    done = repository("commit", writes="say why\n\n")
    assert done.returncode == 0, done.stderr
    assert repository.subject() == "say why"


def test_a_picked_commit_is_judged_after_a_conflict(repository: Repository) -> None:
    """`cherry-pick --continue` asks for a good message, and the printed command gives it."""
    diverge(repository, "old style")
    repository.write("mine\n")
    git(repository.folder, "commit", "-q", "-m", "data: mine")
    assert repository("cherry-pick", "other").returncode == 1
    repository.write("both\n")
    refused = repository("cherry-pick", "--continue")
    assert refused.returncode == 1
    done = repository(*again(refused), writes="data: old style, picked\n\n")
    assert done.returncode == 0, done.stderr
    assert not (repository.folder / ".git" / "CHERRY_PICK_HEAD").exists()


def test_a_refused_reword_is_amended_not_lost(repository: Repository) -> None:
    """A plain `rebase --continue` would drop what was typed: the printed command amends, then the rebase goes on."""
    repository.write("second\n")
    git(repository.folder, "commit", "-q", "--no-verify", "-m", "old style")
    repository.write("third\n")
    git(repository.folder, "commit", "-q", "-m", "docs: after it")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak '1s/^pick/reword/'"}
    refused = repository("rebase", "-i", "HEAD~2", writes="feature: new words\n\n", env=editing)
    assert refused.returncode != 0
    assert "git rebase --continue" in refused.stderr
    assert "--amend" in again(refused)
    assert again(repository("commit", "--amend", "-m", "nonsense")) == again(refused)
    refused = repository("commit", "--amend", "-m", "feature: new words")
    done = repository(*again(refused), env={"GIT_EDITOR": "sed -i.bak 1s/^feature/feat/"})
    assert done.returncode == 0, done.stderr
    assert repository("rebase", "--continue").returncode == 0
    assert [repository.subject(f"HEAD~{n}") for n in range(3)] == [
        "docs: after it",
        "feat: new words",
        "feat: first",
    ]


def test_a_conflict_in_a_reword_is_not_amending(repository: Repository) -> None:
    """Where the commit to reword could not be made yet, the command makes it and leaves the one before alone."""
    for text in ("second\n", "third\n"):
        repository.write(text)
        git(repository.folder, "commit", "-q", "-m", f"docs: {text}")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak -e 1d -e 's/^pick/reword/'"}
    assert repository("rebase", "-q", "-i", "HEAD~2", env=editing).returncode == 1
    repository.write("solved\n")
    assert "--amend" not in again(repository("commit", "-m", "nonsense"))


def test_splitting_a_commit_in_a_rebase_is_not_amending(repository: Repository) -> None:
    """At an `edit` stop a new commit may be refused: its command makes a commit and rewrites none."""
    repository("commit", "--allow-empty", "-m", "docs: second")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak '1s/^pick/edit/'"}
    assert repository("rebase", "-q", "-i", "--keep-empty", "HEAD~1", env=editing).returncode == 0
    assert repository("commit", "--amend", "--allow-empty", "-m", "docs: reworded").returncode == 0
    assert "--amend" not in again(repository("commit", "--allow-empty", "-m", "nonsense"))


def test_a_linked_worktree_keeps_its_own(repository: Repository, tmp_path: Path) -> None:
    """In a linked worktree the text is kept beside that worktree's own message file."""
    git(repository.folder, "worktree", "add", "-q", "-b", "linked", str(tmp_path / "linked"))
    refused = repository("commit", "--allow-empty", "-m", "nonsense", cwd=tmp_path / "linked")
    assert refused.returncode == 1
    assert not repository.kept.exists()
    kept = repository.folder / ".git" / "worktrees" / "linked" / "COMMIT_EDITMSG.refused"
    assert kept.read_text(encoding="utf-8") == "nonsense\n"
    assert kept.resolve().as_posix() in again(refused)[-1]
    (repository.folder / ".git" / "worktrees" / "linked" / "MERGE_HEAD").write_text("x")
    assert run(ROOT / "hooks" / "commit-msg", kept, cwd=tmp_path, check=False).returncode == 0


def test_bytes_git_records_otherwise(repository: Repository, tmp_path: Path) -> None:
    """Latin-1 passes with git's own warning, NUL is git's to refuse, a byte order mark does not reach the history."""
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
    """`commit -n`, `stash`, `tag`, `notes`, `am` and a plain rebase are out of reach: the range check sees them."""
    assert repository("commit", "-n", "--allow-empty", "-m", "anything").returncode == 0
    patch = git(repository.folder, "format-patch", "-1", "--always", "--stdout")
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
    """With an editor and without: a message passes if, and only if, what git makes of it keeps the convention."""
    # Git refuses NUL itself, and cuts at scissors only under -v.
    assume(b"\0" not in message and b">8" not in message and b"' will be" not in message)
    path = spare.folder.parent / "m"
    path.write_bytes(message)
    how = ["-e"] if edited else []
    environment = {"GIT_EDITOR": f"cp {shlex.quote(path.as_posix())}"} if edited else {}
    before = git(spare.folder, "rev-parse", "HEAD")
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
    assert git(spare.folder, "rev-parse", "HEAD") != before
    assert (judge.judge(recorded(spare.folder), judge.AS_IT_IS, TYPES) is None) == (
        accepted.returncode == 0
    )
