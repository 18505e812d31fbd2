"""Amounts as text: exact from the request's bytes to the wire, never a float and never an unbounded number.

The bounds let every amount fit DECIMAL(38,18).
"""

import re

MAX_DIGITS_BEFORE_POINT = 20
MAX_DIGITS_AFTER_POINT = 18
DESCRIPTION = (
    f"At least 0; written out without exponent at most {MAX_DIGITS_BEFORE_POINT} digits before the point and "
    f"{MAX_DIGITS_AFTER_POINT} after it. Kept exactly"
)
JSON_TYPES = [
    {"type": "number", "minimum": 0},
    {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
]
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]+))?")
# An exponent of this many digits moves the point out of any body we read.
_FAR_EXPONENT_DIGITS = 9

NOT_DECIMAL = "must be a JSON number, or a string with one in it, like 1500.25"
NEGATIVE = "must not be negative"
TOO_LARGE = f"must have at most {MAX_DIGITS_BEFORE_POINT} digits before the point, written out without exponent"
TOO_FINE = f"must have at most {MAX_DIGITS_AFTER_POINT} digits after the point, written out without exponent"


def plain(text: str) -> str:
    """The amount in plain digits: those of `text` as they are, with the exponent written out and no sign on zero.

    Raises ValueError, whose message says what is wrong, before anything is written out that breaks the bounds.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(NOT_DECIMAL)
    sign, integer, fraction, exponent_sign, exponent = match.groups(default="")
    if sign and (integer.strip("0") or fraction.strip("0")):
        raise ValueError(NEGATIVE)
    if exponent:
        integer, fraction = _written_out(integer, fraction, _bounded(exponent_sign, exponent))
    if len(integer) > MAX_DIGITS_BEFORE_POINT:
        raise ValueError(TOO_LARGE)
    if len(fraction) > MAX_DIGITS_AFTER_POINT:
        raise ValueError(TOO_FINE)
    return f"{integer}.{fraction}" if fraction else integer


def _bounded(sign: str, digits: str) -> int:
    size = int(digits) if len(digits) <= _FAR_EXPONENT_DIGITS else 10**_FAR_EXPONENT_DIGITS
    return -size if sign == "-" else size


def _written_out(integer: str, fraction: str, exponent: int) -> tuple[str, str]:
    digits = integer + fraction
    point = len(integer) + exponent
    significant = digits.lstrip("0")
    if len(digits) - point > MAX_DIGITS_AFTER_POINT:
        raise ValueError(TOO_FINE)
    if not significant:
        return "0", "0" * (len(digits) - point)
    if point - (len(digits) - len(significant)) > MAX_DIGITS_BEFORE_POINT:
        raise ValueError(TOO_LARGE)
    if point <= 0:
        return "0", "0" * -point + digits
    digits = digits.ljust(point, "0")
    return digits[:point].lstrip("0") or "0", digits[point:]
