"""Large sets prepared by processes beside this one, which only reads and writes: two cores then share an import.

A process is given the home and takes sets of messages on its standard input, each with its length in front; it answers
with what it prepared. It stores nothing, and ends when its input does, however its parent ended.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import struct
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self, cast

import msgspec

from guanxi.customers.events.decide import UNENCODABLE
from guanxi.customers.events.model import Source
from guanxi.customers.events.service import EventIntake, Prepared, Receipt
from guanxi.kernel.clock import SystemClock
from guanxi.storage.database import Database
from guanxi.storage.events.log import EventLog
from guanxi.storage.home import Home
from guanxi.storage.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IN_ONE = 10_000
"""Events in one transaction: a flush of the disk is then a small part, and others wait a fraction of a second."""

_LENGTH = struct.Struct("<Q")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Prepared).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Helper(NamedTuple):
    """A process that prepares."""

    process: subprocess.Popen[bytes]
    to: IO[bytes]
    back: IO[bytes]


class _Under(NamedTuple):
    """A set that is being prepared, kept until it is: a helper may die."""

    helper: _Helper
    raw: bytes


class SharedIntake:
    """Takes sets in like ``EventIntake.accept``, some sets later: ``submit`` and ``finish`` return what is durable."""

    def __init__(
        self,
        intake: EventIntake,
        home: Home,
        merchant_id: str,
        source: Source,
        helpers: int,
        awaited: Mapping[str, bytes] | None = None,
    ) -> None:
        self._awaited = awaited
        self._intake = intake
        self._merchant_id = merchant_id
        self._source = source
        command = [sys.executable, "-m", __name__, str(home.path), merchant_id, *source[:3]]
        self._helpers = [_start(command) for _ in range(helpers)]
        self._idle = deque(self._helpers)
        self._under: deque[_Under] = deque()
        self._ready: list[Prepared] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            with contextlib.suppress(OSError):
                helper.to.close()
        for helper in self._helpers:
            helper.back.close()
            helper.process.wait()

    @property
    def helpers(self) -> list[int]:
        """Return the ids of the processes."""
        return [helper.process.pid for helper in self._helpers]

    def submit(self, messages: Sequence[Mapping[str, Any]]) -> list[Receipt]:
        """Hand in messages; return what became of earlier ones that are now durable."""
        try:
            raw = msgspec.json.encode(messages)
        except UNENCODABLE:
            raw = b""  # half a letter in one message: judged here, where it becomes a dead letter
        if not self._idle and self._under:
            self._collect()
        if raw and self._idle:
            helper = self._idle.popleft()
            self._under.append(_Under(helper, raw))
            with contextlib.suppress(OSError):  # it has died, which shows when its answer is due
                _send(helper.to, raw)
        else:
            while self._under:
                self._collect()
            self._ready.append(self._intake.prepare(self._merchant_id, self._source, messages))
        waiting = sum(len(one.events) + len(one.letters) for one in self._ready)
        return self._write() if waiting >= IN_ONE else []

    def finish(self) -> list[Receipt]:
        """Store everything that was handed in; return what became of what ``submit`` has not told."""
        while self._under:
            self._collect()
        return self._write()

    def _collect(self) -> None:
        """Take the oldest set back; where its helper is gone, prepare it here."""
        helper, raw = self._under.popleft()
        try:
            self._ready.append(_unpack(_receive(helper.back)))
            self._idle.append(helper)
        except (EOFError, OSError, msgspec.MsgspecError):
            self._ready.append(self._intake.prepare(self._merchant_id, self._source, _split(raw)))

    def _write(self) -> list[Receipt]:
        ready, self._ready = self._ready, []
        return [self._intake.store(ready, self._awaited)] if ready else []


def _start(command: list[str]) -> _Helper:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    return _Helper(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))


def _send(to: IO[bytes], content: bytes) -> None:
    to.write(_LENGTH.pack(len(content)))
    to.write(content)
    to.flush()


def _receive(back: IO[bytes]) -> bytes:
    head = back.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size = _LENGTH.unpack(head)[0]
    content = back.read(size)
    if len(content) < size:
        raise EOFError
    return content


def main() -> None:
    """Prepare sets until there are no more; see ``SharedIntake``."""
    gc.set_threshold(1_000_000, 20, 100)  # messages are many small values and no cycles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when it is over
    path, merchant_id, *names = sys.argv[1:]
    source = Source(names[0], names[1], names[2])
    home = Home.open(Path(path))
    database, clock, vault = Database.of(home), SystemClock(), Vault(home.master_key)
    intake = EventIntake(database, EventLog(home, database, clock), vault, clock)
    while True:
        try:
            messages = _split(_receive(sys.stdin.buffer))
            prepared = intake.prepare(merchant_id, source, messages)
            _send(sys.stdout.buffer, _pack(prepared))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    main()
