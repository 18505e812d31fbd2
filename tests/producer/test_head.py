"""Header fields, looked through once: the first of a name, or every one, as Latin-1."""

import pytest

from producer.head import Head

FIELDS = [(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"2"), (b"c", b"")]


@pytest.mark.parametrize(("name", "first", "every"), [(b"a", "1", ["1", "2"]), (b"b", "é", ["é"]), (b"c", "", [""])])
def test_the_first_value_and_every_one_in_order(name: bytes, first: str, every: list[str]) -> None:
    head = Head({"headers": FIELDS})
    assert (head.first(name), head.every(name)) == (first, every)


def test_a_field_that_is_not_there() -> None:
    head = Head({"headers": FIELDS})
    assert head.first(b"d") is None
    assert head.every(b"d") == []
