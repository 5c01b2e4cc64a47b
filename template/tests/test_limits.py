"""The rate limit keeps a key below its plan, in all threads and processes, and a waiting person knows why."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from quant_team_data import data_client, limits
from quant_team_data.limits import FREE, PLANS, Limiter, Plan, plan_of

KEY = "tk_live_0123456789abcdef"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 1_720_000_000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    found = Clock()
    monkeypatch.setattr(limits, "now", found)
    monkeypatch.setattr(limits, "sleep", found.sleep)
    monkeypatch.setattr(limits, "folder", lambda: tmp_path / "budget")
    limits._limiter.cache_clear()
    return found


def nobody() -> Plan | None:
    return None


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("free", 30),
        ("Starter", 60),
        ("Basic", 60),
        ("PROFESSIONAL", 600),
        ("pro", 600),
        ("enterprise", 1800),
        ("All-US", 1500),
        ("all_hk", 1200),
        ("All CN", 1200),
        ("brand new", 30),
        (None, 30),
    ],
)
def test_a_plan_is_known_in_any_spelling(name: object, rate: int) -> None:
    """The rates of the plans; a name that nobody knows is the slowest."""
    assert plan_of(name).rate == rate
    assert plan_of(name, 77).rate == 77
    assert plan_of(name, "many").rate == rate


@pytest.mark.parametrize("plan", ["free", "starter", "professional", "enterprise"])
def test_no_minute_holds_more_than_nine_tenths_of_the_plan(clock: Clock, plan: str) -> None:
    """In any window of 60 s, wherever it starts."""
    limiter, times = Limiter(KEY, plan), []
    for _ in range(3 * (allowed := int(PLANS[plan].rate * 0.9))):
        limiter.acquire(nobody)
        times.append(clock.now)
    assert all(later - first >= 60 for first, later in zip(times, times[allowed:], strict=False))
    assert times[-1] - times[0] < 125  # and not slower than that


def test_two_processes_share_one_budget(clock: Clock) -> None:
    """What another process has used is not there any more; another key has its own."""
    first, second, other = Limiter(KEY, "free"), Limiter(KEY, "free"), Limiter("other", "free")
    for _ in range(20):
        first.acquire(nobody)
    for _ in range(7):
        second.acquire(nobody)
    assert not clock.slept
    other.acquire(nobody)
    assert not clock.slept
    second.acquire(nobody)
    assert sum(clock.slept) == pytest.approx(60, abs=0.1)


def test_real_processes_count_together(tmp_path: Path) -> None:
    """Three processes that take what they can at once get one budget between them."""
    script = (
        "import sys, pathlib\n"
        "from quant_team_data import limits\n"
        "limits.folder = lambda: pathlib.Path(sys.argv[1])\n"
        "def full(seconds): raise SystemExit\n"
        "limits.sleep, limits.NOTICEABLE = full, 99\n"
        "limiter = limits.Limiter('k', 'starter')\n"
        "while True:\n"
        "    limiter.acquire(lambda: None)\n"
        "    print('.', end='')\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    done = [process.communicate() for process in running]
    assert not b"".join(errors for _, errors in done)
    assert sum(len(out) for out, _ in done) == 54


def test_threads_count_together(clock: Clock) -> None:
    """Eight threads of one limiter take no more than one would."""
    limiter, times = Limiter(KEY, "starter"), list[float]()

    def work() -> None:
        for _ in range(20):
            limiter.acquire(nobody)
            times.append(clock.now)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    times.sort()
    assert len(times) == 160
    assert all(later - first >= 59.9 for first, later in zip(times, times[54:], strict=False))


def test_the_plan_is_asked_for_once_when_it_matters_and_remembered(clock: Clock) -> None:
    """Free until the budget of Free is used up; then key status tells, and the next process knows for a day."""
    asked: list[int] = []

    def ask() -> Plan:
        asked.append(1)
        return PLANS["starter"]

    limiter = Limiter(KEY)
    assert (limiter.plan, limiter.known) == (FREE, False)
    for number in range(54):
        limiter.acquire(ask)
        assert asked == ([1] if number >= 27 else [])
    assert not clock.slept
    assert Limiter(KEY).plan == PLANS["starter"]
    clock.now += 2 * 86_400
    assert Limiter(KEY).plan == FREE


def test_a_plan_that_cannot_be_asked_for_stays_free(clock: Clock) -> None:
    """One try, no more."""
    asked: list[int] = []
    limiter = Limiter(KEY)
    for _ in range(60):
        limiter.acquire(lambda: asked.append(1))
    assert asked == [1]
    assert sum(clock.slept) > 60


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"plan": "pro"}', '{"plan": "pro", "rate": 1, "asked": "x"}']
)
def test_a_damaged_note_is_no_note(clock: Clock, text: str) -> None:
    """What is remembered is a convenience."""
    Limiter(KEY).learn(PLANS["pro"])
    (note,) = limits.folder().glob("*.json")
    assert json.loads(note.read_text(encoding="utf-8"))["rate"] == 600
    note.write_text(text, encoding="utf-8")
    assert Limiter(KEY).plan == FREE


def test_the_key_is_not_in_the_files(clock: Clock) -> None:
    """Names and contents hold a digest at most."""
    limiter = Limiter(KEY)
    limiter.acquire(nobody)
    limiter.learn(PLANS["pro"])
    files = [path for path in limits.folder().rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert KEY not in path.name
        assert KEY[8:].encode() not in path.read_bytes()


def test_a_folder_that_cannot_be_written_limits_this_process(clock: Clock, tmp_path: Path) -> None:
    """No home is no reason to stop, nor to ask too fast."""
    (tmp_path / "budget").write_text("a file where the folder would be", encoding="utf-8")
    limiter = Limiter(KEY, "free")
    for _ in range(28):
        limiter.acquire(nobody)
    limiter.learn(PLANS["pro"])
    assert sum(clock.slept) == pytest.approx(60, abs=0.1)


def test_a_wait_is_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for a minute reads why."""
    limiter = Limiter(KEY, "free")
    for _ in range(28):
        limiter.acquire(nobody)
    (line,) = [
        record.getMessage() for record in caplog.records if record.name == "quant_team_data.limits"
    ]
    assert line == "Free plan, 30 requests a minute: waiting 60 s"


# The client's part


@pytest.fixture
def serve(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[httpx2.Request], httpx2.Response]], list[str]]:
    """Return a function that puts a reply behind https://api.tickdb.ai and returns the paths that are asked."""

    def serve(reply: Callable[[httpx2.Request], httpx2.Response]) -> list[str]:
        paths: list[str] = []

        def handle(request: httpx2.Request) -> httpx2.Response:
            paths.append(request.url.path)
            return reply(request)

        http = httpx2.Client(
            base_url="https://api.tickdb.ai", transport=httpx2.MockTransport(handle)
        )
        monkeypatch.setattr(data_client, "_http", lambda url: http)
        return paths

    return serve


def answer(request: httpx2.Request, plan: str = "starter") -> httpx2.Response:
    data: Any = (
        {"api_keys": [{"plan": plan}]} if "subscriptions" in request.url.path else {"klines": []}
    )
    return httpx2.Response(200, json={"code": 0, "data": data})


def test_the_client_keeps_the_plan_of_its_key(clock: Clock, serve: Any) -> None:
    """60 calls on Starter: key status is asked once, after 27 calls, and only then somebody waits."""
    paths = serve(answer)
    client = data_client.TickDBClient("https://api.tickdb.ai", KEY)
    for _ in range(60):
        client.klines("AAPL.US")
    assert [number for number, path in enumerate(paths) if "subscriptions" in path] == [27]
    assert len(clock.slept) == 1
    assert client.plan().name == "Starter"
    assert len(paths) == 61


@pytest.mark.parametrize("dialect", ["data", "beside"])
def test_a_rate_limit_answer_corrects_the_plan(clock: Clock, serve: Any, dialect: str) -> None:
    """The service's own word on plan and rate counts, in both dialects, and is obeyed from then on."""
    facts = {"limit": 60, "plan": "starter", "reset_at": int(time.time()) + 5}
    body = (
        {"code": 3001, "message": "m", "data": facts}
        if dialect == "data"
        else {"success": False, "code": 429, **facts}
    )
    answers = [httpx2.Response(429, json=body), answer(httpx2.Request("GET", "https://x/"))]
    serve(lambda request: answers.pop(0))
    waits: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_client, "sleep", waits.append)
        data_client.TickDBClient("https://api.tickdb.ai", KEY).klines("AAPL.US")
    assert 3 < waits[0] <= 5
    assert Limiter(KEY).plan.rate == 60


def test_too_many_connections_say_nothing_about_the_rate(clock: Clock, serve: Any) -> None:
    """3003 is a 429, too; its limit is one of connections."""
    body = {"code": 3003, "message": "m", "data": {"limit": 3, "plan": "pro"}}
    serve(lambda request: httpx2.Response(429, json=body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_client, "sleep", lambda seconds: None)
        with pytest.raises(data_client.TickDBError):
            data_client.TickDBClient("https://api.tickdb.ai", KEY).klines("AAPL.US")
    assert not Limiter(KEY).known


@pytest.mark.parametrize(
    ("url", "plan", "limited"),
    [
        ("sandbox", None, False),
        ("http://127.0.0.1:8765", None, False),
        ("http://127.0.0.1:8765", "professional", True),
        ("https://api.tickdb.ai", None, True),
        ("https://api.tickdb.ai", "unlimited", False),
    ],
)
def test_who_is_limited(
    clock: Clock, serve: Any, url: str, plan: str | None, limited: bool
) -> None:
    """The service is; this machine is not, unless a plan is named; a benchmark may say so."""
    serve(answer)
    client = data_client.TickDBClient(url, KEY, plan=plan)
    for _ in range(541):
        client.request("/v1/market/kline", {})
    assert bool(clock.slept) is limited


# Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seconds", "thread", "shown"),
    [
        (Terminal, 3.0, False, True),
        (Terminal, 0.5, False, False),
        (io.StringIO, 3.0, False, False),
        (Terminal, 3.0, True, False),
    ],
)
def test_a_bar_shows_what_takes_longer_than_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
    stream: type[io.StringIO],
    seconds: float,
    thread: bool,
    shown: bool,
) -> None:
    """On a terminal, from the main thread, on standard error; otherwise nothing."""
    out, clock = stream(), Clock()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(time, "monotonic", clock)

    def work() -> None:
        with limits.progress("AAPL.US 1m", 4) as advance:
            for _ in range(4):
                clock.now += seconds
                advance(1)

    if thread:
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
    else:
        work()
    assert ("AAPL.US 1m" in out.getvalue()) is shown
    assert ("100%" in out.getvalue()) is shown
