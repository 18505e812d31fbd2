"""Whom the notifier writes to, and as whom: only what SES can take, and no address is echoed."""

import pytest

from consumer.errors import SettingsError
from consumer.settings import MAILBOX, NotifierSettings


def load(sender: str = "alerts@example.org", recipients: str = "ops@example.org") -> NotifierSettings:
    return NotifierSettings.load(
        database_url="postgresql://app:s3cret@db/payments",
        aws_region="eu-west-1",
        alert_sender=sender,
        alert_recipients=recipients,
    )


def complaint(**addresses: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(**addresses)
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


@pytest.mark.parametrize(
    "mailbox",
    [
        "ops@example.org",
        "first.o'last+tag@mail.xn--bcher-kva.example",
        "Ops <ops@example.org>",
        "Überwachung П. Ж. <ops@example.org>",
        '"Ops (night) [prod]" <ops@example.org>',
    ],
)
def test_an_address_in_ascii_is_taken_whatever_its_name(mailbox: str) -> None:
    assert load(mailbox, f"{mailbox}, {mailbox}").alert_recipients == (mailbox, mailbox)


@pytest.mark.parametrize(
    "mailbox",
    [
        "überwachung@example.org",
        "ops@bücher.example",
        "Ops <ops@bücher.example>",
        "ops\uff20example.org",
        "ops",
        "ops@",
        "ops @example.org",
        "ops@example.org>",
        "Ops <ops@example.org> and more",
        "Ops [prod] <ops@example.org>",
        "Ops\u2028Bcc: <ops@example.org>",
        "Ops\x0b<ops@example.org>",
    ],
)
def test_what_ses_would_refuse_is_named_by_its_place_and_not_echoed(mailbox: str) -> None:
    told = complaint(sender=mailbox, recipients=f"a@example.org,,{mailbox}, b@example.org, {mailbox}")
    assert told == [
        f"ALERT_SENDER: must be {MAILBOX}",
        f"ALERT_RECIPIENTS: each must be {MAILBOX}; not so: number 2, 4 of 4",
    ]


@pytest.mark.parametrize("setting", ["digest_interval_seconds", "notify_poll_seconds"])
def test_a_wait_without_end_is_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match=setting.upper()):
        NotifierSettings.load(
            database_url="postgresql://app:s3cret@db/payments",
            aws_region="eu-west-1",
            alert_sender="alerts@example.org",
            alert_recipients="ops@example.org",
            **{setting: float("inf")},
        )
