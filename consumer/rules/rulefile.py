"""Reads a file of rules, YAML, into a checked `RuleSet`; or says all that is wrong with it, by line and column."""

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import yaml

from consumer.detect import CONFLICTING_CONTENT
from consumer.rules import declarations, explain, language
from consumer.rules.declarations import Words
from consumer.rules.document import Document
from consumer.rules.ruleset import Rule, RuleSet, Severity, rule
from consumer.rules.syntax import Fault
from consumer.rules.trial import EXPECTATIONS, Trial, complaint
from consumer.rules.vocabulary import Vocabulary, meant

SECTIONS = ("lateness", "rules", "windows", "lists")
CHOICES = {"severity": list(Severity), "expect": EXPECTATIONS}
T = TypeVar("T")


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](-?[a-z0-9]){0,59}\Z")]
    version: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
    title: Words
    severity: Severity
    when: str
    explain: str
    tests: Annotated[list[Trial], msgspec.Meta(min_length=1)]


class _Found(NamedTuple):
    rule: Rule
    trials: list[Trial]
    nodes: list[yaml.Node]
    """Where each of the trials stands."""


def read(text: str) -> RuleSet:
    """Raises FaultsError."""
    document = Document(text)
    nodes = dict(_sections(document))
    lateness = declarations.lateness(document, nodes.get("lateness"))
    windows = dict(declarations.windows(document, nodes.get("windows"), lateness))
    lists = dict(declarations.lists(document, nodes.get("lists"), windows))
    found = list(_rules(document, nodes.get("rules"), Vocabulary(windows, lists)))
    document.raise_faults()
    for one, trials, places in found:
        alone = RuleSet((one,), windows, lists, lateness)
        for trial, place in zip(trials, places, strict=True):
            if words := complaint(alone, trial):
                document.wrong(place, f"{one.id}: {trial.name or 'this test'}: {words}")
    document.raise_faults()
    return RuleSet(tuple(one.rule for one in found), windows, lists, lateness)


def _sections(document: Document) -> Iterator[tuple[str, yaml.Node]]:
    root = document.root()
    names = list[str]()
    for key, value in document.items(root):
        names.append(key.value)
        if key.value in SECTIONS:
            yield key.value, value
        else:
            document.wrong(key, f"{key.value} is not known here{meant(key.value, SECTIONS)}")
    if root and "rules" not in names:
        document.wrong(root, "a file of rules has rules:")


def _rules(document: Document, node: yaml.Node | None, vocabulary: Vocabulary) -> Iterator[_Found]:
    ids = {CONFLICTING_CONTENT}
    for element in document.elements(node):
        entry = document.as_type(element, _Entry, CHOICES)
        if not entry:
            continue
        parts = {key.value: value for key, value in document.items(element)}
        if entry.id in ids:
            document.wrong(parts["id"], f"another rule is called {entry.id} already")
        ids.add(entry.id)
        found = _rule(document, entry, parts, vocabulary)
        if found:
            yield _Found(found, entry.tests, document.elements(parts["tests"]))


def _rule(document: Document, entry: _Entry, parts: dict[str, yaml.Node], vocabulary: Vocabulary) -> Rule | None:
    condition = _inside(document, parts["when"], lambda: language.read(entry.when, vocabulary))
    explanation = _inside(document, parts["explain"], lambda: explain.read(entry.explain, vocabulary))
    if condition is None or explanation is None:
        return None
    own = entry.id, entry.version, entry.title, entry.severity, entry.when.strip()
    return rule(*own, condition, explanation, vocabulary)


def _inside(document: Document, node: yaml.Node, reading: Callable[[], T]) -> T | None:
    assert isinstance(node, yaml.ScalarNode)
    try:
        return reading()
    except Fault as fault:
        document.wrong_inside(node, fault)
        return None
