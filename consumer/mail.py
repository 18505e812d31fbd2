"""A digest as an e-mail: MIME with a text and an HTML part that say the same.

Whatever stands in a payment is shown, never obeyed: HTML is escaped, characters that steer a terminal or turn the
reading direction are written out, and headers are built from numbers alone.
"""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from consumer.digest import Digest

TEXT_WIDTH = 76
LONGEST_FIELD = 300


class DigestMail:
    """Renders digests as mail from ``sender``. Loads its templates once."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
        environment = Environment(
            loader=PackageLoader("consumer"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(money=money, moment=moment, plain=plain, folded=folded)
        self._text = environment.get_template("digest.txt")
        self._html = environment.get_template("digest.html")

    def render(self, digest: Digest, recipients: Sequence[str]) -> bytes:
        """The whole message; the same digest gives the same bytes but for the MIME boundary."""
        subject = headline(digest)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = ", ".join(recipients)
        message["Subject"] = subject
        message["X-Digest-Id"] = str(digest.id)
        message["Auto-Submitted"] = "auto-generated"
        text = self._text.render(digest=digest, headline=subject)
        html = self._inliner.inline(self._html.render(digest=digest, headline=subject))
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message.as_bytes()


def headline(digest: Digest) -> str:
    if digest.count == 1:
        return f"1 anomaly of {money(digest.total)}"
    return f"{digest.count:,} anomalies, {money(digest.total)} in all (largest {money(digest.largest)})"


def money(amount: Decimal) -> str:
    """``4500.250000`` as ``4,500.25``: every digit that counts, at least two after the point."""
    whole, _, fraction = f"{amount:,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2}"


def moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plain(text: str) -> str:
    """The text on one line, of bounded length, with invisible characters written out as ``\\u202e``."""
    cut = text if len(text) <= LONGEST_FIELD else text[:LONGEST_FIELD] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)


def folded(text: str, indent: int) -> str:
    lines = textwrap.wrap(plain(text), TEXT_WIDTH - indent, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)
