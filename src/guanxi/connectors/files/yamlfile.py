"""YAML as we accept it: plain data, small, no aliases (they can grow without end) and no key said twice."""

from __future__ import annotations

from typing import Any

import yaml

LIMIT = 256 * 1024


class PlainYamlError(ValueError):
    """The text is not the plain YAML we accept; ``line`` counts from 1."""

    def __init__(self, zh: str, en: str, line: int) -> None:
        super().__init__(en)
        self.zh, self.en, self.line = zh, en, line


class _Loader(yaml.SafeLoader):
    """Safe, and strict where YAML is lenient."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise PlainYamlError(
                "不支持 YAML 别名（*）。", "YAML aliases (*) are not accepted.", mark.line + 1
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Refuse a key that is there twice: the second would silently win."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                line = key.start_mark.line + 1
                raise PlainYamlError(f"“{key.value}”出现了两次。", f"“{key.value}” is there twice.", line)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str) -> Any:
    """Return the data of one YAML document; raises ``PlainYamlError``."""
    if len(text) > LIMIT:
        raise PlainYamlError(f"超过 {LIMIT} 个字符。", f"It is longer than {LIMIT} characters.", 1)
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or "syntax"
        raise PlainYamlError(f"YAML 语法错误：{problem}。", f"YAML syntax: {problem}.", line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, PlainYamlError):
            raise
        raise PlainYamlError(f"无法读取：{error}。", f"Cannot be read: {error}.", 1) from error
