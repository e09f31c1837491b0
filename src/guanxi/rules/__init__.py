"""The rule language: conditions and scores over what is known of a member.

``guanxi.rules.relation.to_ibis`` is not here: it loads the analytic compiler, which takes a second.
"""

from guanxi.rules.catalogue import Catalogue, Dimension, EventType, Known, Measure
from guanxi.rules.model import BadRule, InAudience, Node, Problem, Span, Type, Window, walk
from guanxi.rules.parser import condition, parse
from guanxi.rules.python import compile_condition, compile_value
from guanxi.rules.sentence import sentence

__all__ = [
    "BadRule",
    "Catalogue",
    "Dimension",
    "EventType",
    "InAudience",
    "Known",
    "Measure",
    "Node",
    "Problem",
    "Span",
    "Type",
    "Window",
    "compile_condition",
    "compile_value",
    "condition",
    "parse",
    "sentence",
    "walk",
]
