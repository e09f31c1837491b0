"""The ``Idempotency-Key`` header."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]+$",
        min_length=1,
        max_length=128,
        description="makes repeating the request safe for a day; keys are the caller's own",
    ),
]
"""A route's parameter: ``key: IdempotencyKey = None``."""
