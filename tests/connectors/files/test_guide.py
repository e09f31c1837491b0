"""The mappings in the guide are mappings."""

from __future__ import annotations

import re
from pathlib import Path

from guanxi.connectors.files import read_mapping

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "import.md"


def test_every_example_of_the_guide_is_valid() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert [read_mapping(example).type for example in examples] == ["track", "track", "track", "identify"]
