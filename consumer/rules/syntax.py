"""Python's own parser reads the text of an expression, for it tells where each part stands. Nothing of it is ever run:
what `language` and `operands` do not name is refused.
"""

import ast
import io
import re
import tokenize
import warnings

from consumer.errors import ConsumerError

MOST_LETTERS = 5_000
MOST_NODES = 200
DEEPEST = 40


class Fault(ConsumerError):  # noqa: N818 - a file may have many of them
    """Where a text is wrong, from 1, what is wrong there and what to do."""

    def __init__(self, line: int, column: int, words: str) -> None:
        super().__init__(f"line {line}, column {column}: {words}")
        self.line = line
        self.column = column
        self.words = words


class Source:
    """A text and the tree of it. Raises Fault where it is no expression, or one too large."""

    def __init__(self, text: str) -> None:
        self._text = text
        flat = re.sub(r"[\r\n\t]", " ", text)
        self._code = flat.strip()
        self._begin = len(flat) - len(flat.lstrip())
        self.tree = self._parsed()

    def fault(self, node: ast.expr, words: str) -> Fault:
        before = self._code.encode()[: node.col_offset].decode()
        return self._fault_at(len(before), words)

    def written(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._code, node) or ""

    def _parsed(self) -> ast.expr:
        if not self._code:
            raise Fault(1, 1, "there is no expression")
        if len(self._code) > MOST_LETTERS:
            raise self._fault_at(0, f"the expression is longer than {MOST_LETTERS:,} letters: make two rules of it")
        if (nul := self._code.find("\0")) >= 0:
            raise self._fault_at(nul, "this cannot be read: a NUL")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                tree = ast.parse(self._code, mode="eval").body
            self._require_no_comment()
        except SyntaxError as error:
            end = len(self._code)
            words = error.msg.split(" (")[0] if error.offset else "something is missing here"
            raise self._fault_at(min((error.offset or end + 1) - 1, end), f"this cannot be read: {words}") from None
        except (ValueError, RecursionError, MemoryError):
            raise self._fault_at(0, "this cannot be read: it is nested too deeply") from None
        if (nodes := sum(isinstance(node, ast.expr) for node in ast.walk(tree))) > MOST_NODES:
            raise self._fault_at(0, f"{nodes} parts are more than {MOST_NODES}: make two rules of it")
        if _depth(tree) > DEEPEST:
            raise self._fault_at(0, f"this is nested deeper than {DEEPEST} parts: make two rules of it")
        return tree

    def _require_no_comment(self) -> None:
        for token in tokenize.generate_tokens(io.StringIO(self._code).readline):
            if token.type == tokenize.COMMENT:
                raise self._fault_at(token.start[1], "an expression holds no comment: write it beside, in YAML")

    def _fault_at(self, offset: int, words: str) -> Fault:
        before = self._text[: self._begin + offset]
        return Fault(before.count("\n") + 1, len(before) - before.rfind("\n"), words)


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level := [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]:
        depth += 1
    return depth
