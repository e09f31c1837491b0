"""The promise of the rule: a condition over five attributes of one member, three-valued, costs little more than Python.

Ours: the function that ``compile_condition`` makes of a rule, on the values of a thousand members, one value in ten
unknown. The yardsticks answer the same question about the same members: a function as a good programmer writes it by
hand, and, where it is installed, the fastest rule engine on PyPI (zen-engine), compiled once; it knows no third value, so
its text asks for what is known itself. All must hold for the same members. Rounds take turns, the median counts.

    python -m benchmarks.rules [--rounds N]
"""

from __future__ import annotations

import argparse
import importlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.report import report
from guanxi.kernel.text import Text
from guanxi.rules import Catalogue, Known, Type, compile_condition, condition

MEMBERS = 1_000
REPEATS = 20
HAND_BAR = 0.7
ZEN_BAR = 5.0
TODAY = 20_400

RULE = """
spent >= ¥500 and age between 18 and 35 and city in ('杭州', '上海') and not (orders < 3 and idle > 30)
"""
ZEN = (
    "spent != null and spent >= 50000 and age != null and age >= 18 and age <= 35 and city in ['杭州', '上海']"
    " and ((orders != null and orders >= 3) or (idle != null and idle <= 30))"
)
CITIES = frozenset({"杭州", "上海"})
TYPES = {"spent": Type.MONEY, "age": Type.INT, "city": Type.TEXT, "orders": Type.INT, "idle": Type.INT}

Member = Mapping[str, Any]


def by_hand(values: Member, today: int) -> bool:  # noqa: ARG001 - called as a rule is
    """The same condition, written out: true where the rule is true, which it is not where it is unknown."""
    spent = values["spent"]
    if spent is None or spent < 50_000:
        return False
    age = values["age"]
    if age is None or not 18 <= age <= 35:
        return False
    if values["city"] not in CITIES:
        return False
    orders = values["orders"]
    if orders is not None and orders >= 3:
        return True
    idle = values["idle"]
    return idle is not None and idle <= 30


def zen() -> Callable[[Member, int], bool] | None:
    """The condition compiled by zen-engine, or None where that is not installed."""
    try:
        engine: Any = importlib.import_module("zen")
    except ImportError:
        return None
    evaluate: Callable[[Member], bool] = engine.compile_expression(ZEN).evaluate
    return lambda values, _: evaluate(values)


def people() -> list[Member]:
    """Members, most of whom a condition must look at closely, one value in ten unknown."""
    chance = random.Random(7)

    def perhaps(value: object) -> object:
        return None if chance.random() < 0.1 else value

    return [
        {
            "spent": perhaps(chance.randrange(30_000, 200_000)),
            "age": perhaps(chance.randrange(16, 40)),
            "city": perhaps(chance.choice(["杭州", "上海", "杭州", "北京"])),
            "orders": perhaps(chance.randrange(6)),
            "idle": perhaps(chance.randrange(60)),
        }
        for _ in range(MEMBERS)
    ]


def once(holds: Callable[[Member, int], bool], members: Sequence[Member]) -> float:
    """Evaluations a second in one round."""
    started = time.perf_counter()
    for _ in range(REPEATS):
        for member in members:
            holds(member, TODAY)
    return REPEATS * len(members) / (time.perf_counter() - started)


def main() -> int:
    """Measure in turns, and report the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    catalogue = Catalogue({name: Known(type_, Text(name, name)) for name, type_ in TYPES.items()})
    ours = compile_condition(condition(RULE, catalogue))
    rivals = {"ours": ours, "hand": by_hand}
    engine = zen()
    if engine is None:
        print("NOT MEASURED / 未测: zen-engine is not installed (make install-dev)", flush=True)
    else:
        rivals["zen"] = engine
    members = people()
    said = {name: [holds(member, TODAY) for member in members] for name, holds in rivals.items()}
    assert all(answers == said["ours"] for answers in said.values()), "they do not agree"
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, holds in rivals.items():
            found[name].append(once(holds, members))
    speed = {name: statistics.median(rates) for name, rates in found.items()}
    print(f"{sum(said['ours'])} of {MEMBERS} members are meant; {rounds} rounds each", flush=True)
    good = True
    if engine is not None:
        reached = speed["ours"] >= ZEN_BAR * speed["zen"]
        good = report("rules_zen", speed["ours"], speed["zen"], ZEN_BAR, reached)
    bar = f"{HAND_BAR} x by hand, {ZEN_BAR} x zen-engine"
    good &= speed["ours"] >= HAND_BAR * speed["hand"]
    return 0 if report("rules", speed["ours"], speed["hand"], bar, good) else 1


if __name__ == "__main__":
    sys.exit(main())
