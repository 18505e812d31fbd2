"""The windows, lists and lateness that a file declares, read from YAML; its document is told what is wrong."""

import keyword
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import msgspec
import yaml

from consumer.rules.document import Document
from consumer.rules.ruleset import ListKind
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import FIELDS, RESERVED, Type, meant
from consumer.rules.windows import LATENESS, LONGEST, Declaration, lateness_span, windows_span

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
TEXTS = [name for name, type_ in FIELDS.items() if type_ is Type.TEXT]
AGGREGATES: Mapping[str, Mapping[str, Aggregate]] = {
    "count": {"transactions": Aggregate.COUNT},
    "sum": {"amount": Aggregate.SUM},
    "max": {"amount": Aggregate.MAX},
    "average": {"amount": Aggregate.AVERAGE},
    "distinct": dict.fromkeys(TEXTS, Aggregate.DISTINCT),
    "previous": {"amount": Aggregate.PREVIOUS_AMOUNT, "seconds": Aggregate.PREVIOUS_SECONDS},
}
"""And what each can be of."""
EXAMPLE = "sent_1h: {sum: amount, by: senderId, over: 1h}"

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]


class _List(msgspec.Struct, forbid_unknown_fields=True):
    kind: ListKind
    title: Words


def lateness(document: Document, node: yaml.Node | None) -> timedelta:
    return _span(document, node, lateness_span) if node else LATENESS


def windows(document: Document, node: yaml.Node | None, allowed: timedelta) -> Iterator[tuple[str, Declaration]]:
    """One that is wrong is declared too, so that rules which name it are not called wrong for that. ``allowed``: how
    late their transactions may be.
    """
    for key, value in document.items(node):
        window = replace(_window(document, key, value), lateness=allowed)
        if _is_free(document, key):
            yield key.value, window


def lists(document: Document, node: yaml.Node | None, taken: Collection[str]) -> Iterator[tuple[str, ListKind]]:
    """``taken``: the names of the windows. One that is wrong is declared too."""
    for key, value in document.items(node):
        found = document.as_type(value, _List, {"kind": list(ListKind)})
        if key.value in taken:
            document.wrong(key, f"{key.value} is a window already")
        elif _is_free(document, key):
            yield key.value, found.kind if found else ListKind.DENY


def _window(document: Document, name: yaml.ScalarNode, node: yaml.Node) -> Declaration:
    parts = dict(_parts(document, node))
    named = [part for part in parts if part in AGGREGATES]
    if len(named) != 1 or "by" not in parts or "over" not in parts:
        document.wrong(name, f"a window has one of {', '.join(AGGREGATES)}, and by, and over, like {EXAMPLE}")
        return Declaration(name.value, Aggregate.COUNT, "", (), LONGEST)
    aggregates = AGGREGATES[named[0]]
    of = _choice(document, parts[named[0]], aggregates)
    by = dict.fromkeys(_choice(document, one, TEXTS) for one in _fields(parts["by"]))
    return Declaration(name.value, aggregates[of], of, tuple(by), _span(document, parts["over"], windows_span))


def _span(document: Document, node: yaml.Node, reading: Callable[[str], timedelta]) -> timedelta:
    try:
        return reading(node.value if isinstance(node, yaml.ScalarNode) else "")
    except ValueError as error:
        document.wrong(node, f"this {error}")
        return LONGEST


def _parts(document: Document, node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    known = (*AGGREGATES, "by", "over")
    for key, value in document.items(node):
        if key.value in known:
            yield key.value, value
        else:
            document.wrong(key, f"{key.value} is not known here{meant(key.value, known)}: a window is like {EXAMPLE}")


def _fields(node: yaml.Node) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) and node.value else [node]


def _choice(document: Document, node: yaml.Node, choices: Collection[str]) -> str:
    """The first, with a fault, where the node is none of them."""
    if isinstance(node, yaml.ScalarNode) and node.value in choices:
        return str(node.value)
    asked = meant(node.value, choices) if isinstance(node, yaml.ScalarNode) else ""
    document.wrong(node, f"this is not known here{asked}: it is one of {', '.join(choices)}")
    return next(iter(choices))


def _is_free(document: Document, key: yaml.ScalarNode) -> bool:
    name = key.value
    if not NAME.fullmatch(name):
        document.wrong(key, "a name begins with a small letter, and has small letters, digits and _, 40 at most")
    elif name in FIELDS or name in RESERVED or keyword.iskeyword(name):
        document.wrong(key, f"{name} means something else already")
    else:
        return True
    return False
