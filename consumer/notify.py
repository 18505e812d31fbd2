"""The notifier: composes e-mails from the outbox and sends them, in a process of its own (`consumer.notifier`).

The first alert after quiet goes out at once, what follows as digests. Any number of notifiers may run.
"""

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from consumer.mail import DigestMail
from consumer.outbox import Claim, Outbox
from consumer.pace import Pace
from consumer.patience import Patience, Pause, StoppedError, backoff
from consumer.ses import MailPassingError, MailRefusedError, Ses

HOLD = timedelta(seconds=45)  # an attempt takes 30 at most: SES is given 15, for the quota and for the mail
LONGEST_DELAY = 600.0  # what SES advises against throttling; a stopped account is asked no more often
COMPOSING_MS = 600_000  # the backlog of a long stop may be millions of alerts, at 80,000 a second

log = structlog.get_logger()


class Notifier:
    """Tells ``recipients`` at most once in ``interval``, and sends whatever is unfinished, whoever composed it."""

    def __init__(
        self,
        outbox: Outbox,
        mail: DigestMail,
        ses: Ses,
        pace: Pace,
        recipients: Sequence[str],
        interval: timedelta,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._outbox = outbox
        self._mail = mail
        self._ses = ses
        self._pace = pace
        self._recipients = recipients
        self._interval = interval
        self._count = count

    def run(self, poll_seconds: float, pause: Pause) -> None:
        """Until ``pause`` says stop. A send at hand is finished first."""
        self._greet()
        with suppress(StoppedError):
            self.turn(Patience(pause))
            while not pause(poll_seconds):
                self.turn(Patience(pause))
        log.info("notifier stopped")

    def turn(self, database: Patience) -> None:
        """Composes an e-mail if it is time, and tries to send one if one is due."""
        digest_id = uuid.uuid4()
        count = database.run(lambda: self._outbox.compose(digest_id, self._recipients, self._interval))
        if count is not None:
            log.info("digest composed", digest_id=str(digest_id), alerts=count)
        claim = database.run(lambda: self._outbox.claim(HOLD))
        if claim is not None:
            self._send(claim, database)

    def _send(self, claim: Claim, database: Patience) -> None:
        told = log.bind(digest_id=str(claim.digest.id), alerts=claim.digest.count, attempt=claim.attempt)
        try:
            message_id = self._deliver(claim)
        except MailPassingError as error:
            reason, delay = str(error), error.delay or backoff(claim.attempt, LONGEST_DELAY)
            told.warning("digest postponed", reason=error.code, seconds=round(delay, 1))
            self._count("postponed")
            written = database.run(lambda: self._outbox.postponed(claim, reason, timedelta(seconds=delay)))
        except MailRefusedError as error:
            reason = str(error)
            told.error("digest refused", reason=error.code)
            self._count("refused")
            written = database.run(lambda: self._outbox.failed(claim, reason))
        else:
            told.info("digest sent", ses_message_id=message_id)
            self._count("sent")
            written = database.run(lambda: self._outbox.sent(claim, message_id))
        if not written:
            told.warning("digest was taken over by another notifier meanwhile")

    def _deliver(self, claim: Claim) -> str:
        self._pace.take(len(claim.recipients))
        return self._ses.send(self._mail.render(claim.digest, claim.recipients), claim.recipients)

    def _greet(self) -> None:
        try:
            quota = self._pace.refresh()
        except MailPassingError as error:
            log.warning("SES does not tell its quota", reason=error.code)
        else:
            log.info("notifier started", per_day=quota.per_day, per_second=quota.per_second, sent=quota.sent)
