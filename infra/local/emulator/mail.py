"""SES keeps its mails, whole.

Defects: of a mail sent by SendRawEmail ministack keeps sender, To, subject and the last text and HTML parts: other
headers and recipients are lost. Sent mails are left out of the saved state.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.local.emulator.shapes import OK, Answer
from infra.local.emulator.upstream import mails_of_this_account, sent_mails

RAW_FIELDS = ("RawMessage", "Destinations")
Parameters = Mapping[str, list[str]]
Endpoint = Callable[[str, str, Mapping[str, str], Mapping[str, Any]], Awaitable[Answer | None]]


def keeping_raw(send_raw_email: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
    """Keeps the message as it came (base64) and the recipients given beside it."""

    def send(parameters: Parameters) -> Answer:
        answer = send_raw_email(parameters)
        if answer[0] == OK:
            mail = mails_of_this_account()[-1]
            mail["Source"], mail["Subject"] = str(mail["Source"]), str(mail["Subject"])
            mail["RawMessage"] = parameters["RawMessage.Data"][0]
            mail["Destinations"] = [
                values[0] for name, values in parameters.items() if name.startswith("Destinations.member.")
            ]
        return answer

    return send


def showing_raw(messages_endpoint: Endpoint) -> Endpoint:
    """``GET /_ministack/ses/messages`` with what is kept beside ministack's own fields."""

    async def show(method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> Answer | None:
        answer = await messages_endpoint(method, path, headers, query)
        if answer is None or answer[0] != OK:
            return answer
        body = json.loads(answer[2])
        kept = {mail["MessageId"]: mail for mails in sent_mails.all_values() for mail in mails}
        for message in (message for messages in body["messages"].values() for message in messages):
            mail = kept[message["MessageId"]]
            message.update({name: mail[name] for name in RAW_FIELDS if name in mail})
        return answer[0], answer[1], json.dumps(body).encode()

    return show


def saving(get_state: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    return lambda: {**get_state(), "sent_mails": sent_mails}


def restoring(load_state: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def load(state: dict[str, Any]) -> None:
        sent_mails.update(state.pop("sent_mails"))
        load_state(state)

    return load
