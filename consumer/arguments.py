"""What several commands take as an argument, read in one way."""

from datetime import datetime

import typer

from consumer.errors import CrashError


def moment(text: str) -> datetime:
    """An RFC 3339 time with its offset; else the call is wrong."""
    from consumer.replay import instant

    try:
        return instant(text)
    except CrashError as error:
        raise typer.BadParameter(str(error)) from None
