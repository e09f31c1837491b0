"""What merchants' clients send: a shop's events, 600–850 bytes each on the wire, as Segment's libraries write them."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS_IN_A_BATCH = 50
LIBRARY = {"name": "analytics.js", "version": "npm:next-1.77.0"}
CAMPAIGN = {"name": "双11会场", "source": "douyin", "medium": "feed", "content": "video-3"}
AGENT = (
    "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile"
)
CATEGORIES = [f"类目{number}" for number in range(40)]
TRACKED = ("product.viewed", "product.added", "coupon.viewed", "search.done")


def phone(member: int) -> str:
    return f"139{member * 41 + 1_234_567:08}"  # none of them a well-known placeholder


def user(member: int) -> str:
    return f"u{member:07}"


def device(member: int) -> str:
    r = f"{(member + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"
    return f"{r[:8]}-{r[8:12]}-4{r[13:16]}-a{r[17:20]}-{r[20:]}"


def identify(member: int, moment: datetime, chance: random.Random) -> dict[str, Any]:
    traits = {
        "name": f"会员{member}",
        "phone": phone(member),
        "gender": chance.choice(("female", "male")),
        "city": chance.choice(("杭州", "上海", "成都", "广州")),
        "level": chance.randrange(5),
        "joined_from": "mini-program",
        "favourite_categories": chance.sample(CATEGORIES, 3),
    }
    return _message("identify", member, moment, chance, traits=traits)


def message(member: int, moment: datetime, chance: random.Random) -> dict[str, Any]:
    """Return one message of the mix: 40 % page, 50 % track, 5 % identify, 5 % order.paid with lines."""
    dice = chance.random()
    if dice < 0.05:
        return identify(member, moment, chance)
    if dice < 0.10:
        return _order(member, moment, chance)
    product = f"p{chance.randrange(50_000):06}"
    if dice < 0.50:
        path = f"/item/{product}"
        properties: dict[str, Any] = {
            "path": path,
            "title": f"商品 {product} - 小店官方旗舰店",
            "url": f"https://shop.example/item/{product}?spm=a21bo.{chance.randrange(10**9)}",
            "search": "",
            "referrer": "https://shop.example/list",
        }
        return _message("page", member, moment, chance, name="item", properties=properties)
    properties = {
        "product_id": product,
        "sku": f"{product}-{chance.randrange(9)}",
        "category": chance.choice(CATEGORIES),
        "brand": f"品牌{chance.randrange(200)}",
        "price": chance.randrange(990, 99_900),
        "position": chance.randrange(60),
        "list": "首页推荐",
        "from_live": chance.random() < 0.3,
    }
    return _message("track", member, moment, chance, event=chance.choice(TRACKED), properties=properties)


def _order(member: int, moment: datetime, chance: random.Random) -> dict[str, Any]:
    lines: list[dict[str, Any]] = [
        {
            "product_id": f"p{chance.randrange(50_000):06}",
            "category": chance.choice(CATEGORIES),
            "quantity": chance.randrange(1, 4),
            "amount": chance.randrange(990, 49_900),
        }
        for _ in range(chance.randrange(1, 5))
    ]
    properties = {
        "order_id": f"o{chance.randrange(10**12):012}",
        "amount": sum(line["amount"] for line in lines),
        "currency": "CNY",
        "store_id": f"s{chance.randrange(300):03}",
        "lines": lines,
    }
    return _message("track", member, moment, chance, event="order.paid", properties=properties)


def _message(kind: str, member: int, moment: datetime, chance: random.Random, **said: Any) -> dict[str, Any]:
    product_page = f"/item/p{chance.randrange(50_000):06}"
    return {
        "type": kind,
        "messageId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "userId": user(member),
        "anonymousId": device(member),
        **said,
        "context": {
            "library": LIBRARY,
            "locale": "zh-CN",
            "campaign": CAMPAIGN,
            "page": {"path": product_page, "title": "小店官方旗舰店"},
            "userAgent": AGENT,
        },
        "integrations": {},
    }


class Template:
    """A batch on the wire with blanks: who each message is about, and its id, are filled in anew for every request."""

    def __init__(self, size: int, chance: random.Random) -> None:
        now = datetime.now(UTC)
        batch: list[dict[str, Any]] = [
            message(0, now - timedelta(milliseconds=chance.randrange(60_000)), chance) for _ in range(size)
        ]
        for one in batch:
            one.update(messageId="\0", userId="\0", anonymousId="\0")
            if one["type"] == "identify":
                one["traits"]["phone"] = "\0"
        self.identifies = [bool(one["type"] == "identify") for one in batch]
        sent = {"batch": batch, "sentAt": now.isoformat().replace("+00:00", "Z")}
        text = json.dumps(sent, ensure_ascii=False, separators=(",", ":"))
        self._text = text.encode().replace(b"%", b"%%").replace(b"\\u0000", b"%b")

    def filled(self, members: int, chance: random.Random) -> bytes:
        """Return the body for random members, with new random ids (UUID, version 4)."""
        blanks: list[bytes] = []
        random_bits = chance.randbytes(16 * len(self.identifies)).hex()
        for number, identifies in enumerate(self.identifies):
            r = random_bits[32 * number : 32 * number + 32]
            member = chance.randrange(members)
            blanks += (
                f"{r[:8]}-{r[8:12]}-4{r[13:16]}-a{r[17:20]}-{r[20:]}".encode(),
                user(member).encode(),
                device(member).encode(),
            )
            if identifies:
                blanks.append(phone(member).encode())
        return self._text % tuple(blanks)


def bodies(members: int, count: int, size: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` batches of ``size`` messages of the last minute, as they go over the wire."""
    chance = random.Random(seed)
    for _ in range(count):
        yield Template(size, chance).filled(members, chance)
