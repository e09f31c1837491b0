"""A process that raises workers on one installation and kills them: ``python -m tests.e2e.killing HOME KILLS``.

Workers are forked from a process that has imported everything and done nothing yet, so that each is at work within
milliseconds; ``SIGKILL`` comes at a random moment. What a client was told goes to a file as soon as it was told. At the
end a last generation does what clients and supervisors do after a crash: it sends again whatever was not acknowledged,
starts the import again, and lets the readers catch up.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from guanxi.connectors.files import import_file, load_mapping
from guanxi.connectors.intake import Rejected
from guanxi.customers.events.model import Refused, Seen, Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake, Receipt
from guanxi.customers.identity.kinds import Typed, identify
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.kernel.clock import DAY, FixedClock, to_rfc3339
from guanxi.storage.database import Database
from guanxi.storage.events.handover import Handover
from guanxi.storage.events.log import EventLog
from guanxi.storage.home import Home
from guanxi.storage.locks import locks_of
from guanxi.storage.merchants import get_merchant
from guanxi.storage.person_keys import PersonKeys
from guanxi.storage.vault import Vault
from tests.installation import NOW
from tests.settling import catch_up

SENT, TOLD, IMPORTED = "sent.txt", "told.txt", "imported.txt"
ROWS = 300
"""Rows of the file that is imported; so few lines make a set that a kill falls into the middle."""

CHANGES = "killing.changes"
"""The state of which every change writes an event beside it: a number that counts up."""

MAPPING = """\
type: track
event: order.paid
id: id
time: {column: at}
identities:
  - {type: phone, column: phone}
properties:
  order_id: id
  amount: {column: amount, type: money}
"""


class Product:
    """What a worker opens for itself: nothing of it survives a fork."""

    def __init__(self, home: Home, ready: int | None = None) -> None:
        self.home = home
        self.clock = FixedClock(NOW)
        self.database = Database.of(home)
        self.log = EventLog(home, self.database, self.clock)
        self.vault = Vault(home.master_key)
        self.keys = PersonKeys(self.vault)
        self.intake = EventIntake(self.database, self.log, self.vault, self.clock)
        self.projection = Projection(self.database, self.log, self.intake, self.vault, self.keys)
        self.locks = locks_of(self.database, home.locks)
        reseal = resealer(self.database, self.vault, self.keys)
        self.handover = Handover(self.database, self.log, self.locks, reseal, self.clock)
        self.intake.merchant("shop")
        self._ready = ready

    def at_work(self) -> None:
        """Tell the parent, once, that this worker has begun: its life is counted from here."""
        if self._ready is not None:
            os.write(self._ready, b"!")
            self._ready = None


class Tell:
    """Lines in a file that whoever dies next cannot take back."""

    def __init__(self, home: Home, name: str) -> None:
        self._file = os.open(home.path / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, *lines: str) -> None:
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())


def lines_of(home: Home, name: str) -> list[str]:
    path = home.path / name
    return path.read_text().split("\n")[:-1] if path.exists() else []


def message(key: str) -> dict[str, Any]:
    """The message of a key, the same whenever it is made: a retry repeats it."""
    chance = random.Random(key)
    phone = f"1391111{chance.randrange(40):04}"
    made: dict[str, Any] = {
        "type": "track",
        "event": "order.paid",
        "messageId": key,
        "context": {"identities": [{"type": "openid", "scope": "app", "value": f"o-{chance.randrange(60)}"}]},
        "properties": {
            "order_id": key,
            "amount": chance.randrange(10_000),
            "note": chance.choice(["x", phone]),
        },
    }
    if chance.random() < 0.5:
        made["context"]["identities"].append({"type": "phone", "value": phone})
    if chance.random() < 0.3:
        made.update(type="identify", traits={"name": "王小明", "city": "杭州"})
    if chance.random() < 0.9:
        days = chance.choice([0, 0, 1, 7, 8, 9, 40])
        made["timestamp"] = to_rfc3339(NOW - days * DAY - chance.randrange(1_000) * 1_000_000)
    return made


SHOP = Source("killing", "shop-web", "web")


def send(product: Product) -> None:
    """Be a client: send, and when in doubt send again."""
    home = product.home
    sent, told = Tell(home, SENT), Tell(home, TOLD)
    chance, name = random.Random(os.getpid()), f"{os.getpid()}-{time.monotonic_ns()}"
    for batch in range(1_000_000):
        keys = [f"{name}-{batch}-{n}" for n in range(chance.choice((1, 5, 40)))]
        sent(*keys)
        doubtful = lines_of(home, SENT)
        again = [*keys, *chance.sample(doubtful, min(5, len(doubtful)))]
        deliver(product, again)
        told(*again)
        # Not before: on a busy machine every client would be dead before one was told anything.
        product.at_work()


def deliver(product: Product, keys: list[str]) -> None:
    receipt = product.intake.accept("shop", SHOP, [message(key) for key in keys])
    assert receipt.dead_lettered == 0
    assert receipt.accepted + receipt.duplicates == len(keys)


@dataclass
class FileIntake:
    """The door that an import comes in by."""

    product: Product

    def accept(self, messages: Any) -> Receipt:
        return self.product.intake.accept("shop", Source("orders.csv", "", "import"), messages)

    def reject(self, rejected: Any) -> None:
        given: list[Rejected] = list(rejected)
        letters = [(one.raw, Refused(one.code, one.reason)) for one in given]
        self.product.intake.reject("shop", Source("orders.csv", "", "import"), letters)


def import_again(product: Product) -> None:
    product.at_work()
    home = product.home
    mapping = load_mapping(home.path / "mapping.yaml")
    result = import_file(
        home.path / "orders.csv", mapping, FileIntake(product), merchant_timezone="Asia/Shanghai"
    )
    assert result.rows == ROWS + 1
    Tell(home, IMPORTED)("done")
    while True:
        time.sleep(0.01)


def change(product: Product) -> None:
    """Change state and say so in an event of the same transaction."""
    product.at_work()
    while True:
        change_once(product)


def change_once(product: Product) -> None:
    with product.database.reading() as tx:
        merchant = get_merchant(tx, "shop")
    with product.database.transaction() as tx:
        # The row is made before the workers are, and locked here: two at once would count the same number.
        lock = " FOR UPDATE" if tx.dialect == "postgresql" else ""
        found = text(f"SELECT value FROM storage_setting WHERE merchant_id = 'shop' AND name = :n{lock}")
        number = int(tx.conn.execute(found, {"n": CHANGES}).scalar_one()) + 1
        tx.conn.execute(
            text("UPDATE storage_setting SET value = :v WHERE merchant_id = 'shop' AND name = :n"),
            {"v": str(number), "n": CHANGES},
        )
        seen = [member("member_no", "", f"m-{number % 7}"), member("openid", "app", f"o-{number % 60}")]
        event = product.intake.internal_event(
            merchant, "identity.separated", f"change-{number}", seen, {"by": "an"}
        )
        product.log.append(tx, [event])
    time.sleep(0.002)


def member(kind: str, scope: str, value: str) -> Seen:
    known = identify(kind, scope, value)
    assert isinstance(known, Typed)
    return Seen(known.type, known.scope, known.value, value)


def follow(product: Product) -> None:
    """Be the worker: move on what waits, project, hand over, compact, sweep."""
    product.at_work()
    for step in steps(product, random.Random(os.getpid())):
        step()


def steps(product: Product, chance: random.Random) -> Iterator[Callable[[], object]]:
    while True:
        yield lambda: product.log.drain_beside("shop")
        yield lambda: product.projection.run("shop", chance.choice((20, 200)))
        yield lambda: product.handover.run("shop", [READER], limit=chance.choice((10, 100)))
        if chance.random() < 0.3:
            yield lambda: tidy(product)


def tidy(product: Product) -> None:
    with product.locks.hold("lake/shop", wait=False) as mine:
        if mine:
            product.handover.recover("shop")
            lake = product.log.lake("shop")
            lake.compact(small_files=3)
            lake.vacuum(hours=1)


ROLES: list[Callable[[Product], None]] = [send, send, import_again, change, follow, follow]


@dataclass(frozen=True)
class Child:
    """A worker at work, and when it is to be killed."""

    pid: int
    role: Callable[[Product], None]
    deadline: float
    """Counted from its birth; those that are not at work by then get a moment more."""
    ready: int
    moment: float

    def kill(self) -> None:
        time.sleep(max(0, self.deadline - time.monotonic()))
        if self.moment and not select.select([self.ready], [], [], 0)[0]:
            os.read(self.ready, 1)
            time.sleep(self.moment)
        os.close(self.ready)
        os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"{self.role.__name__} died by itself"


def fork(do: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{do}: {error!r}\n")
            raise
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def finish(home: Home) -> None:
    """Do what clients and supervisors do after a crash."""
    product = Product(home)
    sent = lines_of(home, SENT)
    for start in range(0, len(sent), 500):
        deliver(product, sent[start : start + 500])
    import_file(
        home.path / "orders.csv",
        load_mapping(home.path / "mapping.yaml"),
        FileIntake(product),
        merchant_timezone="Asia/Shanghai",
    )
    while product.log.drain_beside("shop"):
        pass
    catch_up(product.database, product.log, product.projection, "shop")
    for _ in range(3):
        product.handover.run("shop", [READER], limit=max(1, product.log.backlog("shop")["rows"] // 4))


def prepare(home: Home) -> None:
    """Write the file to import and the row that counts changes."""
    header = "id,at,phone,amount\n"
    rows = [f"row-{n},2026-06-{1 + n % 14:02} 10:00:00,1391111{n % 40:04},{n}.50\n" for n in range(ROWS)]
    (home.path / "orders.csv").write_text(header + "".join(rows) + "bad,yesterday,13911110000,1\n")
    (home.path / "mapping.yaml").write_text(MAPPING)
    with Database.of(home).transaction() as tx:
        tx.conn.execute(
            text("INSERT INTO storage_setting (merchant_id, name, value) VALUES ('shop', :n, '0')"),
            {"n": CHANGES},
        )


def main() -> int:
    home, kills = Home.open(Path(sys.argv[1])), int(sys.argv[2])
    chance = random.Random(kills)
    assert os.waitstatus_to_exitcode(os.waitpid(fork(lambda: prepare(home)), 0)[1]) == 0

    def raise_one(role: Callable[[Product], None]) -> Child:
        # Followers live longer: a hand-over is a tenth of a second and should be met at every moment. One in five dies
        # before it is at work.
        alive = chance.uniform(0.05, 1.2) if role is follow else chance.uniform(0.02, 0.4)
        ready, told = os.pipe()
        pid = fork(lambda: role(Product(home, told)))
        os.close(told)
        return Child(pid, role, time.monotonic() + alive, ready, chance.choice((0, 0.02, 0.1, 0.3, 0.6)))

    workers = [raise_one(role) for role in ROLES]
    try:
        for _ in range(kills):
            workers.sort(key=lambda worker: worker.deadline, reverse=True)
            dead = workers.pop()
            dead.kill()
            workers.append(raise_one(dead.role))
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)
    assert os.waitstatus_to_exitcode(os.waitpid(fork(lambda: finish(home)), 0)[1]) == 0
    print(kills)
    return 0


if __name__ == "__main__":
    sys.exit(main())
