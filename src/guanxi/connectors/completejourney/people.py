"""Who the demo merchant's households are: simulated, because the package names nobody.

Every household gets a name and a phone, some a second account at the merchant's Douyin or WeChat, some consent. All of
it follows from the household's number and says ``simulated: true``. The phones begin with 163, a prefix that no operator
has been given: they ring nowhere. A simulated event lies on a day on which the household is met by its own data, so that
no figure of activity changes.

Three cases show what the rules of identity do: a phone that two households share, a number that an operator gave to
somebody else, and a Douyin account that belongs to a relative, to be separated and brought back by hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from guanxi.connectors.intake import Message

SHOP, DOUYIN, WECHAT = "demo-shop", "demo-douyin", "demo-wechat"
"""The merchant's enterprise accounts; each is the scope of the identities it gives out."""

SHARES_PHONE_WITH = {"9": "8"}
"""Household 9 gives the phone of household 8: a family's. It joins nobody, and both pages say why."""

TAKES_PHONE_OVER = {"10": "11"}
"""Household 10 verifies, months after household 11 has left, the number that was theirs: it holds it from that day."""

RELATIVES = {"7"}
"""The Douyin account that gave this household's phone is a relative's: a join to separate by hand, and to undo."""

_DEMOGRAPHICS = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
_STAMP = "'%Y-%m-%dT%H:%M:%S+08:00'"

# A household is introduced when the merchant first meets it, so that it is not younger than its own first event.
_HOUSEHOLDS = f"""
    WITH seen AS (
        SELECT household_id, transaction_timestamp AS moment FROM transactions
        UNION ALL SELECT household_id, redemption_date FROM coupon_redemptions
        UNION ALL SELECT household_id, start_date FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    ), last_order AS (
        SELECT household_id, max(transaction_timestamp) AS moment FROM transactions GROUP BY household_id
    )
    SELECT household_id::VARCHAR, strftime(min(seen.moment) + to_weeks($weeks), {_STAMP}),
           strftime(coalesce(any_value(o.moment), min(seen.moment)) + to_weeks($weeks), {_STAMP}),
           {", ".join(f"any_value(d.{column})" for column in _DEMOGRAPHICS)}
    FROM seen LEFT JOIN last_order o USING (household_id) LEFT JOIN demographics d USING (household_id)
    GROUP BY household_id ORDER BY min(seen.moment), household_id
"""  # noqa: S608


def people(tables: duckdb.DuckDBPyConnection, weeks: int) -> list[Message]:
    """Return what introduces the households, moved by ``weeks`` whole weeks, oldest first."""
    found: list[Message] = []
    for household, met, last, *known in tables.execute(_HOUSEHOLDS, {"weeks": weeks}).fetchall():
        traits = {name: value for name, value in zip(_DEMOGRAPHICS, known, strict=True) if value is not None}
        found.append(_introduction(household, met, traits))
        found += _accounts(household, met)
        found += _consent(household, met, last)
        if household in TAKES_PHONE_OVER:
            found.append(_verification(household, TAKES_PHONE_OVER[household], last))
    return sorted(found, key=lambda message: str(message["timestamp"]))


def phone_of(household: str) -> str:
    """Return the phone of a household, which rings nowhere."""
    return f"1630000{int(household):04}"


def _number(household: str) -> str:
    return f"{int(household):04}"


def _at(base: str, seconds: int) -> str:
    """Return an instant a little later, but on the same day."""
    moment = datetime.fromisoformat(base)
    later = moment + timedelta(seconds=seconds)
    return (later if later.date() == moment.date() else moment).isoformat()


def _member_no(household: str) -> dict[str, str]:
    return {"type": "member_no", "scope": SHOP, "value": household}


def _phone(household: str) -> dict[str, str]:
    return {"type": "phone", "value": phone_of(household)}


def _message(
    key: str, at: str, account: str, channel: str, identities: list[dict[str, str]], **said: Any
) -> Message:
    return {
        "messageId": f"completejourney:{key}",
        "timestamp": at,
        "context": {"channel": channel, "account": account, "identities": identities},
        **said,
    }


def _introduction(household: str, met: str, traits: dict[str, Any]) -> Message:
    identities = [_member_no(household)]
    if household not in TAKES_PHONE_OVER:
        identities.append(_phone(SHARES_PHONE_WITH.get(household, household)))
    said = {**traits, "name": f"演示会员 {_number(household)}", "simulated": True}
    return _message(f"household:{household}", met, SHOP, "store", identities, type="identify", traits=said)


def _accounts(household: str, met: str) -> Iterator[Message]:
    """Yield second accounts: they gave the same phone, which is how they are found to be the same person's."""
    told = {*SHARES_PHONE_WITH, *SHARES_PHONE_WITH.values(), *TAKES_PHONE_OVER, *TAKES_PHONE_OVER.values()}
    if household in told:
        return
    number = _number(household)
    if int(household) % 3 == 0 or household in RELATIVES:
        nickname = f"演示会员 {number} 的家人" if household in RELATIVES else f"抖音用户 {number}"
        openid = {"type": "openid", "scope": DOUYIN, "value": f"demo_douyin_{number}"}
        yield _message(
            f"douyin:{household}",
            _at(met, 60),
            DOUYIN,
            "douyin",
            [openid, _phone(household)],
            type="identify",
            traits={"nickname": nickname, "simulated": True},
        )
    if int(household) % 5 == 0:
        unionid = {"type": "unionid", "scope": WECHAT, "value": f"demo_unionid_{number}"}
        yield _message(
            f"wechat:{household}",
            _at(met, 90),
            WECHAT,
            "wechat",
            [unionid, _phone(household)],
            type="identify",
            traits={"simulated": True},
        )


def _consent(household: str, met: str, last: str) -> Iterator[Message]:
    """Yield consent of every second household to marketing by SMS; every tenth of them took it back."""
    if int(household) % 2:
        return
    said = {"purpose": "marketing", "channel": "sms", "simulated": True}
    yield _message(
        f"consent:{household}",
        _at(met, 120),
        SHOP,
        "store",
        [_member_no(household)],
        type="track",
        event="consent.given",
        properties={**said, "evidence": "模拟：入会时勾选"},
    )
    if int(household) % 20 == 0:
        yield _message(
            f"consent-back:{household}",
            _at(max(last, met), 180),
            SHOP,
            "store",
            [_member_no(household)],
            type="track",
            event="consent.withdrawn",
            properties={**said, "evidence": "模拟：短信回复退订"},
        )


def _verification(household: str, former: str, at: str) -> Message:
    return _message(
        f"verified:{household}",
        _at(at, 60),
        SHOP,
        "store",
        [_member_no(household), _phone(former)],
        type="track",
        event="identity.verified",
        properties={"method": "sms", "simulated": True},
    )
