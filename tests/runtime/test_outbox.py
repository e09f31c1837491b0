"""The outbox on both databases: written once, sent at least once, told apart by key."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from guanxi.kernel.clock import DAY, HOUR, MINUTE, SECOND
from guanxi.kernel.errors import IdempotencyMismatch, InvalidInput, TooLarge, Unavailable
from guanxi.runtime.decide import Backoff
from guanxi.runtime.model import Reason
from guanxi.runtime.outbox import service
from guanxi.runtime.outbox.jobs import OutboxJob, deliver
from guanxi.runtime.outbox.model import (
    LEASE,
    REMEMBERED,
    Message,
    MessageKey,
    NewMessage,
    OutboxCounts,
    Outcome,
    Refused,
    Retry,
    Sender,
    Sent,
)
from tests.installation import NOW
from tests.runtime.effects import Killed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.installation import Installation

WHY = Reason("away", "对方不在", "They are away")


class Receiver:
    """Somebody outside: takes messages, remembers keys, does what it is told about some."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.taken: dict[str, int] = {}
        self.say: dict[str, Outcome | BaseException] = {}

    def __call__(self, messages: Sequence[Message]) -> list[Outcome]:
        self.calls.append([message.key for message in messages])
        outcomes: list[Outcome] = []
        for message in messages:
            said = self.say.get(message.key, Sent())
            if isinstance(said, BaseException):
                raise said
            if isinstance(said, Sent):
                self.taken[message.idempotency_key] = self.taken.get(message.idempotency_key, 0) + 1
            outcomes.append(said)
        return outcomes


def message(
    key: str, topic: str = "hook", merchant: str = "shop", payload: bytes = b"{}", due_at: int = NOW
) -> NewMessage:
    return NewMessage(merchant, topic, key, payload, due_at)


def put(installation: Installation, *messages: NewMessage) -> None:
    with installation.database.transaction() as tx:
        service.put(tx, messages, installation.clock.now())


def counts(installation: Installation) -> OutboxCounts:
    with installation.database.reading() as tx:
        return service.counts(tx, "shop")


def send(installation: Installation, sender: Sender, topic: str = "hook") -> int:
    return deliver(installation.database, {topic: sender}, installation.clock)


def test_a_message_is_sent_once_and_its_payload_forgotten(installation: Installation) -> None:
    receiver = Receiver()
    put(installation, message("a", payload=b"secret"), message("later", due_at=NOW + HOUR))
    assert send(installation, receiver) == 1
    assert send(installation, receiver) == 0
    assert receiver.calls == [["a"]]
    assert counts(installation) == OutboxCounts(pending=1, leased=0, parked=0)
    with installation.database.reading() as tx:
        kept = tx.conn.exec_driver_sql("SELECT payload FROM runtime_outbox WHERE key = 'a'").scalar_one()
    assert bytes(kept) == b""


def test_putting_twice_is_putting_once_also_after_it_was_sent(installation: Installation) -> None:
    receiver = Receiver()
    put(installation, message("a"), message("a"))
    put(installation, message("a"), message("b"))
    send(installation, receiver)
    put(installation, message("a", due_at=NOW + 5))
    send(installation, receiver)
    assert receiver.calls == [["a", "b"]]
    with pytest.raises(IdempotencyMismatch):
        put(installation, message("new"), message("a", payload=b"other"))
    with pytest.raises(IdempotencyMismatch):
        put(installation, message("c", payload=b"1"), message("c", payload=b"2"))
    assert counts(installation).pending == 0


def test_a_sent_key_is_forgotten_after_a_week(installation: Installation) -> None:
    receiver = Receiver()
    put(installation, message("a"))
    send(installation, receiver)
    installation.clock.move(REMEMBERED)
    assert send(installation, receiver) == 0
    put(installation, message("a", payload=b"other"))
    send(installation, receiver)
    assert receiver.calls == [["a"], ["a"]]


def test_what_is_put_in_a_transaction_that_fails_is_never_sent(installation: Installation) -> None:
    with contextlib.suppress(ZeroDivisionError), installation.database.transaction() as tx:
        service.put(tx, [message("a")], NOW)
        raise ZeroDivisionError
    assert send(installation, Receiver()) == 0
    with installation.database.transaction() as tx:
        service.put(tx, [], NOW)


@pytest.mark.parametrize(
    "bad", [message(""), message("a", topic="t" * 65), message("a\x00"), message("a", due_at=1 << 63)]
)
def test_a_message_that_cannot_be_is_refused(installation: Installation, bad: NewMessage) -> None:
    with pytest.raises(InvalidInput):
        put(installation, bad)


def test_an_overlong_payload_is_refused(installation: Installation) -> None:
    with pytest.raises(TooLarge):
        put(installation, message("a", payload=bytes(1_048_577)))


def test_each_message_has_its_own_outcome(installation: Installation) -> None:
    receiver = Receiver()
    receiver.say = {"b": Retry(WHY), "c": Refused(WHY), "d": Retry(WHY, after=HOUR)}
    put(installation, *(message(key) for key in "abcde"))
    assert send(installation, receiver) == 5
    assert len(receiver.taken) == 2
    assert counts(installation) == OutboxCounts(pending=2, leased=0, parked=1)
    with installation.database.reading() as tx:
        (parked,) = service.parked(tx, "shop", limit=9)
        assert service.parked(tx, "shop", after=parked, limit=9) == []
        assert service.parked(tx, "other", limit=9) == []
    assert (parked.key.key, parked.reason, parked.parked_at, parked.attempts) == ("c", WHY, NOW, 1)
    installation.clock.move(5 * SECOND)
    send(installation, receiver)
    assert receiver.calls[1:] == [["b"]]
    installation.clock.move(HOUR + 5 * SECOND)
    receiver.say = {}
    send(installation, receiver)
    assert sorted(receiver.calls[2]) == ["b", "d"]


def test_a_message_that_keeps_failing_is_parked_retried_dropped(installation: Installation) -> None:
    receiver = Receiver()
    receiver.say = {"a": Retry(WHY), "b": Refused(WHY)}
    put(installation, message("a"), message("b"))
    job = OutboxJob(
        installation.database, {"hook": receiver}, installation.clock, backoff=Backoff(SECOND, MINUTE, 3)
    )
    for _ in range(9):
        job.round(installation.clock.now())
        installation.clock.move(HOUR)
    assert receiver.calls == [["a", "b"], ["a"], ["a"]]
    keys = [MessageKey("shop", "hook", key) for key in "ab"]
    with installation.database.transaction() as tx:
        assert service.drop(tx, keys[1:]) == 1
        assert service.retry(tx, keys, installation.clock.now()) == 1
    receiver.say = {}
    job.round(installation.clock.now())
    assert receiver.calls[3:] == [["a"]]
    assert counts(installation) == OutboxCounts(pending=0, leased=0, parked=0)


def test_a_message_that_makes_the_sender_raise_blocks_nobody(installation: Installation) -> None:
    receiver = Receiver()
    receiver.say = {"m7": Unavailable(reason_zh="坏", reason_en="broken")}
    put(installation, *(message(f"m{n}") for n in range(20)))
    assert send(installation, receiver) == 20
    # What went out before the sender raised goes out again: same key, so the receiver has it once.
    assert len(receiver.taken) == 19
    assert counts(installation).pending == 1


def test_a_sender_that_is_down_is_asked_a_few_times_and_all_wait(installation: Installation) -> None:
    calls = 0

    def down(messages: Sequence[Message]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        raise ConnectionError

    put(installation, *(message(f"m{n}") for n in range(100)))
    assert send(installation, down) == 100
    assert calls < 30
    assert send(installation, down) == 0
    assert counts(installation).pending == 100


def test_a_sender_that_answers_too_little_is_a_failure(installation: Installation) -> None:
    put(installation, message("a"), message("b"))
    assert send(installation, lambda messages: []) == 2
    assert counts(installation).pending == 2


def test_an_unknown_topic_is_parked_with_a_reason(installation: Installation) -> None:
    put(installation, message("a", topic="unheard.of"), message("b"))
    receiver = Receiver()
    send(installation, receiver)
    assert receiver.calls == [["b"]]
    with installation.database.reading() as tx:
        (parked,) = service.parked(tx, "shop", limit=9)
    assert (parked.key.topic, parked.reason.code) == ("unheard.of", "no_handler")


def test_a_killed_workers_messages_are_sent_again_alone_under_the_same_key(
    installation: Installation,
) -> None:
    receiver = Receiver()
    put(installation, message("a"), message("b", due_at=NOW - 1), message("c"))
    receiver.say = {"c": Killed()}
    with pytest.raises(Killed):
        send(installation, receiver)
    assert counts(installation) == OutboxCounts(pending=0, leased=3, parked=0)
    receiver.say = {}
    assert send(installation, receiver) == 0
    installation.clock.move(LEASE)
    for _ in range(3):
        assert send(installation, receiver) == 1
    assert [len(call) for call in receiver.calls] == [3, 1, 1, 1]
    assert sorted(receiver.taken.values()) == [1, 2, 2]
    assert counts(installation) == OutboxCounts(pending=0, leased=0, parked=0)


def test_a_message_that_kills_its_workers_is_parked_and_takes_nobody_along(
    installation: Installation,
) -> None:
    receiver = Receiver()
    receiver.say = {"killer": Killed()}
    put(installation, *(message(f"m{n}") for n in range(5)), message("killer"))
    deaths = 0
    for _ in range(200):
        try:
            if not send(installation, receiver):
                installation.clock.move(HOUR)
        except Killed:
            deaths += 1
        if counts(installation).parked:
            break
    assert deaths == 16
    assert len(receiver.taken) == 5
    with installation.database.reading() as tx:
        (parked,) = service.parked(tx, "shop", limit=9)
    assert (parked.key.key, parked.reason.code, parked.attempts) == ("killer", "worker_lost", 16)


def test_a_worker_that_comes_back_late_changes_nothing(installation: Installation) -> None:
    second = Receiver()

    def slow(messages: Sequence[Message]) -> list[Outcome]:
        installation.clock.move(LEASE)
        assert send(installation, second) == 1
        return [Refused(WHY) for _ in messages]

    put(installation, message("a"))
    send(installation, slow)
    assert second.calls == [["a"]]
    assert counts(installation) == OutboxCounts(pending=0, leased=0, parked=0)


def test_a_lease_from_before_the_clock_was_set_back_does_not_last_for_ever(
    installation: Installation,
) -> None:
    receiver = Receiver()
    receiver.say = {"a": Killed()}
    put(installation, message("a", due_at=NOW - 10 * DAY))
    with pytest.raises(Killed):
        send(installation, receiver)
    installation.clock.move(-DAY)
    receiver.say = {}
    assert send(installation, receiver) == 1


def test_a_flooded_merchant_or_topic_delays_others_by_one_set(installation: Installation) -> None:
    receiver = Receiver()
    put(
        installation,
        *(message(f"f{n}", merchant="aaa", due_at=NOW - DAY) for n in range(30)),
        *(message(f"g{n}", topic="flood", due_at=NOW - DAY) for n in range(30)),
        message("mine"),
    )
    senders = {"hook": receiver, "flood": receiver}
    job = OutboxJob(installation.database, senders, installation.clock, set_size=10)
    assert job.round(NOW) == 10 + 10 + 1
    assert ["mine"] in receiver.calls
    assert job.lag() == DAY
