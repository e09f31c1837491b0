"""What can go wrong when people decide about members."""

from __future__ import annotations

from guanxi.kernel.errors import Conflict
from guanxi.kernel.text import Text


class JoinRefused(Conflict):
    """Staff wants to join two who cannot be one person."""

    code = "join_refused"
    text = Text("{reason_zh}", "{reason_en}")


class NotReadable(Conflict):
    """The identity came hashed, so nobody can read it."""

    code = "not_readable"
    text = Text(
        "这个{label_zh}是以哈希形式收到的，没有可显示的原文。",
        "This {label_en} came hashed: there is no readable value to show.",
    )
