"""Amounts: exact, bounded, and refused fast when they are absurd."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producer import amount

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def is_allowed(text: str) -> bool:
    """The contract again, by way of Decimal: what `plain` decides by counting digits."""
    if not JSON_NUMBER.fullmatch(text):
        return False
    value = Decimal(text)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).rstrip("0")
    finest = exponent + len(digits) - len(significant)
    return not value or (not sign and len(significant) + finest <= 20 and finest >= -18)


def refusal(text: str) -> str | None:
    try:
        amount.plain(text)
    except ValueError as error:
        return str(error)
    return None


digits = st.text("0123456789", max_size=24)
number_like = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "", "-", "+", " "]),
        st.one_of(digits, st.sampled_from(["0", "00", "1", "9" * 20, "9" * 21])),
        st.sampled_from(["", ".", ".", "_", ","]),
        digits,
        st.sampled_from(["", "", "e", "E", "e+", "e-", "e--"]),
        st.one_of(st.just(""), st.integers(0, 45).map(str), st.sampled_from(["007", "999999", "x"])),
    ),
)


@given(st.one_of(number_like, st.text(max_size=12), st.decimals(allow_nan=False, allow_infinity=False).map(str)))
@example("0.000000000000000001e-0")
@example("123e-20")
@example("0.00123e5")
@example("0e999999")
@example("0e-999999")
@example("1." + "0" * 30)
@example("10000e-20")
@example("0." + "0" * 18 + "10")
@example("-0.0e1")
@example("00")
@example("१")
def test_an_amount_is_accepted_exactly_if_the_contract_allows_it_and_keeps_its_value(text: str) -> None:
    if is_allowed(text):
        written = amount.plain(text)
        assert Decimal(written) == Decimal(text)
        assert re.fullmatch(r"(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?", written)
    else:
        assert refusal(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("700.00", "700.00"),
        ("1.5E3", "1500"),
        ("1.50e1", "15.0"),
        ("12345e-4", "1.2345"),
        ("1e-18", "0.000000000000000001"),
        ("0.1e20", "10000000000000000000"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("0e5", "0"),
        ("0." + "0" * 500 + "1e502", "10"),
        ("5." + "0" * 500, "5." + "0" * 18),
        ("5." + "0" * 500 + "e-18", "0.000000000000000005"),
        ("0." + "0" * 500, "0." + "0" * 18),
        ("0e-19", "0"),
    ],
)
def test_digits_are_kept_and_exponents_written_out(text: str, written: str) -> None:
    assert amount.plain(text) == written


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", "01", "1.", ".5", "1e", "1e+", "1_000", "1,5", "0x1", "NaN", "Infinity", "-", "٣"],
)
def test_what_is_no_json_number_is_no_amount(text: str) -> None:
    assert refusal(text) == amount.NOT_DECIMAL


@pytest.mark.parametrize("text", ["-1", "-0.01", "-1e-400"])
def test_a_negative_amount_is_refused(text: str) -> None:
    assert refusal(text) == amount.NEGATIVE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1" * 21, amount.TOO_LARGE),
        ("1e20", amount.TOO_LARGE),
        ("1e999999", amount.TOO_LARGE),
        ("1e" + "9" * 1_000_000, amount.TOO_LARGE),
        ("7" * 10_000, amount.TOO_LARGE),
        ("0." + "0" * 18 + "1", amount.TOO_FINE),
        ("1e-19", amount.TOO_FINE),
        ("1e-999999999", amount.TOO_FINE),
        ("1e-" + "0" * 1_000_000 + "19", amount.TOO_FINE),
        ("0." + "3" * 1_000_000, amount.TOO_FINE),
    ],
    ids=lambda value: value[:12],
)
def test_an_absurd_amount_is_refused_before_anything_is_written_out(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1500.25", "1500.25"),
        ("-0.00", "0.00"),
        (str(Decimal("1E-18")), "0.000000000000000001"),
        (str(Decimal("0E-18")), "0." + "0" * 18),
        (str(Decimal("1.50E+3")), "1500"),
        ("9.99e19", "99900000000000000000"),
        ("1e-0018", "0.000000000000000001"),
    ],
)
def test_a_string_is_read_as_decimals_are_written(text: str, written: str) -> None:
    assert amount.from_text(text) == written


@pytest.mark.parametrize("text", ["12E3", "0.1e1", "10e0", "0.0010e5"])
def test_a_string_with_another_form_of_exponent_is_refused(text: str) -> None:
    assert amount.plain(text), "as a number it is none the worse"
    with pytest.raises(ValueError, match=re.escape(amount.NOT_NORMAL)):
        amount.from_text(text)


@pytest.mark.parametrize(
    ("text", "message"), [("1e20", amount.TOO_LARGE), ("1e-19", amount.TOO_FINE), ("-1", amount.NEGATIVE)]
)
def test_a_string_is_refused_for_the_reason_that_a_number_would_be(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        amount.from_text(text)
