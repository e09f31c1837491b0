"""A shop whose members bought over some weeks, on both databases in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.customers.boards.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.installation import Installation


@pytest.fixture
def shop(installation: Installation) -> Iterator[Shop]:
    """A shop without members."""
    made = Shop.on(installation)
    yield made
    made.product.database.dispose()
