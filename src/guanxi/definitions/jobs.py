"""Long work about definitions: counting what a change would do, and making it live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.definitions.model import Action
from guanxi.definitions.wishes import Wish
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from guanxi.definitions.model import Applied
    from guanxi.definitions.service import Definitions
    from guanxi.runtime.work.handle import Handle, Record
    from guanxi.storage.database import Transaction

_NAMED = 50
"""Changes that a line of the audit trail names; the release holds them all."""


class EffectWork:
    """Counts what a change would do: argument ``wish``. Its outcome holds the plan's hash and the figures."""

    name = "definitions.effect"

    def __init__(self, definitions: Definitions, takes: Callable[[str], int]) -> None:
        """``takes`` says how long (µs) a merchant's last board took to build, 0 if nobody knows."""
        self._definitions = definitions
        self._takes = takes

    def run(self, handle: Handle) -> Outcome:
        """See ``Kind.run``."""
        # Two boards at most: one of what would be, one of what is.
        handle.expect(2 * self._takes(handle.merchant_id))
        wish = Wish.of(handle.arguments["wish"])
        plan = self._definitions.plan_wish(handle.merchant_id, wish)
        figures = [[*ref, dict(found)] for ref, found in plan.effects.items()]
        return Outcome(
            Text("影响已算好", "The effect is counted"), {}, {"hash": plan.hash, "effects": figures}
        )


class ApplyWork:
    """Makes a change live: arguments ``wish``, ``why``, ``expect`` and ``action``, a word of the audit trail."""

    name = "definitions.apply"

    def __init__(self, definitions: Definitions, takes: Callable[[str], int], record: Record) -> None:
        self._definitions = definitions
        self._takes = takes
        self._record = record

    def run(self, handle: Handle) -> Outcome:
        """See ``Kind.run``. The change, its line in the audit trail and the end of the work are one transaction."""
        handle.expect(self._takes(handle.merchant_id))
        told = handle.arguments
        plan = self._definitions.plan_wish(handle.merchant_id, Wish.of(told["wish"]), effects=False)

        def beside(tx: Transaction, done: Applied) -> None:
            changed = [one.ref for one in done.changes if one.action is not Action.SAME]
            self._record(
                tx,
                handle.work,
                told["action"],
                target=str(changed[0]) if len(changed) == 1 else "",
                reason=told["why"],
                detail={
                    "release": done.release,
                    "changes": len(changed),
                    "first": [*map(str, changed[:_NAMED])],
                },
            )
            handle.finish(tx, _outcome(done))

        done = self._definitions.apply(
            handle.merchant_id,
            plan,
            by=handle.work.asker.id,
            why=told["why"],
            expect=told["expect"],
            beside=beside,
        )
        return _outcome(done)


def _outcome(done: Applied) -> Outcome:
    said = (
        Text(f"已生效，发布 {done.release}", f"Live, as release {done.release}")
        if done.changed
        else Text("内容与现状相同，没有改动", "It was so already; nothing has changed")
    )
    return Outcome(said, {"release": done.release}, {"changed": done.changed})
