"""Members in a list: found, and each told in one line."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from guanxi.customers.events.model import Seen
from guanxi.customers.events.service import fragment as fragment_for
from guanxi.customers.identity import service as people
from guanxi.customers.identity.model import FIRST_DAY, LAST_DAY, Holding
from guanxi.customers.members import decide, store
from guanxi.customers.members.model import MemberLine, Sort
from guanxi.customers.members.service.parts import Parts, identities, opened, said
from guanxi.customers.projection.search import query_tokens
from guanxi.kernel.ids import fragment_of, member_id
from guanxi.kernel.paging import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guanxi.customers.members.store import MemberRow
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

MOST_LETTERS = 200
"""Of a search text; more is cut."""


def page(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    query: str,
    sort: Sort,
    cursor: str | None,
    limit: int,
    *,
    visitors: bool,
) -> Page[MemberLine]:
    """See ``Members.list_members``."""
    after: tuple[int, int] | None = None
    if cursor is not None:
        first_seen, member = read_cursor(cursor, int, int)
        after = (first_seen, member)
    newest = sort is Sort.NEWEST
    text = query.replace("\x00", "").strip()[:MOST_LETTERS]
    if text:
        rows = _search(parts, tx, merchant, text, after, limit + 1, visitors=visitors, newest=newest)
    else:
        rows = _browse(tx, merchant, after, limit + 1, visitors=visitors, newest=newest)
    items = rows[:limit]
    following = write_cursor(items[-1].first_seen, items[-1].member) if len(rows) > limit else None
    return Page(lines(parts, tx, merchant, items), following)


def _browse(
    tx: Transaction,
    merchant: Merchant,
    after: tuple[int, int] | None,
    limit: int,
    *,
    visitors: bool,
    newest: bool,
) -> list[MemberRow]:
    rows = [
        row
        for known in ((True, False) if visitors else (True,))
        for row in store.browse(
            tx, merchant.merchant_id, known=known, newest=newest, after=after, limit=limit
        )
    ]
    return sorted(rows, key=lambda row: (row.first_seen, row.member), reverse=newest)[:limit]


def _search(
    parts: Parts,
    tx: Transaction,
    merchant: Merchant,
    text: str,
    after: tuple[int, int] | None,
    limit: int,
    *,
    visitors: bool,
    newest: bool,
) -> list[MemberRow]:
    key = parts.vault.lookup_key(merchant.merchant_id)
    texts, maybe, public = decide.sought(text)
    if public is not None:
        exact, names, fragments = set[int](), [], [public]
    else:
        tokens = [query_tokens(key, one) for one in texts]
        exact = {token for found, _ in tokens for token in found}
        names = sorted(set(tokens[0][1]))
        fragments = [fragment_for(key, Seen(*one, "")) for one in maybe]
    return store.search(
        tx,
        merchant.merchant_id,
        exact=sorted(exact),
        names=names,
        fragments=fragments,
        visitors=visitors or public is not None,
        newest=newest,
        after=after,
        limit=limit,
    )


def named(parts: Parts, tx: Transaction, merchant: Merchant, ids: Collection[str]) -> list[MemberLine]:
    """See ``Members.lines``."""
    rows = store.members(tx, merchant.merchant_id, [fragment_of(one) for one in ids])
    return lines(parts, tx, merchant, list(rows.values()))


def lines(parts: Parts, tx: Transaction, merchant: Merchant, rows: Sequence[MemberRow]) -> list[MemberLine]:
    """Return members each in one line, in as many statements for many as for one."""
    if not rows:
        return []
    held = people.holdings_of(tx, merchant.merchant_id, [row.member for row in rows])
    fragments = {one.fragment for holdings in held.values() for one in holdings}
    known = identities(tx, merchant, fragments)
    names = _names(parts, tx, merchant, held)
    figures = _figures(tx, merchant, rows, held)
    found = []
    for row in rows:
        holdings = held[row.member]
        theirs = [known[one.fragment] for one in holdings if one.fragment in known]
        name = names.get(row.member, "")
        count, spent, last = figures[row.member]
        found.append(
            MemberLine(
                member_id=member_id(row.member),
                display=name or decide.best_mask(theirs) or member_id(row.member),
                named=bool(name),
                phone=decide.mask_of("phone", holdings, known),
                member_no=decide.mask_of("member_no", holdings, known),
                known=row.known,
                first_seen=row.first_seen,
                last_active_day=last,
                orders=count,
                spent=spent,
                kinds=decide.kinds_of(theirs),
            )
        )
    return found


def _names(
    parts: Parts, tx: Transaction, merchant: Merchant, held: Mapping[int, list[Holding]]
) -> dict[int, str]:
    """Return the names of members who have one."""
    fragments = {one.fragment for holdings in held.values() for one in holdings}
    rows = store.attributes(tx, merchant.merchant_id, fragments, decide.NAMES)
    sealers = parts.keys.sealers(tx, merchant.merchant_id, [row.fragment for row in rows if row.personal])
    by_fragment: defaultdict[int, list[store.AttributeRow]] = defaultdict(list)
    for row in rows:
        by_fragment[row.fragment].append(row)
    found = {}
    for member, holdings in held.items():
        theirs = [
            row
            for one in holdings
            for row in said(merchant, by_fragment[one.fragment], {one.fragment: [one]})
        ]
        texts = [(row.name, row.time, opened(row, sealers)) for row in theirs]
        found[member] = decide.name_of([one for one in texts if isinstance(one[2], str)])
    return found


def _figures(
    tx: Transaction, merchant: Merchant, rows: Sequence[MemberRow], held: Mapping[int, list[Holding]]
) -> dict[int, tuple[int, int, int | None]]:
    """Return (orders, fen spent, last active day) of members."""
    merchant_id = merchant.merchant_id
    series = store.series(tx, merchant_id)
    counting = set(decide.doing(series))
    orders = next((one.series for one in series if one[1:] == (decide.ORDER, "")), 0)
    amount = next((one.series for one in series if one[1:] == (decide.ORDER, decide.AMOUNT)), 0)
    numbers = sorted({*counting, amount} - {0})
    days = store.days(tx, merchant_id, merchant.days.day(min(row.first_seen for row in rows)))
    whole = {
        one.fragment: member
        for member, holdings in held.items()
        for one in holdings
        if one.from_day <= FIRST_DAY and one.until_day >= LAST_DAY
    }
    count = dict.fromkeys(held, 0)
    spent = dict.fromkeys(held, 0)
    last: dict[int, int | None] = dict.fromkeys(held)

    def add(member: int, number: int, n: int, total: int, day: int) -> None:
        count[member] += n if number == orders else 0
        spent[member] += total if number == amount else 0
        last[member] = max(last[member] or day, day)

    for one in store.totals(tx, merchant_id, days, whole, numbers):
        add(whole[one.fragment], one.series, one.n, one.total, one.last_day)
    limited = {one.fragment for holdings in held.values() for one in holdings} - whole.keys()
    for day, fragment, number, n, total in store.daily(tx, merchant_id, days, limited, numbers):
        for member, holdings in held.items():
            if decide.holds(holdings, fragment, day):
                add(member, number, n, total, day)
    return {member: (count[member], spent[member], last[member]) for member in held}
