"""What was decided in advance: traits, audiences, offers and whatever else has a text, a version and a reason.

This door shows values and pure rules; ``guanxi.definitions.service`` plans and applies, ``guanxi.definitions.text`` reads
and writes YAML. Capabilities bring their kinds by the ``Kind`` protocol.
"""

from guanxi.definitions.kinds import Kind, PlainKind
from guanxi.definitions.model import (
    Action,
    BadDefinitions,
    Change,
    Definition,
    Places,
    Plan,
    Problem,
    Ref,
    World,
    problems_of,
)

__all__ = [
    "Action",
    "BadDefinitions",
    "Change",
    "Definition",
    "Kind",
    "Places",
    "PlainKind",
    "Plan",
    "Problem",
    "Ref",
    "World",
    "problems_of",
]
