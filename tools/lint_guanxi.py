"""The habits of the house that no other linter knows: ``python -m tools.lint_guanxi``.

GX001  no float, no ``float()`` and no ``/`` where money is computed; money is whole fen
GX002  ``commit`` only under storage: one transaction per command, opened and closed at the edge
GX003  the time is passed in; only kernel/clock.py asks the machine
GX004  SQL and its drivers only under storage and in rooms called store or schema
       (a connector may query its own input files)
GX005  a file has at most 600 lines; from 400 it is mentioned
GX006  a function has at most 60 lines, its docstring not counted
GX007  nothing committed names a package registry or a machine's own folders

A line may say why it is an exception: ``# noqa: GX003 - reason``.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CODE = ("src", "tests", "tools", "benchmarks")
FILE_LINES, FILE_LINES_WARNING, FUNCTION_LINES = 600, 400, 60

MONEY = frozenset(
    "amount amounts balance cost costs fee fees fen gmv money price prices principal refund revenue subsidy"
    " total totals yuan".split()
)
NOT_MONEY = frozenset("count counts rate rates ratio seconds share shares percent".split())
"""`fee_rate` is a proportion, `price_count` a number of prices."""

CARRIES_VALUE = frozenset({"abs", "float", "int", "max", "min", "round", "sum", "Decimal", "Fraction"})
"""Calls whose result is money when what goes in, or what it is assigned to, is."""

SQL_PACKAGES = frozenset({"alembic", "psycopg", "sqlalchemy", "sqlite3"})
SQL_ROOMS = frozenset({"store", "store.py", "schema.py"})
_SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT (OR \w+ )?INTO |UPDATE \S+ SET |DELETE FROM |(CREATE|ALTER|DROP) (TABLE|INDEX|VIEW) )",
    re.DOTALL,
)
# Written with brackets so that the rule does not break itself.
_HOSTS = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npm|npmjs[.]org|debian[.]org/debian|npm[m]irror|tuna[.]tsinghua"
    r"|mirrors[.]aliyun|[-]-(extra-)?index-url|[-]-find-links|/roo[t]/|(?<!\w)/hom[e]/\w"
)


class Problem(NamedTuple):
    """One thing to mend, or with ``warning`` to know of."""

    path: str
    line: int
    code: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}"


@dataclass(frozen=True)
class Source:
    """A Python file: where it lies in the project, its text, its tree with every node's parent."""

    path: PurePosixPath
    text: str
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(repr=False)

    @classmethod
    def read(cls, path: str, text: str) -> Source:
        """Parse a file; raises ``SyntaxError``."""
        tree = ast.parse(text)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        return cls(PurePosixPath(path), text, tree, parents)

    @property
    def room(self) -> tuple[str, ...]:
        """Path below src/guanxi, or nothing for a file elsewhere."""
        parts = self.path.parts
        return parts[2:] if parts[:2] == ("src", "guanxi") else ()

    def problem(self, node: ast.expr | ast.stmt, code: str, message: str) -> Problem:
        """A problem at a node."""
        return Problem(str(self.path), node.lineno, code, message)


def float_money(source: Source) -> Iterator[Problem]:
    """GX001, in the product but for stats, which knows no money."""
    if not source.room or source.room[0] == "stats":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and _is_float_name(node.annotation):
            names = _names(node.target) if isinstance(node, ast.AnnAssign) else {node.arg}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_float_name(node.returns):
            names = {node.name}
        elif isinstance(node, ast.expr | ast.AugAssign) and _is_floating(node):
            names = _names_beside(node, source.parents)
        else:
            continue
        money = sorted(name for name in names if _is_money(name))
        if money:
            at = node if isinstance(node, ast.stmt | ast.expr) else source.tree.body[0]
            line = getattr(node, "lineno", at.lineno)
            message = f"{money[0]} is money: whole fen, Fraction for shares, never a float"
            yield Problem(str(source.path), line, "GX001", message)


def _is_money(name: str) -> bool:
    words = set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))
    return bool(words & MONEY) and not words & NOT_MONEY


def _is_float_name(node: ast.expr | None) -> bool:
    return node is not None and any(isinstance(n, ast.Name) and n.id == "float" for n in ast.walk(node))


def _is_floating(node: ast.expr | ast.AugAssign) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.Call(func=ast.Name(id="float")):
            return True
        case ast.BinOp(op=ast.Div(), left=left):
            return not _is_path(left)
        case ast.AugAssign(op=ast.Div()):
            return True
    return False


def _is_path(node: ast.expr) -> bool:
    """``folder / "name"`` joins a path; it divides nothing."""
    parent_of_slash = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return parent_of_slash or any(
        re.search(r"path|folder|home|root|dir", name.lower()) for name in _names(node)
    )


def _names_beside(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> set[str]:
    """Names in the computation that a node is part of, and what its result is given to."""
    top = node
    while True:
        parent = parents.get(top)
        match parent:
            case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.BoolOp() | ast.IfExp():
                top = parent
            case ast.Call(func=ast.Name(id=name)) if name in CARRIES_VALUE:
                top = parent
            case _:
                break
    names = _names(top)
    match parent:
        case ast.Assign(targets=targets):
            names |= {name for target in targets for name in _names(target)}
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.NamedExpr(target=target):
            names |= _names(target)
        case ast.keyword(arg=str(name)):
            names.add(name)
        case ast.Dict(keys=keys, values=values):
            key = next((key for key, value in zip(keys, values, strict=True) if value is top), None)
            names |= _names(key) if key else set()
        case ast.Return():
            names |= _function_names(parent, parents)
        case ast.arguments():
            names |= _parameter(parent, top)
    return names


def _function_names(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> set[str]:
    above: ast.AST | None = node
    while above is not None and not isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
        above = parents.get(above)
    return {above.name} if above else set()


def _parameter(arguments: ast.arguments, default: ast.AST) -> set[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(positional[::-1], arguments.defaults[::-1], strict=False)]
    pairs += [
        (arg, value) for arg, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
    ]
    return {arg.arg for arg, value in pairs if value is default}


def _names(node: ast.AST) -> set[str]:
    """Names, attributes and literal keys in an expression; not the arguments of a call inside it."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(attr=name):
            return {name}
        case ast.Constant(value=str(name)):
            return {name} if name.isidentifier() else set()
        case ast.Call(func=function, args=args):
            inner = args if isinstance(function, ast.Name) and function.id in CARRIES_VALUE else []
            return _names(function).union(*map(_names, inner))
        case ast.Subscript(value=value, slice=index):
            return _names(value) | _names(index)
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.JoinedStr():
            return set()
    return set().union(*map(_names, ast.iter_child_nodes(node)))


def stray_commits(source: Source) -> Iterator[Problem]:
    """GX002."""
    if not source.room or source.room[0] == "storage":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield source.problem(node, "GX002", "commit belongs to storage; open a transaction at the edge")


def stray_clocks(source: Source) -> Iterator[Problem]:
    """GX003."""
    if not source.room or source.room == ("kernel", "clock.py"):
        return
    message = "the time is passed in; kernel.clock is the only one to ask"
    aliases = _aliases(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and not isinstance(
            source.parents.get(node), ast.Attribute
        ):
            name = _dotted(node, aliases)
            if name in CLOCKS or re.fullmatch(r"(.*\.)?func\.(now|current_timestamp)", name):
                yield source.problem(node, "GX003", message)


CLOCKS = frozenset(
    {"datetime.date.today", "time.time", "time.time_ns", "time.localtime", "time.gmtime"}
    | {f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")}
)


def _aliases(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, aliases)}.{node.attr}"
    return ""


def stray_sql(source: Source) -> Iterator[Problem]:
    """GX004."""
    if not source.room or source.room[0] == "storage" or SQL_ROOMS.intersection(source.room):
        return
    queries = source.room[0] != "connectors"  # a connector may read its own files with DuckDB
    docstrings = {id(text) for text in _docstrings(source.tree)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if queries and id(node) not in docstrings and _SQL.match(node.value):
                yield source.problem(node, "GX004", "SQL belongs to storage or to the slice's store.py")
            continue
        else:
            continue
        for module in modules:
            if module.partition(".")[0] in SQL_PACKAGES:
                yield source.problem(node, "GX004", f"{module} belongs to storage or to the slice's store.py")


Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, Definition) and node.body:
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str()) as text):
                    yield text


def long_files(source: Source) -> Iterator[Problem]:
    """GX005."""
    lines = source.text.count("\n")
    if lines >= FILE_LINES_WARNING:
        too_long = lines > FILE_LINES
        message = f"{lines} lines; {'the limit is ' + str(FILE_LINES) if too_long else 'time to divide it'}"
        yield Problem(str(source.path), 1, "GX005", message, warning=not too_long)


def long_functions(source: Source) -> Iterator[Problem]:
    """GX006; a migration is one long list."""
    if "migrations" in source.room:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        match node.body[0]:
            case ast.Expr(value=ast.Constant(value=str())) as text:
                lines -= (text.end_lineno or text.lineno) - text.lineno + 1
        if lines > FUNCTION_LINES:
            message = f"{node.name} has {lines} lines; the limit is {FUNCTION_LINES}"
            yield source.problem(node, "GX006", message)


RULES: tuple[Callable[[Source], Iterator[Problem]], ...] = (
    float_money,
    stray_commits,
    stray_clocks,
    stray_sql,
    long_files,
    long_functions,
)


def lint(path: str, text: str) -> list[Problem]:
    """Problems of one Python file, those excused on their line left out."""
    source = Source.read(path, text)
    lines = text.splitlines()
    found = sorted({problem for rule in RULES for problem in rule(source)})
    return [p for p in found if not re.search(rf"# noqa:.*\b{p.code}\b", lines[p.line - 1] if lines else "")]


def named_hosts(path: str, text: str) -> list[Problem]:
    """GX007, for any text file."""
    return [
        Problem(
            path, number, "GX007", f"names {match[0]!r}; a lock or a text that does serves one place only"
        )
        for number, line in enumerate(text.splitlines(), 1)
        if (match := _HOSTS.search(line))
    ]


def tracked(root: Path) -> list[str]:
    """Files under version control or about to be, what others wrote (vendored) left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if "/vendor/" not in name and (root / name).is_file()]


def main() -> int:
    """Check the project and print what is to be mended."""
    found: list[Problem] = []
    for name in tracked(ROOT):
        try:
            text = (ROOT / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a font
        found += named_hosts(name, text)
        if name.endswith(".py") and name.partition("/")[0] in CODE:
            found += lint(name, text)
    for problem in found:
        print(f"{problem}{' (warning)' if problem.warning else ''}")
    return 1 if any(not problem.warning for problem in found) else 0


if __name__ == "__main__":
    sys.exit(main())
