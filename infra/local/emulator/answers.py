"""How a Kinesis correction answers."""

from collections.abc import Callable

from infra.local.emulator.shapes import OK, Answer, Body, Request, Stream
from infra.local.emulator.upstream import error_answer, find_stream


class RefusedError(Exception):
    """AWS would answer with this error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def answering(operation: Callable[[Request], Body]) -> Callable[[Request], Answer]:
    """``operation`` as ministack calls one: its refusal is an error answer."""

    def answer(request: Request) -> Answer:
        try:
            return OK, {}, operation(request)
        except RefusedError as error:
            return error_answer(error.code, str(error), 400)

    return answer


def stream_of(request: Request) -> Stream:
    """Raises RefusedError where there is none."""
    stream = find_stream(request)
    if stream is None:
        name = request.get("StreamName") or request.get("StreamARN")
        raise RefusedError("ResourceNotFoundException", f"Stream {name} not found")
    return stream


def invalid(message: str) -> RefusedError:
    return RefusedError("InvalidArgumentException", message)
