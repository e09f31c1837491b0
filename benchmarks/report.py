"""How every benchmark says what it measured: the last line of its output is one line of JSON."""

from __future__ import annotations

import json


def report(name: str, value: float, yardstick: float, bar: float | str, ok: bool, unit: str = "/s") -> bool:  # noqa: FBT001 - the fields of the line, in its order
    """Print our figure, the yardstick's, their ratio and whether the bar is met; return ``ok``.

    ``value`` and ``yardstick`` are in ``unit``; ``bar`` is the number to reach, or a sentence where one is not enough.
    """
    ratio = round(value / yardstick, 3) if yardstick else None
    figures = {"value": round(value, 3), "yardstick": round(yardstick, 3), "ratio": ratio}
    print(json.dumps({"name": name, **figures, "bar": bar, "ok": ok, "unit": unit}), flush=True)
    return ok
