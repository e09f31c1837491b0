"""The composed API as a fixture, on both databases in turn."""

from __future__ import annotations

import pytest

from tests.api.composed import Composed, compose
from tests.installation import Installation


@pytest.fixture
def composed(installation: Installation) -> Composed:
    """The API as composed so far, with two merchants."""
    return compose(installation)
