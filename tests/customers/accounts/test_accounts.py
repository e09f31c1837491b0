from __future__ import annotations

import pytest

from guanxi.customers.accounts import service
from guanxi.customers.accounts.model import AccountKind, Platform
from guanxi.kernel.errors import InvalidInput, NotFound
from tests.installation import Installation


def test_accounts_are_declared_changed_and_forgotten(installation: Installation) -> None:
    one = installation
    now = one.clock.now()
    with one.database.transaction() as tx:
        for key, kind in (("brand", AccountKind.BRAND), ("host-1", AccountKind.HOST)):
            service.save_account(
                tx, "shop", key, name=f" {key} 号 ", platform=Platform.DOUYIN, kind=kind, now=now
            )
        service.save_account(
            tx, "shop", "host-1", name="一号", platform=Platform.DOUYIN, kind=AccountKind.HOST, now=now + 1
        )
    with one.database.reading() as tx:
        found = service.list_accounts(tx, "shop")
        assert [(account.key, account.name) for account in found] == [
            ("brand", "brand 号"),
            ("host-1", "一号"),
        ]
        assert service.get_account(tx, "shop", "host-1").created_at == now
        assert service.list_accounts(tx, "other") == []
    with one.database.transaction() as tx:
        service.remove_account(tx, "shop", "host-1")
        with pytest.raises(NotFound):
            service.remove_account(tx, "shop", "host-1")
        with pytest.raises(NotFound):
            service.get_account(tx, "shop", "host-1")


@pytest.mark.parametrize(
    ("key", "name"), [("", "x"), ("A", "x"), ("a b", "x"), ("a", " "), ("a", "x\ny"), ("a", "x" * 81)]
)
def test_a_bad_key_or_name_is_refused(installation: Installation, key: str, name: str) -> None:
    with installation.database.transaction() as tx, pytest.raises(InvalidInput):
        service.save_account(tx, "shop", key, name=name, platform=Platform.OWN, kind=AccountKind.SHOP, now=0)
