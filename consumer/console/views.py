"""A view of the anomalies: what it is narrowed to, in which order, from where on. An address holds all of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import EnumType, StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlencode

from consumer.console.fields import moment
from consumer.errors import ConsumerError
from consumer.rules.ruleset import Severity

LONGEST = 200


class WrongViewError(ConsumerError):
    """The address holds no view; the message says which part, and what would be one."""


class State(StrEnum):
    OPEN = "open"
    INVESTIGATING = "investigating"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    SMALLEST = "smallest"
    LATEST = "latest"

    @property
    def column(self) -> str:
        return {Order.LARGEST: "amount", Order.SMALLEST: "amount", Order.LATEST: "transaction_date"}.get(self, "id")

    @property
    def is_descending(self) -> bool:
        return self not in (Order.OLDEST, Order.SMALLEST)


class Cursor(NamedTuple):
    """The last row of the page before: the value that it was ordered by, and its id."""

    value: Decimal | datetime | int
    id: int

    @property
    def text(self) -> str:
        return f"{self.value.isoformat() if isinstance(self.value, datetime) else self.value}~{self.id}"


@dataclass(frozen=True)
class View:
    """None: not narrowed by that. ``begin`` and ``end`` are of transactionDate; ``account`` is either party's, its id
    or IBAN; ``assignee`` "" is nobody; ``text`` is a trxId, the beginning of a party, IBAN or
    bank, or the beginnings of words that somebody wrote about it.
    """

    rule: str | None = None
    severity: Severity | None = None
    state: State | None = None
    assignee: str | None = None
    account: str | None = None
    bank: str | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    begin: datetime | None = None
    end: datetime | None = None
    text: str | None = None
    order: Order = Order.NEWEST
    after: Cursor | None = None

    @property
    def query(self) -> str:
        """Of its address, without the ``?``."""
        return urlencode(dict(_written(self)))

    @property
    def filters(self) -> dict[str, str]:
        """By the names in the address, as people see and remove them."""
        return {name: text for name, text in _written(self) if name not in ("order", "after")}

    @property
    def has_rarer(self) -> bool:
        """Filters that a page has not at hand."""
        return bool(self.filters.keys() & {"account", "bank", "least", "most", "from", "to", "assignee"})

    def from_the_start(self) -> "View":
        return replace(self, after=None)

    def without(self, name: str) -> "View":
        return read({key: text for key, text in _written(self.from_the_start()) if key != name})


def read(given: Mapping[str, str]) -> View:
    """What is empty is as what is not there. Raises WrongViewError."""
    known = {name: text.strip() for name, text in given.items() if text.strip()}
    if others := sorted(known.keys() - READERS.keys() - {"after"}):
        raise WrongViewError(f"{others[0]}: a view has no such part, but {', '.join(READERS)}")
    found = {FIELDS.get(name, name): _read(name, text) for name, text in known.items() if name != "after"}
    view = View(**found)
    return replace(view, after=_cursor(view.order, known["after"])) if "after" in known else view


FIELDS = {"from": "begin", "to": "end", "q": "text"}


def _text(text: str) -> str:
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"at most {LONGEST} printable characters")
    return text


def _assignee(text: str) -> str:
    return "" if text == "nobody" else _text(text)


def _amount(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number, like 1000.50") from None
    if not found.is_finite() or abs(found.adjusted()) > 40:
        raise ValueError("a number, like 1000.50")
    return found


def _time(text: str) -> datetime:
    found = moment(text)
    if found is None:
        raise ValueError("a time, like 2026-11-23T10:00:00Z")
    return found


READERS: dict[str, Any] = {
    "rule": _text,
    "severity": Severity,
    "state": State,
    "assignee": _assignee,
    "account": _text,
    "bank": _text,
    "least": _amount,
    "most": _amount,
    "from": _time,
    "to": _time,
    "q": _text,
    "order": Order,
}


PLACES: dict[str, Callable[[str], Any]] = {"id": int, "amount": _amount, "transaction_date": _time}


def _read(name: str, text: str) -> Any:
    reader = READERS[name]
    try:
        return reader(text)
    except ValueError as error:
        words = f"one of {', '.join(reader)}" if isinstance(reader, EnumType) else str(error)
        raise WrongViewError(f"{name}: {words}") from None


def _cursor(order: Order, text: str) -> Cursor:
    value, _, number = text.partition("~")
    try:
        found = PLACES[order.column](value)
        return Cursor(found, int(number))
    except ValueError:
        raise WrongViewError("after: this is no place in that order; begin at the first page") from None


def _written(view: View) -> Iterator[tuple[str, str]]:
    names = {field: name for name, field in FIELDS.items()}
    for field in View.__dataclass_fields__:
        value = getattr(view, field)
        if value is None or value is Order.NEWEST:
            continue
        name = names.get(field, field)
        if isinstance(value, datetime):
            yield name, value.isoformat()
        elif isinstance(value, Cursor):
            yield name, value.text
        else:
            yield name, "nobody" if value == "" else f"{value}"
