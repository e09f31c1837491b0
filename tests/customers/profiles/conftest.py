"""A shop whose members are asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.customers.privacy.shop import Shop
from tests.customers.profiles.questions import Asker

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


@pytest.fixture
def shop(customers: Customers) -> Shop:
    """A shop on both databases in turn."""
    return Shop.of(customers)


@pytest.fixture
def asker(customers: Customers) -> Asker:
    """Asks the shop's members."""
    return Asker(customers)
