"""Amounts as text: exact from the request's bytes to the wire, never a float and never an unbounded number.

The bounds let every amount fit DECIMAL(38,18).
"""

import re

MAX_DIGITS_BEFORE_POINT = 20
MAX_DIGITS_AFTER_POINT = 18
DESCRIPTION = (
    f"At least 0; written out without exponent at most {MAX_DIGITS_BEFORE_POINT} digits before the point and "
    f"{MAX_DIGITS_AFTER_POINT} after it, more zeros aside. In a string, what stands before an exponent has one digit "
    "before its point. Kept exactly"
)


def _with_exponent(exponent: int) -> str:
    """A pattern: one digit, a fraction as long as this exponent allows, and the exponent."""
    digits = MAX_DIGITS_AFTER_POINT + exponent
    fraction = rf"(\.[0-9]{{1,{digits}}}0*)?" if digits else r"(\.0+)?"
    sign = "-" if exponent < 0 else r"\+?"
    return rf"[1-9]{fraction}[eE]{sign}0*{abs(exponent)}"


_EXPONENTS = range(-MAX_DIGITS_AFTER_POINT, MAX_DIGITS_BEFORE_POINT)
TEXT_PATTERN = "|".join(
    (
        r"^(-?0(\.0+)?([eE][+-]?[0-9]+)?",
        rf"(0|[1-9][0-9]{{0,{MAX_DIGITS_BEFORE_POINT - 1}}})(\.[0-9]{{1,{MAX_DIGITS_AFTER_POINT}}}0*)?",
        *map(_with_exponent, _EXPONENTS),
        "[1-9]([.][0-9]{1,18}0*)?[eE]-0+)$",
    )
)
JSON_TYPES: list[dict[str, object]] = [
    {"type": "number", "minimum": 0, "exclusiveMaximum": 1e20, "multipleOf": 1e-18},
    {"type": "string", "pattern": TEXT_PATTERN},
]
_TEXT = re.compile(TEXT_PATTERN)
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]+))?")
# An exponent of this many digits moves the point out of any body we read.
_FAR_EXPONENT_DIGITS = 9

NOT_DECIMAL = "must be a JSON number, or a string with one in it, like 1500.25"
NOT_NORMAL = "must have one digit before the point, and not 0, where a string has an exponent, like 1.50025E+3"
NEGATIVE = "must not be negative"
TOO_LARGE = f"must have at most {MAX_DIGITS_BEFORE_POINT} digits before the point, written out without exponent"
TOO_FINE = f"must have at most {MAX_DIGITS_AFTER_POINT} digits after the point, written out without exponent"


def from_text(text: str) -> str:
    """As `plain`, of a string: with an exponent it is read as Decimal and BigDecimal write it, and not otherwise."""
    written = plain(text)
    if not _TEXT.fullmatch(text):
        raise ValueError(NOT_NORMAL)
    return written


def plain(text: str) -> str:
    """The amount in plain digits: those of `text` as they are, with the exponent written out and no sign on zero.

    Zeros that are too many behind the point are left out. Raises ValueError, whose message says what is wrong, before
    anything is written out that breaks the bounds.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(NOT_DECIMAL)
    sign, integer, fraction, exponent_sign, exponent = match.groups(default="")
    if sign and (integer.strip("0") or fraction.strip("0")):
        raise ValueError(NEGATIVE)
    if exponent or len(fraction) > MAX_DIGITS_AFTER_POINT:
        integer, fraction = _written_out(integer, fraction, _bounded(exponent_sign, exponent or "0"))
    if len(integer) > MAX_DIGITS_BEFORE_POINT:
        raise ValueError(TOO_LARGE)
    return f"{integer}.{fraction}" if fraction else integer


def _bounded(sign: str, digits: str) -> int:
    size = int(digits) if len(digits) <= _FAR_EXPONENT_DIGITS else 10**_FAR_EXPONENT_DIGITS
    return -size if sign == "-" else size


def _written_out(integer: str, fraction: str, exponent: int) -> tuple[str, str]:
    digits = integer + fraction
    point = len(integer) + exponent
    kept = max(0, point + MAX_DIGITS_AFTER_POINT)
    if digits[kept:].strip("0"):
        raise ValueError(TOO_FINE)
    digits = digits[:kept]
    significant = digits.lstrip("0")
    if not significant:
        return "0", "0" * (len(digits) - point if digits else 0)
    if point - (len(digits) - len(significant)) > MAX_DIGITS_BEFORE_POINT:
        raise ValueError(TOO_LARGE)
    if point <= 0:
        return "0", "0" * -point + digits
    digits = digits.ljust(point, "0")
    return digits[:point].lstrip("0") or "0", digits[point:]
