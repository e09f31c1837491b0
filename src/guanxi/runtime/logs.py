"""How long-running processes write their log: for people at a terminal, a JSON object per line for everything else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

_INFO = 20


def write_logs() -> None:
    """Send the log to standard error; its level is INFO and times are UTC (RFC 3339)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    factory: Any
    if sys.stderr.isatty():
        factory = structlog.PrintLoggerFactory(sys.stderr)
        shared.append(structlog.dev.ConsoleRenderer())
    else:
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
        shared += [structlog.processors.format_exc_info, _line]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(_INFO),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def _line(_logger: object, _method: str, entry: Any) -> bytes:
    return msgspec.json.encode(entry, enc_hook=repr)
