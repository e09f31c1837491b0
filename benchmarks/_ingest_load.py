"""The load generator, a process of its own: keep-alive connections, bodies made beforehand but for ids and persons.

    python -m benchmarks._ingest_load PORT KEY SECONDS MEMBERS SEED CONNECTIONS RATE

RATE is in events a second, 0 for as many as the connections carry. Prints one line of JSON: events acknowledged, seconds, and the latencies of the requests in milliseconds.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time
from base64 import b64encode

from benchmarks._ingest_messages import EVENTS_IN_A_BATCH, Template


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._answer = b""

    def send(self, request: bytes) -> None:
        self._answer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Read what has come; say whether the answer is whole. Anything but a 200 ends the benchmark."""
        part = self.socket.recv(65536)
        self._answer += part
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not part or (end and not head.startswith(b"HTTP/1.1 200")):
            raise SystemExit(f"the server said {self._answer[:500]!r}")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return bool(end) and len(body) >= int(lengths[0].partition(b":")[2])


def main() -> None:
    port, key, seconds, members, seed, count, rate = sys.argv[1:]
    head = (
        "POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {b64encode(f'{key}:'.encode()).decode()}\r\nContent-Length: "
    ).encode()
    chance = random.Random(int(seed))
    templates = [Template(EVENTS_IN_A_BATCH, chance) for _ in range(400)]
    print("ready", flush=True)
    sys.stdin.readline()
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    turn = 0

    def request() -> bytes:
        nonlocal turn
        body = templates[turn % len(templates)].filled(int(members), chance)
        turn += 1
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    begun = time.perf_counter()
    end = begun + float(seconds)
    idle = [Connection(int(port)) for _ in range(int(count))]
    for one in idle:
        selector.register(one.socket, selectors.EVENT_READ, one)
    while True:
        now = time.perf_counter()
        due = (now - begun) * float(rate) / EVENTS_IN_A_BATCH if float(rate) else float("inf")
        while idle and turn < due and now < end:
            idle.pop().send(request())
        if now >= end and len(idle) == int(count):
            break
        for ready, _ in selector.select(0.001 if idle else None):
            one = ready.data
            if one.answered():
                latencies.append((time.perf_counter() - one.sent_at) * 1000)
                idle.append(one)
    taken = time.perf_counter() - begun
    latencies.sort()
    found = {
        "events": len(latencies) * EVENTS_IN_A_BATCH,
        "seconds": taken,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
        "most": latencies[-1],
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
