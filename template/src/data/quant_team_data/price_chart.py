"""A line of closes as SVG, which a notebook shows without any further package."""

from __future__ import annotations

import html

import numpy as np
import polars as pl

WIDTH = 640
HEIGHT = 160
MARGIN = 16  # at the top and at the bottom, for the text


def svg(bars: pl.DataFrame, title: str) -> str:
    """Return the closes of bars as a picture; nothing for fewer than two bars.

    Bars stand side by side: nights and weekends take no room.

    Args:
        bars: a frame of `frames.SCHEMA`, in time order.
        title: stands above the line.
    """
    if len(bars) < 2:
        return ""
    closes = bars["close"].to_numpy()
    chosen = np.linspace(0, len(closes) - 1, min(len(closes), WIDTH)).astype(int)
    shown = closes[chosen]
    low, high = float(shown.min()), float(shown.max())
    across = np.linspace(0, WIDTH, len(shown))
    room = HEIGHT - 2 * MARGIN
    down = MARGIN + (high - shown) / ((high - low) or 1.0) * room
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    first, last = bars["time"][[0, -1]]
    span = f"close {low:.6g} to {high:.6g}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
        f'<text x="0" y="12" font-size="12">{html.escape(title)}</text>'
        f'<polyline points="{points}" fill="none" stroke="steelblue"/>'
        f'<text x="0" y="{HEIGHT - 2}" font-size="12">{span}</text></svg>'
    )
