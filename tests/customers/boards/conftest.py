"""A shop that has been busy, on both databases in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.customers.boards.shop import Shop, busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.installation import Installation


@pytest.fixture
def shop(installation: Installation) -> Iterator[Shop]:
    """A shop with six members who bought more or less, and no definitions yet."""
    made = busy(installation)
    yield made
    made.product.database.dispose()
