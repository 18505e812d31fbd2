"""The rules of a transaction's fields, one function a rule.

Each takes the value as text and returns it as the wire carries it, or raises ValueError with a message that says what
is wrong and what is allowed, and holds nothing of the value.
"""

import re

MAX_TEXT = 128
TRX_ID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
TEXT_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_LEAP_YEAR = "(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26]))"
_DATE = (
    "((19[7-9][0-9]|20[0-9]{2}|2100)-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    f"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_HOURS = "([01][0-9]|2[0-3])"
TIME_PATTERN = rf"^{_DATE}[Tt]{_HOURS}(:[0-5][0-9]){{2}}(\.[0-9]{{1,6}})?([Zz]|[+-]{_HOURS}:?[0-5][0-9])$"
NORMAL_TIME_PATTERN = TIME_PATTERN.replace("[Tt]", "T").replace("[Zz]", "Z").replace(":?", ":")
TIME_DESCRIPTION = "RFC 3339, and also the offset form +0000; an offset is required; years 1970 to 2100"
_TRX_ID = re.compile(TRX_ID_PATTERN)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME_SHAPE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
_TIME = re.compile(TIME_PATTERN.removeprefix("^").removesuffix("$"))

NOT_A_UUID = "must be a UUID in its 8-4-4-4-12 form"
EMPTY = "must not be empty"
TOO_LONG = f"must have at most {MAX_TEXT} characters"
HOLDS_CONTROL = "must not hold control characters"
NOT_UNICODE = "must be Unicode text, without half a surrogate pair"
NOT_A_TIME = "must be a time with its offset, like 2022-06-30T07:41:46+00:00 (RFC 3339; also +0000)"
OUT_OF_RANGE = (
    "must be a real date and time of the years 1970 to 2100, with seconds up to 59 and at most 6 fraction digits"
)


def trx_id(value: str) -> str:
    if not _TRX_ID.fullmatch(value):
        raise ValueError(NOT_A_UUID)
    return value.lower()


def text(value: str) -> str:
    if not value:
        raise ValueError(EMPTY)
    if len(value) > MAX_TEXT:
        raise ValueError(TOO_LONG)
    if not value.isprintable():  # the quick question; it also answers "no" to harmless characters
        if _CONTROL.search(value):
            raise ValueError(HOLDS_CONTROL)
        if _SURROGATE.search(value):
            raise ValueError(NOT_UNICODE)
    return value


def transaction_date(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError(OUT_OF_RANGE if _TIME_SHAPE.fullmatch(value) else NOT_A_TIME)
    return normal_time(value)


def normal_time(value: str) -> str:
    """A valid time as RFC 3339 writes it."""
    value = value.upper()
    return value if value[-1] == "Z" or value[-3] == ":" else f"{value[:-2]}:{value[-2:]}"
