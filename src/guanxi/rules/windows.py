"""Aggregates over a window of days: what they may be taken of, and whether the daily buckets can answer them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from guanxi.kernel.text import Text
from guanxi.rules.catalogue import EventType, nearest
from guanxi.rules.model import NUMERIC, Aggregation, BadRule, Literal, Node, Problem, Span, Type, Window
from guanxi.rules.refusing import Refusing

if TYPE_CHECKING:
    from guanxi.rules.lexer import Token

AGGREGATIONS = frozenset(Aggregation)
LONGEST_WINDOW = 3_650

_OF_FIELDS = frozenset(
    {Aggregation.SUM, Aggregation.MIN, Aggregation.MAX, Aggregation.AVG, Aggregation.DISTINCT}
)


class Windows(Refusing):
    """Makes the windows of one rule."""

    def window(
        self,
        how: str,
        target: Token,
        where: tuple[Token, Sequence[Literal]] | None,
        days: int,
        at: Span,
    ) -> Node:
        """Return an aggregate over a window of days."""
        found = self.event_of(target.text)
        if found is None:
            near = nearest(target.text, self._targets())
            self.bad(
                "unknown_event",
                target.at,
                f"没有事件“{target.text}”。",
                f"there is no event {target.text}.",
                near,
            )
        event, field = found
        type_ = self._catalogue.events[event]
        aggregation = Aggregation(how)
        gives, online = self._field(aggregation, event, type_, field, target.at)
        dimension, values = "", tuple[str, ...]()
        if where is not None:
            dimension, values = where[0].text, self._chosen(where[1])
            online &= self._where(aggregation, event, type_, field, where[0], where[1])
        return Window(aggregation, event, field, dimension, values, days, gives, online=online, at=at)

    def _targets(self) -> list[str]:
        events = self._catalogue.events
        return [*events, *(f"{name}.{measure}" for name, kind in events.items() for measure in kind.measures)]

    def _field(
        self, how: Aggregation, event: str, kind: EventType, field: str, at: Span
    ) -> tuple[Type, bool]:
        if how not in _OF_FIELDS:
            if field:
                self.bad(
                    "unexpected_field",
                    at,
                    f"{how} 只看事件本身，请去掉“.{field}”。",
                    f"{how} is of events as such; leave out .{field}.",
                )
            return (Type.INT if how is Aggregation.COUNT else Type.DATE), True
        if how is Aggregation.DISTINCT:
            if (dimension := kind.dimensions.get(field)) is not None:
                # A value stands in no bucket where the event lacks every measure of the dimension.
                measures = [kind.measures[name] for name in dimension.measures]
                kept = dimension.each or not measures or any(one.always for one in measures)
                return Type.INT, kept
            if field in kind.properties:
                return Type.INT, False
            near = _near_field(event, field, [*kind.dimensions, *kind.properties])
            self.bad(
                "unknown_field",
                at,
                f"事件 {event} 没有“{field}”。",
                f"{event} has no {field or 'such field'}.",
                near,
            )
        measure = kind.measures.get(field) or kind.properties.get(field)
        if measure is None or measure.type not in NUMERIC:
            near = _near_field(event, field, list(kind.measures))
            what_zh, what_en = (f"没有“{field}”", f"there is no {field}") if field else ("请写明", "name one")
            self.bad(
                "unknown_measure",
                at,
                f"{how} 需要事件 {event} 的数值指标，{what_zh}。",
                f"{how} takes a numeric measure of {event}; {what_en}.",
                near,
            )
        average = how is Aggregation.AVG and measure.type is Type.INT
        return (Type.NUMBER if average else measure.type), field in kind.measures

    def _where(
        self,
        how: Aggregation,
        event: str,
        kind: EventType,
        field: str,
        named: Token,
        chosen: Sequence[Literal],
    ) -> bool:
        """Say whether the daily buckets can answer a restricted aggregate; refuse one without meaning."""
        dimension = kind.dimensions.get(named.text)
        if dimension is None:
            if named.text in kind.properties:
                return False
            near = nearest(named.text, [*kind.dimensions, *kind.properties])
            self.bad(
                "unknown_dimension",
                named.at,
                f"事件 {event} 没有维度“{named.text}”。",
                f"{event} has no dimension {named.text}.",
                near,
            )
        for one in chosen:
            self.declared(str(one.value), dimension.values, one.at)
        if how is Aggregation.DISTINCT:
            other = kind.dimensions.get(field)
            if dimension.each and other is not None and other.each and field != named.text:
                self._mixed(named, f"distinct({event}.{field})")
            return False
        if dimension.each and field and field not in dimension.measures:
            self._mixed(named, f"{event}.{field}")
        if field:
            kept = field in dimension.measures
        else:
            # Events are counted in the buckets of the first measure, which are complete if no event lacks it.
            first = dimension.measures[0] if dimension.measures else ""
            kept = dimension.each or not first or kind.measures[first].always
        # An event with elements of several chosen values stands in several buckets; only sums may add these up.
        return kept and (len(chosen) == 1 or not dimension.each or how is Aggregation.SUM)

    def _mixed(self, named: Token, what: str) -> NoReturn:
        """Refuse what elements of a list do not have."""
        self.bad(
            "mixed_elements",
            named.at,
            f"“{named.text}”是明细的维度，明细里没有 {what}。",
            f"{named.text} is of an event's elements, which have no {what}.",
        )

    def _chosen(self, literals: Sequence[Literal]) -> tuple[str, ...]:
        for one in literals:
            if one.type is not Type.TEXT:
                self.bad("wrong_type", one.at, "维度的值是文字。", "a dimension's values are texts.")
        return tuple(sorted({str(one.value) for one in literals}))

    def no_window(self, at: Span) -> BadRule:
        """Return the refusal of an aggregate that does not say over which days."""
        reason = Text(
            f"请说明窗口，例如最近 90 天写 90d（最长 {LONGEST_WINDOW}d）。",
            f"say over which days, such as 90d for the last 90 (at most {LONGEST_WINDOW}d).",
        )
        return BadRule(self._rule, [Problem("no_window", at, reason)])

    def only_chosen(self, how: str, target: str, dimension: str, at: Span) -> BadRule:
        """Return the refusal of a window that leaves values out instead of choosing some."""
        zh, en = "窗口的 where 只能用 = 或 in 选取值", "where of a window chooses values, by = or in"
        if how in {Aggregation.COUNT, Aggregation.SUM}:
            instead = f"{how}({target}, 90d) - {how}({target} where {dimension} = 'x', 90d)"
            zh, en = (
                f"{zh}；要排除某个值，请用总数减去它：{instead}",
                f"{en}; to leave one out, subtract it: {instead}",
            )
        return BadRule(self._rule, [Problem("only_chosen", at, Text(f"{zh}。", f"{en}."))])

    def one_dimension(self, at: Span) -> BadRule:
        """Return the refusal of a window over several dimensions at once."""
        reason = Text(
            "窗口的 where 只能写一个维度；同一维度的多个值请用 in。",
            "where of a window takes one dimension; for several values of it write in.",
        )
        return BadRule(self._rule, [Problem("one_dimension", at, reason)])

    def length(self, span: Token) -> int:
        """Return the length of a window in days."""
        number = span.text[:-1] if span.kind == "days" else ""
        if not number.isdigit() or not 1 <= int(number[:9]) <= LONGEST_WINDOW:
            self.bad(
                "bad_window",
                span.at,
                f"窗口应为 1d 到 {LONGEST_WINDOW}d，例如 90d。",
                f"a window is 1d to {LONGEST_WINDOW}d, such as 90d.",
            )
        return int(number)


def _near_field(event: str, field: str, fields: Sequence[str]) -> str:
    near = nearest(field, fields) if field else fields[0] if len(fields) == 1 else ""
    return f"{event}.{near}" if near else ""
