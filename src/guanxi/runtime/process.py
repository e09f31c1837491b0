"""Settings of the interpreter for processes that work in large batches."""

from __future__ import annotations

import gc
import sys


def settle_in() -> None:
    """Call once everything is imported and built, before the work begins.

    A batch makes tens of thousands of objects that all live until it ends. The collector's defaults walk through them
    again and again and find nothing, for a quarter of the whole time; cycles are rare here and may wait. And a thread
    that waits for the interpreter gets it after 1 ms instead of 5: an event loop beside a writing thread waits often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    sys.setswitchinterval(0.001)
