"""What a newcomer wants to see, on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.emulator.mailbox import Mail
from infra.local.observe import Archived

if TYPE_CHECKING:  # it reaches for wheels that only the embedded stack has
    from infra.local.settings import Local

MAIL_LINES = 11
ARCHIVED_LINE = 150
LATEST = "SELECT amount, reason, detected_at FROM anomaly_report ORDER BY detected_at DESC LIMIT 5"


def anomalies(rows: Sequence[tuple[Any, ...]], stored: int, new: int) -> RenderableType:
    """``rows``: amount, transaction, sender, receiver, date, reason; largest first."""
    title = f"Anomalies: the {len(rows)} largest of {stored:,} stored, {new:,} of them new"
    table = Table(title=title, title_justify="left", show_edge=False)
    widest = max((len(f"{amount:,f}") for amount, *_ in rows), default=0)
    table.add_column("amount", justify="right", style="bold", min_width=widest, no_wrap=True)
    table.add_column("transaction", overflow="fold")
    table.add_column("date (UTC)")
    table.add_column("why")
    for amount, transaction, _sender, _receiver, date, reason in rows:
        table.add_row(f"{amount:,f}", str(transaction), f"{date:%Y-%m-%d %H:%M}", reason)
    return table


def mail(message: Mail, count: int) -> RenderableType:
    body = [line for line in message.text.splitlines() if line.strip()][:MAIL_LINES]
    head = f"From: {message.source}\nTo: {', '.join(message.to)}\nSubject: {message.subject}\n\n"
    return Panel(
        Text(head + "\n".join(body) + "\n…"),
        title="The e-mail" if count == 1 else f"The first of {count} e-mails",
        title_align="left",
        expand=False,
    )


def no_mail() -> RenderableType:
    return Text("No e-mail: this file brought no new anomaly.")


def archived(bucket: str, found: Archived) -> RenderableType:
    first = found.lines[0].decode()
    shown = first if len(first) <= ARCHIVED_LINE else first[:ARCHIVED_LINE] + "…"
    title = f"s3://{bucket}/{found.key} ({len(found.lines):,} lines)"
    return Group(Text("Archived", style="bold"), Text(title, overflow="fold"), Text(shown, style="dim"))


def counts(rows: Sequence[tuple[str, int, int | None]]) -> RenderableType:
    """``rows``: what, how many, how many there must be (None: any number is right)."""
    table = Table(title="What went in and came out", title_justify="left", show_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for name, count, expected in rows:
        table.add_row(name, f"{count:,}", _verdict(count, expected))
    return table


def _verdict(count: int, expected: int | None) -> Text:
    if expected is None:
        return Text("")
    return Text("✓", style="green") if count == expected else Text(f"✗ must be {expected:,}", style="bold red")


def next_steps(local: "Local") -> RenderableType:
    """The lines to copy; printed unwrapped, so that they can be."""
    from infra.local.settings import CONSOLE_USER  # as above

    key = local.kept_secret("api_key") or ""
    return Group(
        Text("Decide about the anomalies", style="bold"),
        Text(f"{local.console_url}  user {CONSOLE_USER}  password {local.secret('console')}"),
        Text("\nPost a transaction of your own", style="bold"),
        Text(_curl(local.collector_url, key), no_wrap=True, overflow="ignore"),
        Text("\nAsk SQL", style="bold"),
        Text(
            f"{local.psql_link} '{local.postgres.url}' -c '{LATEST}'",
            no_wrap=True,
            overflow="ignore",
        ),
        Text(f"\nProducer {local.collector_url}  ·  API documentation {local.collector_url}/docs", style="dim"),
    )


def _curl(url: str, key: str) -> str:
    body = (
        f'{{"records": [{{"trxId": "{uuid4()}", "amount": 1500.25, "senderId": "alice", '
        '"receiverId": "bob", "senderIban": "GRxxxxxxxxxxxxxxx", "receiverIban": "GRxxxxxxxxxxxxxxx", '
        '"senderBankId": "bank-a", "receiverBankId": "bank-b", "transactionDate": "2022-06-30T07:41:46+0000"}]}'
    )
    return (
        f"curl -sS {url}/collector/transactions -H 'x-api-key: {key}' -H 'content-type: application/json' -d '{body}'"
    )
