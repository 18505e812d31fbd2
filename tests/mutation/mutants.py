"""What is broken, one change at a time: cosmic-ray's operators, and the deletion of a statement."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import parso
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

DELETION = "deletion"
DELETED = frozenset({"expr_stmt", "atom_expr", "power", "await_expr", "return_stmt", "raise_stmt", "yield_expr"})


class DeleteStatement(Operator):  # type: ignore[misc]
    """A call, an assignment, a return or a raise becomes ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.type == "simple_stmt" and _deletable(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        left = parso.parse("pass\n").children[0].children[0]
        left.prefix = node.children[0].get_first_leaf().prefix
        node.children[0] = left
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _deletable(statement: Any) -> bool:
    return statement.type in DELETED or (statement.type == "keyword" and statement.value in {"return", "raise"})


class Mutant(NamedTuple):
    """One change of one module. ``line`` counts from 1; ``before`` is that line and ``after`` what became of it."""

    path: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str
    code: str


def mutants(root: Path, path: str) -> Iterator[Mutant]:
    """All of a module's, but for those of annotations and of its top level's names for types, which nothing runs."""
    source = (root / path).read_text("utf-8")
    nodes = list(ast_nodes(get_ast_from_path(root / path)))
    silent = _silent(ast.parse(source))
    for name, operator in _operators():
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, ((line, column), _) in enumerate(places):
            if any(begin <= (line, column) < end for begin, end in silent):
                continue
            code = mutate_code(source, operator, occurrence)
            if code is not None and _parses(code) and ast.dump(ast.parse(code)) != ast.dump(ast.parse(source)):
                yield Mutant(path, name, occurrence, *_difference(source, code), code)


def _operators() -> Iterator[tuple[str, Operator]]:
    yield DELETION, DeleteStatement()
    for name in plugins.operator_names():
        found = plugins.get_operator(name)
        if not found.arguments():
            yield name.removeprefix("core/"), found()


def _silent(module: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where nothing runs, or only when types are checked."""
    found: list[ast.AST] = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [node.returns] if node.returns else []
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            found.append(node.annotation)
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
        ):
            found += node.body
    return [
        ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]
        for node in found
    ]


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def _difference(source: str, code: str) -> tuple[int, str, str]:
    pairs = list(zip(source.splitlines(), code.splitlines(), strict=False))
    number = next((at for at, (old, new) in enumerate(pairs) if old != new), len(pairs) - 1)
    return number + 1, pairs[number][0].strip(), pairs[number][1].strip()
