"""Tables, progress and colours as a terminal shows them."""

from __future__ import annotations

import io
import sys

import pytest

from quant_team_utils import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_has_columns_and_no_blanks_at_the_end() -> None:
    """Short rows are allowed; no rows, no header."""
    shown = console.table(("symbol", "bars"), [("AAPL.US", "1,258"), ("700.HK",)])
    assert shown.splitlines() == ["symbol   bars", "AAPL.US  1,258", "700.HK"]
    assert console.table(("symbol",), []) == ""
    assert console.table((), [("a", "b")]) == "a  b"


def test_wide_characters_keep_the_columns() -> None:
    """A Chinese name takes two columns a character, and what follows stays aligned."""
    shown = console.table((), [("李明", "alice"), ("Bo", "bob")])
    assert shown.splitlines() == ["李明  alice", "Bo    bob"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AAPL.US", "AAPL.US"),
        ("价格　上涨 ціна\u00a0Ä", "价格　上涨 ціна\u00a0Ä"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\r\nb\tc\0", r"a\r\nb\tc\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202etxt.exe\u2066\u200f", r"\u202etxt.exe\u2066\u200f"),
        ("a\u2028b\u2029c\u0085", r"a\u2028b\u2029c\x85"),
        ("\ufeff\ud800\U000e0001", r"\ufeff\ud800\U000e0001"),
        ("", ""),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: str, shown: str) -> None:
    """Letters and blanks of all languages stay; controls, marks and half characters do not."""
    assert console.printable(text) == shown


def test_a_table_escapes_what_it_shows() -> None:
    """A name out of a file cannot clear the terminal, nor begin a line."""
    shown = console.table(("na\x1bme",), [("\x1b[2J",), ("a\nb",)])
    assert shown.splitlines() == [r"na\x1bme", r"\x1b[2J", r"a\nb"]


def test_colour_only_where_a_terminal_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour in a pipe, on a dumb terminal, or with NO_COLOR."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console.styled("x", Terminal(), fg="red") == "\x1b[31mx\x1b[0m"
    assert console.styled("x", io.StringIO(), fg="red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert console.styled("x", Terminal(), fg="red") == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert console.styled("x", Terminal(), fg="red") == "x"


def test_progress_shows_a_bar_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar appears after two seconds, with all that was done before."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    now = iter([0.0, 1.9, 2.1, 2.2])
    with console.progress("bars", 10, clock=lambda: next(now)) as advance:
        advance(2)
        assert terminal.getvalue() == ""
        advance(3)
        assert "50%" in terminal.getvalue()
        advance(5)
    assert "100%" in terminal.getvalue()


def test_an_error_has_one_prefix_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors go to standard error behind `quant: `, redacted."""
    console.report_error("cannot open ?api_" + "key=planted")
    assert capsys.readouterr() == ("", "quant: cannot open ?api_key=***\n")


def test_an_error_forges_no_second_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks of help texts stay, indented; nothing else of a terminal's does."""
    console.report_error("one\nquant: two\n\tthree\r\x1b[2J")
    shown = capsys.readouterr().err
    assert shown == "quant: one\n  quant: two\n    three\\r\\x1b[2J\n"


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Counting prints nothing where nobody watches."""
    with console.progress("bars", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")
