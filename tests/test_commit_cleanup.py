"""What git will record of a message file, by its settings and its hint, in real commits."""

# ruff: noqa: RUF001
from __future__ import annotations

import itertools
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.hooked import Repository
from tests.judged import TYPES, judge, step_outside, variables, verdict

HINTED = "fix: rows with '-' will be ignored"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository for many commits."""
    return Repository(tmp_path_factory.mktemp("spare") / "repository")


def stage_hints(repository: Repository) -> None:
    """Stage a change whose diff holds lines like git's hint."""
    hints = "\n".join(f"{sign} with '{sign}' will be kept" for sign in "#;-@+ ")
    repository.write(f"{hints}\n" * (1 + next(NUMBERS) % 2))


def in_language(language: str) -> dict[str, str]:
    """Return the variables that give git a language, where its translations are installed."""
    return {"LC_ALL": "C.UTF-8", "LANGUAGE": language}


def recorded(repository: Repository) -> bytes:
    """Return the message of HEAD, byte for byte."""
    folder = repository.folder
    show = ["git", "cat-file", "commit", "HEAD"]
    content = subprocess.run(show, cwd=folder, capture_output=True, check=True).stdout
    return content.partition(b"\n\n")[2]


@pytest.mark.parametrize("options", [[], ["-v"], ["-vv"]], ids=" ".join)
@pytest.mark.parametrize("prefix", ["#", ";", "-", "@", "auto"])
@pytest.mark.parametrize("language", ["", "de", "zh_CN"])
def test_a_member_s_words_are_not_read_as_git_s(
    spare: Repository, options: list[str], prefix: str, language: str
) -> None:
    """Git's hint stands on a line that starts with the prefix it names, above the diff."""
    stage_hints(spare)
    environment = in_language(language)
    commit = ("-c", f"core.commentChar={prefix}", "commit", *options)
    for typed in (f"{HINTED}\nmore\n", f"nonsense with '{prefix}' will be kept\n"):
        refused = spare(*commit, writes=typed, env=environment)
        assert refused.returncode == 1
        assert spare.kept.read_text(encoding="utf-8") == typed
    done = spare(*commit, writes=f"{HINTED}\n\n* with '*' will be ignored\n", env=environment)
    assert done.returncode == 0, done.stderr
    assert recorded(spare).decode() == f"{HINTED}\n\n* with '*' will be ignored\n"


LINES = [
    *("feat: x", "nonsense", HINTED, "", "  ", "body"),
    *("# note", "; note", "- item", "@ x", "! y"),
    *("with '#' will be kept", "* with '*' will be ignored", "' will be kept", "#"),
]
MODES = ["default", "strip", "whitespace", "verbatim", "scissors"]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=6),
    prefix=st.sampled_from(["#", ";", "-", "auto"]),
    mode=st.sampled_from(MODES),
    told=st.booleans(),
    language=st.sampled_from(["", "de", "es"]),
    options=st.sampled_from([[], ["-v"], ["--no-status"]]),
)
@example(["# note", "feat: x"], "#", "scissors", True, "de", ["-v"])
@example(["feat: x", "# note"], "#", "scissors", True, "", [])
@example(["feat: x", "- item"], "-", "whitespace", True, "", ["-v"])
@example(["feat: x", "# note"], "auto", "strip", False, "es", [])
def test_an_edited_file_is_judged_as_git_records_it(
    spare: Repository,
    lines: list[str],
    prefix: str,
    mode: str,
    told: bool,
    language: str,
    options: list[str],
) -> None:
    """The verdict is that on the recorded message, whatever prefix, mode and language."""
    # In another language git's hint is not read, and no setting knows the command line; without a
    # status there is no hint.
    told = told and ((not language and "--no-status" not in options) or mode == "scissors")
    told = told and not (mode == "scissors" and "--no-status" in options)
    stage_hints(spare)
    before = spare.git("rev-parse", "HEAD")
    pinned = ["-c", f"core.commentChar={prefix}", "-c", f"commit.cleanup={mode}"]
    commit = [*pinned[: 2 if told else 4], "commit", *options]
    if told:
        commit.append(f"--cleanup={mode}")
    typed = "".join(f"{line}\n" for line in lines)
    accepted = spare(*commit, writes=typed, env=in_language(language)).returncode == 0
    if not accepted:
        plain = spare(*commit, "--no-verify", writes=typed, env=in_language(language))
        assume(plain.returncode == 0)  # git itself has nothing to record
    assert spare.git("rev-parse", "HEAD") != before
    assert (judge.judge(recorded(spare), judge.AS_IT_IS, TYPES) is None) == accepted


def test_a_longer_prefix_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`core.commentString` of newer versions of git may have more than one character."""
    step_outside(tmp_path, monkeypatch)
    draft = "// with '//' will be {}, and an empty message aborts the commit.\n//\n"
    cut = f"// {'-' * 24} >8 {'-' * 24}\nfeat: below\n"
    config = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.commentChar",
        "GIT_CONFIG_VALUE_0": ";",
        "GIT_CONFIG_KEY_1": "core.commentString",
        "GIT_CONFIG_VALUE_1": "//",
    }
    with variables(**config):
        assert verdict(f"\nfeat: x\n// note\n{draft.format('ignored')}{cut}".encode())[0]
        assert not verdict(f"feat: x\n// note\n{draft.format('kept')}{cut}".encode())[0]
        assert not verdict(f"feat: x\n; note\n{draft.format('ignored')}".encode())[0]


@pytest.mark.parametrize(
    ("encoding", "subject", "accepted"),
    [
        ("GBK", "feat: 每日行情数据加载器支持断点续传与重复行过滤，并记录缺失的交易日和停牌", True),
        ("GBK", "feat: " + "行" * 66, True),
        ("GBK", "feat: " + "行" * 67, False),
        ("GBK", "feat: \u3000", False),
        ("gb18030", "data: " + "交" * 66, True),
        ("Shift_JIS", "docs: " + "日" * 66, True),
        ("EUC-JP", "docs: " + "日" * 67, False),
        ("ISO-8859-1", "fix: " + "ü" * 67, True),
        ("latin-1", "fix: " + "ü" * 68, False),
        ("KOI8-R", "fix: " + "ж" * 67, True),
        ("utf-8", "fix: " + "行" * 67, True),
    ],
)
def test_letters_are_counted_in_the_encoding_of_the_commit(
    spare: Repository, encoding: str, subject: str, accepted: bool
) -> None:
    """`i18n.commitEncoding` says what the bytes of a message are, to a range as well."""
    typed = spare.folder.parent / "m"
    typed.write_bytes(f"{subject}\n".encode(encoding))
    editor = {"GIT_EDITOR": f"cp {shlex.quote(typed.as_posix())}"}
    commit = ("-c", f"i18n.commitEncoding={encoding}", "commit", "--allow-empty")
    done = spare(*commit, env=editor)
    assert (done.returncode == 0) == accepted, done.stderr
    if not accepted:
        assert spare.kept.read_bytes() == typed.read_bytes()
        assert spare(*commit, "--no-verify", env=editor).returncode == 0
    with variables(GIT_DIR=(spare.folder / ".git").as_posix()):
        assert (judge.main(["--range", "HEAD^!"]) == 0) == accepted


@pytest.mark.parametrize("encoding", ["UTF-16", "no-such-encoding", "rot13", "", "\ufffd"])
def test_an_encoding_that_cannot_be_is_read_as_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """What Python does not know, or what does not hold ASCII, changes nothing."""
    step_outside(tmp_path, monkeypatch)
    config = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "i18n.commitEncoding",
        "GIT_CONFIG_VALUE_0": encoding,
    }
    with variables(**config):
        assert verdict("feat: für\n".encode())[0]
        assert verdict(b"feat: x\xff\n")[0]
        assert "begin with a type" in verdict("für alle\n".encode())[1]


def test_settings_that_cannot_be_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken configuration is one line of the refusal, in git's own words."""
    step_outside(tmp_path, monkeypatch)
    (tmp_path / "broken").write_text("[core\n", encoding="utf-8")
    with variables(GIT_CONFIG_GLOBAL=(tmp_path / "broken").as_posix()):
        accepted, said = verdict(b"nonsense\n")
    assert not accepted
    assert said.count("bad config line 1") == 1
    assert len(said.splitlines()) <= 6
