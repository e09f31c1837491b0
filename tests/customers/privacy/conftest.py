"""A shop with customers who have rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.customers.privacy.shop import Shop

if TYPE_CHECKING:
    from tests.customers.conftest import Customers


@pytest.fixture
def shop(customers: Customers) -> Shop:
    """A shop on both databases in turn."""
    return Shop.of(customers)
