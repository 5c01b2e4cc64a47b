"""What a plan gives, how fast its key may ask, and what a waiting person sees.

TickDB counts requests per minute. `Limiter` keeps a key below its plan's rate with one sliding
window for all threads and processes of this machine: rows in a small SQLite file of the user's
cache folder, named by a digest of the key. A file beside it remembers the plan, so that key status
is asked about once a day and only when it matters.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

WINDOW = 60_000  # ms: TickDB counts per minute, from when on is not documented
SHARE = 0.9  # of the plan's rate, for the service may count differently
REMEMBERED = 86_400  # seconds for which a plan is not asked for again
NOTICEABLE = 2.0  # seconds: a longer wait is told

logger = logging.getLogger(__name__)
sleep, now = time.sleep, time.time  # tests replace them


@dataclass(frozen=True)
class Plan:
    """What TickDB sells.

    Attributes:
        name: as in the dashboard.
        rate: requests per minute.
        days: of history.
        ranges: bars can be asked for by time; without it, only the newest.
    """

    name: str
    rate: int
    days: int
    ranges: bool = True


FREE = Plan("Free", 30, 7, ranges=False)
PLANS = {
    "free": FREE,
    "starter": Plan("Starter", 60, 365),
    "professional": Plan("Professional", 600, 3 * 365),
    "enterprise": Plan("Enterprise", 1800, 10 * 365),
    "allhk": Plan("All-HK", 1200, 5 * 365),
    "allcn": Plan("All-CN", 1200, 5 * 365),
    "allus": Plan("All-US", 1500, 5 * 365),
}
PLANS |= {"basic": PLANS["starter"], "pro": PLANS["professional"]}  # the names of 1.0.2


def plan_of(name: object, rate: object = None) -> Plan:
    """Return the plan of a name in any spelling, with another rate where the service says so; unknown means Free."""
    known = PLANS.get("".join(letter for letter in str(name).lower() if letter.isalpha()), FREE)
    stated = (
        rate if isinstance(rate, int) and not isinstance(rate, bool) and rate > 0 else known.rate
    )
    return Plan(known.name, stated, known.days, known.ranges)


class Limiter:
    """The budget of one key on this machine; threads share the object, processes the file.

    Args:
        api_key: whose budget; only a digest of it is stored.
        plan: name of the plan; else the remembered one, else Free until key status tells.

    Attributes:
        plan: what is known of the plan.
        known: it was told by the caller or the service, not assumed.
    """

    def __init__(self, api_key: str, plan: str | None = None) -> None:
        stem = folder() / hashlib.sha256(f"tickdb {api_key}".encode()).hexdigest()[:20]
        self._note, self._fixed = stem.with_suffix(".json"), plan is not None
        remembered = None if plan else _remembered(self._note)
        self.plan = plan_of(plan) if plan else remembered or FREE
        self.known = bool(plan or remembered)
        self._asked = self.known
        self._lock = threading.Lock()
        self._bucket = _bucket(stem.with_suffix(".sqlite"))
        self._set_rate()

    def acquire(self, ask: Callable[[], Plan | None]) -> None:
        """Wait until one more request fits into the last minute; `ask` returns the plan, or None if it cannot."""
        with self._lock:
            while (wait := self._wait()) > 0:
                if not self._asked:
                    self._asked = True
                    if plan := ask():
                        self.learn(plan)
                    continue
                if wait > NOTICEABLE:
                    logger.warning(
                        "%s plan, %d requests a minute: waiting %.0f s",
                        self.plan.name,
                        self.plan.rate,
                        wait,
                    )
                sleep(wait)

    def learn(self, plan: Plan) -> None:
        """Take over what the service says about the plan, and remember it for the next process."""
        if self._fixed or (self.known and plan == self.plan):
            return
        self.plan, self.known = plan, True
        self._set_rate()
        part = self._note.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            part.write_text(
                json.dumps({"plan": plan.name, "rate": plan.rate, "asked": now()}), encoding="utf-8"
            )
            part.replace(self._note)
        except OSError as error:
            logger.info("the plan is not remembered: %s", error)

    def _set_rate(self) -> None:
        from pyrate_limiter import Rate

        self._bucket.rates = [Rate(max(1, int(self.plan.rate * SHARE)), WINDOW)]

    def _wait(self) -> float:
        """Count one request and return 0, or return the seconds until there is room for one."""
        from pyrate_limiter import RateItem

        item = RateItem("request", int(now() * 1000))
        if self._bucket.put(item):
            return 0.0
        wait = float(self._bucket.waiting(item))
        self._bucket.leak(item.timestamp)
        return max(wait, 1.0) / 1000


def limiter(api_key: str, plan: str | None = None) -> Limiter:
    """Return this process's limiter of a key."""
    return _limiter(api_key, plan, os.getpid())


@cache
def _limiter(api_key: str, plan: str | None, process: int) -> Limiter:
    return Limiter(
        api_key, plan
    )  # one for each process: a fork must not use its parent's connection


def folder() -> Path:
    """Return where budgets are kept: one place for all clones of this user."""
    return Path.home() / ".cache" / "quant-team"


def _remembered(note: Path) -> Plan | None:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        return (
            plan_of(found["plan"], found["rate"])
            if 0 <= now() - found["asked"] < REMEMBERED
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bucket(path: Path) -> Any:
    """Return the counter that all processes share, or one of this process where no file can be written."""
    from pyrate_limiter import InMemoryBucket, Rate, SQLiteBucket

    rates = [Rate(1, WINDOW)]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SQLiteBucket.init_from_file(rates, db_path=str(path), use_file_lock=True)
    except (OSError, sqlite3.Error) as error:
        logger.info("the rate limit holds for this process only: %s", error)
        return InMemoryBucket(rates)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts what is done; a bar shows once it takes longer than two seconds.

    Only on a terminal, on standard error, and for the main thread: one bar at a time.
    """
    began, done, bar = time.monotonic(), 0, None
    visible = sys.stderr.isatty() and threading.current_thread() is threading.main_thread()

    def advance(count: int) -> None:
        nonlocal done, bar
        done += count
        if bar is None and visible and time.monotonic() - began > NOTICEABLE:
            import click

            bar, count = click.progressbar(length=total, label=label, file=sys.stderr), done
        if bar is not None:
            bar.update(count)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.render_finish()
