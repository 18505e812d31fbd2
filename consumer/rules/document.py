"""A YAML text, in which everything that is read knows where it stands."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import yaml

from consumer.errors import ConsumerError
from consumer.rules.syntax import Fault

MOST_BYTES = 1_000_000
DEEPEST = 20
PATH = re.compile(r"\.(\w+)|\[(\d+)\]|(\[\.\.\.\])")
NOTHING: Mapping[str, Iterable[str]] = {}
T = TypeVar("T")


class FaultsError(ConsumerError):
    """Everything that is wrong with a file, in the order of its lines."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.line, fault.column))
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass
class Document:
    """``faults`` gathers what is found wrong while it is read. All values are text: ``1000.01`` is no float."""

    text: str
    faults: list[Fault] = field(default_factory=list)

    def root(self) -> yaml.MappingNode | None:
        """None, with a fault, where the text is no mapping."""
        try:
            node = _composed(self.text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self.faults.append(Fault(line + 1, column + 1, f"this is no YAML: {error.problem or error.context}"))
            return None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self.faults.append(Fault(1, 1, f"this is no YAML: {error}"))
            return None
        if isinstance(node, yaml.MappingNode):
            return node
        self.faults.append(Fault(1, 1, "a file of rules begins with rules:"))
        return None

    def items(self, node: yaml.Node | None) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """The keys and values of a mapping; each key counts once."""
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, "here names are wanted, each with a colon and what it means")
            return
        seen = set[str]()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "a name is wanted here")
            elif key.value in seen:
                self.wrong(key, f"{key.value} stands here twice")
            else:
                seen.add(key.value)
                yield key, value

    def elements(self, node: yaml.Node | None) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if node is not None:
            self.wrong(node, "here a list is wanted, each element behind a dash")
        return []

    def as_type(self, node: yaml.Node, wanted: type[T], choices: Mapping[str, Iterable[str]] = NOTHING) -> T | None:
        """None, with a fault where it stands, if the node is not of the type. ``choices``: a field's, for its fault."""
        try:
            return msgspec.convert(self._plain(node), wanted, strict=False)
        except msgspec.ValidationError as error:
            words, _, path = str(error).replace("`", "").partition(" - at ")
            one_of = choices.get(path.rpartition(".")[2]) if words.startswith("Invalid enum value") else None
            asked = f": it is one of {', '.join(one_of)}" if one_of else ""
            self.wrong(_at_path(node, path), f"{words[0].lower()}{words[1:]}{asked}")
            return None

    def wrong(self, node: yaml.Node, words: str) -> None:
        self.faults.append(Fault(node.start_mark.line + 1, node.start_mark.column + 1, words))

    def wrong_inside(self, node: yaml.ScalarNode, fault: Fault) -> None:
        """A fault within a text, by line and column of that text, which the file may have folded or indented."""
        line, column = self._place(node, fault)
        self.faults.append(Fault(line, column, fault.words))

    def raise_faults(self) -> None:
        if self.faults:
            raise FaultsError(self.faults)

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {key.value: self._plain(value) for key, value in self.items(node)}
        return [self._plain(one) for one in node.value] if isinstance(node, yaml.SequenceNode) else node.value

    def _place(self, node: yaml.ScalarNode, fault: Fault) -> tuple[int, int]:
        """Of the so-manieth letter that is no blank: those are in the file what they are in the text."""
        lines = node.value.split("\n")
        ahead = "".join([*lines[: fault.line - 1], lines[fault.line - 1][: fault.column - 1]])
        wanted = len("".join(ahead.split()))
        start = node.start_mark.index
        if node.style in ("|", ">"):
            start = self.text.index("\n", start)
        elif node.style:
            start += 1
        blanks = re.finditer(r"\S", self.text[start : node.end_mark.index])
        index = next((start + one.start() for number, one in enumerate(blanks) if number == wanted), start)
        return self.text.count("\n", 0, index) + 1, index - self.text.rfind("\n", 0, index)


def _composed(text: str) -> yaml.Node | None:
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} letters")
    depth = 0
    for event in yaml.parse(text, yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases (*) are not read here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST}")
    return yaml.compose(text, yaml.BaseLoader)


def _at_path(node: yaml.Node, path: str) -> yaml.Node:
    """The node at msgspec's path, as far as it tells it."""
    for name, number, _ in PATH.findall(path):
        found = None
        if name and isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == name), None)
        elif number and isinstance(node, yaml.SequenceNode):
            found = node.value[int(number)]
        if found is None:
            break
        node = found
    return node
