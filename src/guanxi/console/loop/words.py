"""Which trait the loop's pages are about, and what its stages are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guanxi.console.session import Asked
from guanxi.customers.stages.model import Staged
from guanxi.kernel.errors import NotFound

STAGE: Final = "stage"
"""The trait that is shown unless another one is asked for."""


def chosen(asked: Asked, traits: Mapping[str, Staged]) -> Staged | None:
    """Return the trait that is asked for, the lifecycle without a question; raises ``NotFound`` for one without stages."""
    wanted = asked.query.get("trait", "")
    if wanted:
        if wanted not in traits:
            raise NotFound(what_zh="带阶段的标签", what_en="trait with stages", key=wanted)
        return traits[wanted]
    return traits.get(STAGE) or next(iter(traits.values()), None)


def name_of(asked: Asked, trait: Staged, stage: str) -> str:
    """Return what people call a stage."""
    return trait.values[stage].in_(asked.language) if stage in trait.values else stage
