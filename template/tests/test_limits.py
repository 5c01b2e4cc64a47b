"""The rate limit keeps a key below its plan, in all threads and processes, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from quant_team_data.errors import TickDBError
from quant_team_data.limits import FREE, PLANS, Limiter, Plan, plan_of
from quant_team_data.tickdb import TickDBClient
from tests.service import KEY, Clock, Service, ok

Make = Callable[..., Limiter]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock, tmp_path: Path) -> Make:
    """Return a function that makes limiters, as the processes of this machine have them."""

    def make(key: str = KEY, plan: str | None = None) -> Limiter:
        return Limiter(key, plan, clock=clock, sleep=clock.sleep, folder=tmp_path / "budget")

    return make


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
def test_no_minute_holds_more_than_nine_tenths_of_the_plan(
    clock: Clock, limiter: Make, plan: str
) -> None:
    """In any window of 60 s, wherever it starts."""
    one = limiter(KEY, plan)
    allowed = int(PLANS[plan].rate * 0.9)
    times = []
    for _ in range(3 * allowed):
        one.acquire(nobody)
        times.append(clock.now.timestamp())
    assert all(later - first >= 60 for first, later in zip(times, times[allowed:], strict=False))
    assert times[-1] - times[0] < 125  # and not slower than that


def test_two_processes_share_one_budget(clock: Clock, limiter: Make) -> None:
    """What another process has used is not there any more; another key has its own."""
    first, second, other = limiter(KEY, "free"), limiter(KEY, "free"), limiter("other", "free")
    for _ in range(20):
        first.acquire(nobody)
    for _ in range(7):
        second.acquire(nobody)
    assert not clock.waits
    other.acquire(nobody)
    assert not clock.waits
    second.acquire(nobody)
    assert sum(clock.waits) == pytest.approx(60, abs=0.1)


def test_real_processes_count_together(tmp_path: Path) -> None:
    """Three processes that take what they can at once get one budget between them."""
    script = (
        "import logging, sys, pathlib\n"
        "from quant_team_data import limits\n"
        "logging.disable()\n"
        "def full(seconds): raise SystemExit\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "one = limits.Limiter('k', 'starter', folder=folder, sleep=full)\n"
        "while True:\n"
        "    one.acquire(lambda: None)\n"
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


def test_threads_count_together(clock: Clock, limiter: Make) -> None:
    """Eight threads of one limiter take no more than one would."""
    one = limiter(KEY, "starter")
    times: list[float] = []

    def work() -> None:
        for _ in range(20):
            one.acquire(nobody)
            times.append(clock.now.timestamp())

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    times.sort()
    assert len(times) == 160
    assert all(later - first >= 59.9 for first, later in zip(times, times[54:], strict=False))


def test_the_plan_is_asked_for_once_when_it_matters_and_remembered(
    clock: Clock, limiter: Make
) -> None:
    """Free until its budget is used up; then key status says, and is remembered for a day."""
    asked: list[int] = []

    def ask() -> Plan:
        asked.append(1)
        return PLANS["starter"]

    one = limiter(KEY)
    assert (one.plan, one.known) == (FREE, False)
    for number in range(54):
        one.acquire(ask)
        assert asked == ([1] if number >= 27 else [])
    assert not clock.waits
    assert limiter(KEY).plan == PLANS["starter"]
    clock.now += timedelta(days=2)
    assert limiter(KEY).plan == FREE


def test_a_plan_that_cannot_be_asked_for_stays_free(clock: Clock, limiter: Make) -> None:
    """One try, no more."""
    asked: list[int] = []
    one = limiter(KEY)
    for _ in range(60):
        one.acquire(lambda: asked.append(1))
    assert asked == [1]
    assert sum(clock.waits) > 60


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"plan": "pro"}', '{"plan": "pro", "rate": 1, "asked": "x"}']
)
def test_a_damaged_note_is_no_note(limiter: Make, tmp_path: Path, text: str) -> None:
    """What is remembered is a convenience."""
    limiter(KEY).learn(PLANS["pro"])
    (note,) = (tmp_path / "budget").glob("*.json")
    assert json.loads(note.read_text(encoding="utf-8"))["rate"] == 600
    note.write_text(text, encoding="utf-8")
    assert limiter(KEY).plan == FREE


def test_the_key_is_not_in_the_files(limiter: Make, tmp_path: Path) -> None:
    """Names and contents hold a digest at most."""
    one = limiter(KEY)
    one.acquire(nobody)
    one.learn(PLANS["pro"])
    files = [path for path in (tmp_path / "budget").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert KEY not in path.name
        assert KEY[8:].encode() not in path.read_bytes()


def test_a_folder_that_cannot_be_written_limits_this_process(
    clock: Clock, limiter: Make, tmp_path: Path
) -> None:
    """No home is no reason to stop, nor to ask too fast."""
    (tmp_path / "budget").write_text("a file where the folder would be", encoding="utf-8")
    one = limiter(KEY, "free")
    for _ in range(28):
        one.acquire(nobody)
    one.learn(PLANS["pro"])
    assert sum(clock.waits) == pytest.approx(60, abs=0.1)


def test_a_wait_is_told(limiter: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for a minute reads why."""
    one = limiter(KEY, "free")
    for _ in range(28):
        one.acquire(nobody)
    (line,) = [
        record.getMessage() for record in caplog.records if record.name == "quant_team_data.limits"
    ]
    assert line == "Free plan, 30 requests a minute: waiting 60 s"


# The client's part


@pytest.fixture
def service(clock: Clock) -> Service:
    found = Service()
    found.clock = clock
    found.reply = starter
    return found


def starter(request: httpx2.Request) -> httpx2.Response:
    keys = {"api_keys": [{"plan": "starter"}]}
    return ok(keys if "subscriptions" in request.url.path else {"klines": []})


def test_the_client_keeps_the_plan_of_its_key(service: Service, limiter: Make) -> None:
    """60 calls on Starter: key status is asked once, after 27 calls, and only then one waits."""
    client = service.client(plan=None, limiter=limiter())
    for _ in range(60):
        client.klines("AAPL.US")
    paths = [request.url.path for request in service.requests]
    assert [number for number, path in enumerate(paths) if "subscriptions" in path] == [27]
    assert len(service.waits) == 1
    assert client.plan().name == "Starter"
    assert len(service.requests) == 61


@pytest.mark.parametrize("dialect", ["data", "beside"])
def test_a_rate_limit_answer_corrects_the_plan(
    service: Service, limiter: Make, dialect: str
) -> None:
    """The service's own word on plan and rate counts, in both dialects, and is obeyed."""
    reset = int(service.clock.now.timestamp()) + 5
    facts = {"limit": 60, "plan": "starter", "reset_at": reset}
    inside = {"code": 3001, "message": "m", "data": facts}
    beside = {"success": False, "code": 429, **facts}
    refusal = httpx2.Response(429, json=inside if dialect == "data" else beside)
    service.replies(refusal, ok({"klines": []}))
    service.client(plan=None, limiter=limiter()).klines("AAPL.US")
    assert 3 < service.waits[0] <= 5
    assert limiter().plan.rate == 60


def test_too_many_connections_say_nothing_about_the_rate(service: Service, limiter: Make) -> None:
    """3003 is a 429, too; its limit is one of connections."""
    body = {"code": 3003, "message": "m", "data": {"limit": 3, "plan": "pro"}}
    service.replies(httpx2.Response(429, json=body))
    with pytest.raises(TickDBError):
        service.client(plan=None, limiter=limiter()).klines("AAPL.US")
    assert not limiter().known


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
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    url: str,
    plan: str | None,
    limited: bool,
) -> None:
    """The service is; this machine is not, unless a plan is named; a benchmark may say so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert TickDBClient(url, KEY, plan=plan).is_limited is limited
    assert bool(list(tmp_path.rglob("*.sqlite"))) is limited


def test_a_client_that_is_limited_waits(service: Service, limiter: Make) -> None:
    """541 calls on Professional are one more than nine tenths of its minute."""
    client = service.client(plan=None, limiter=limiter(KEY, "professional"))
    for _ in range(541):
        client.request("/v1/market/kline", {})
    assert len(service.waits) == 1
