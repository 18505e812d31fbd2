"""Whatever comes, each decoder gives a value or refuses it in words that repeat nothing of it."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_keys.document import parse_keys
from api_keys.errors import MalformedKeysError
from producer import amount, fields
from tests.fuzz import EXAMPLES
from tests.fuzz.parsers import TARGETS
from tests.fuzz.seeds import SEEDS, WORDS
from tests.fuzz.targets import PROMISES
from tests.producer.fakes import key_document
from tests.producer.service import KEY

many = settings(max_examples=10 * EXAMPLES, deadline=None)
pieces = st.sampled_from([word.encode() for word in WORDS]) | st.binary(max_size=8)


@st.composite
def bent(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed, cut and filled in some places."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 20)))
        content = content[:begin] + draw(pieces) * draw(st.sampled_from([1, 1, 1, 30])) + content[end:]
    return content


@pytest.mark.parametrize("target", TARGETS)
def test_bent_bytes_break_no_promise(target: str) -> None:
    @many
    @given(bent(SEEDS[target]) | st.binary(max_size=200))
    def hold(content: bytes) -> None:
        PROMISES[target](content)

    hold()


@pytest.mark.parametrize("rule", [amount.plain, amount.from_text, fields.trx_id, fields.text, fields.transaction_date])
def test_a_rule_gives_text_or_refuses_in_words_without_the_value(rule: Callable[[str], str]) -> None:
    @many
    @given(st.text() | st.text("0123456789.-+eETZ:", max_size=40) | bent([b"2022-06-30T07:41:46Z"]).map(bytes.hex))
    def hold(value: str) -> None:
        words = _refusal(rule, value, ValueError)
        assert len(value) < 8 or value not in words

    hold()


@many
@given(bent([key_document(KEY).encode()]))
def test_a_secret_is_keys_or_refused_in_words_without_a_hash(content: bytes) -> None:
    assert KEY.sha256 not in _refusal(parse_keys, content.decode("utf-8", "replace"), MalformedKeysError)


def _refusal(decode: Callable[[str], object], value: str, refused: type[Exception]) -> str:
    """Why it was refused; empty if it was not."""
    try:
        decode(value)
    except refused as error:
        return str(error)
    return ""
