"""The names that an expression may use: the transaction's fields, and the windows and lists that its file declares."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from consumer.rules.windows import Declaration


class Type(StrEnum):
    NUMBER = "a number"
    TEXT = "text"
    BOOLEAN = "true or false"
    INSTANT = "a time"
    LIST = "a list"


FIELDS: Mapping[str, Type] = {
    "amount": Type.NUMBER,
    "senderId": Type.TEXT,
    "receiverId": Type.TEXT,
    "senderIban": Type.TEXT,
    "receiverIban": Type.TEXT,
    "senderBankId": Type.TEXT,
    "receiverBankId": Type.TEXT,
    "transactionDate": Type.INSTANT,
    "receivedAt": Type.INSTANT,
}
"""By their names on the wire."""
ATTRIBUTES: Mapping[str, str] = {
    "amount": "amount",
    "senderId": "sender_id",
    "receiverId": "receiver_id",
    "senderIban": "sender_iban",
    "receiverIban": "receiver_iban",
    "senderBankId": "sender_bank_id",
    "receiverBankId": "receiver_bank_id",
    "transactionDate": "transaction_date",
}
"""Of `Content`, which has all of them but receivedAt."""
RESERVED = ("and", "or", "not", "in", "null", "true", "false", "is", "if", "else", "for", "lambda")


@dataclass(frozen=True)
class Vocabulary:
    windows: Mapping[str, Declaration]
    lists: Collection[str]

    def type_of(self, name: str) -> Type | None:
        if name in self.windows:
            return Type.NUMBER
        return Type.LIST if name in self.lists else FIELDS.get(name)

    @property
    def names(self) -> list[str]:
        return [*FIELDS, *self.windows, *self.lists]


def meant(name: str, names: Collection[str]) -> str:
    """What to put behind "… is not known"."""
    by_case = [one for one in names if one.lower() == name.lower()]
    close = by_case or difflib.get_close_matches(name, names, 1)
    return f", did you mean {close[0]}?" if close else ""
