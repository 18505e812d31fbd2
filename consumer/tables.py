"""The tables, as SQLAlchemy Core sees them. `migrations/` makes them; a test holds both against each other.

Every table and column carries its comment into PostgreSQL: `\\d+ anomalies` in psql explains itself.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _text(name: str, comment: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=options.pop("nullable", False), comment=comment, **options)


def _time(name: str, comment: str, **options: Any) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=options.pop("nullable", False), comment=comment, **options)


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"), comment=comment)


def _sequence_number(name: str, comment: str, **options: Any) -> Column[Decimal]:
    return Column(name, Numeric, nullable=options.pop("nullable", False), comment=comment, **options)


def _uuid(name: str, comment: str, **options: Any) -> Column[UUID]:
    return Column(name, Uuid, nullable=options.pop("nullable", False), comment=comment, **options)


anomalies = Table(
    "anomalies",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the anomaly"),
    _uuid("transaction_id", "trxId of the transaction, in lower case"),
    _text("rule_id", "The rule that matched"),
    Column("rule_version", Integer, nullable=False, comment="Version of the rule that matched"),
    _text("reason", "Why it matched, in words with the values"),
    Column(
        "rule_values",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="What the rule asked for, by name: fields of the transaction, and windows",
    ),
    Column("amount", Numeric, nullable=False, comment="Exact amount, as the client sent it"),
    _text("sender_id", "Paying party"),
    _text("receiver_id", "Paid party"),
    _text("sender_iban", "Account paid from; may be masked"),
    _text("receiver_iban", "Account paid to; may be masked"),
    _text("sender_bank_id", "Bank of the paying party"),
    _text("receiver_bank_id", "Bank of the paid party"),
    _time("transaction_date", "When the payment was made, by the client's clock"),
    _time("received_at", "When the producer took it, by the producer's clock"),
    _time("detected_at", "When this row was stored", server_default=func.now()),
    _text("stream_incarnation", "Stream ARN and creation time that the record came from"),
    _text("shard_id", "Kinesis shard of the record"),
    _sequence_number("sequence_number", "Kinesis sequence number of the record"),
    Column("line", Integer, nullable=False, comment="Line of the transaction in its record, from 1"),
    _text("state", "What people made of it: open, investigating, confirmed or dismissed", server_default="open"),
    _text("assignee", "Name of the user who looks into it", nullable=True),
    Column(
        "revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="How often people have changed state or assignee, so that none overwrites another's change",
    ),
    UniqueConstraint("transaction_id", "rule_id"),
    CheckConstraint("state IN ('open', 'investigating', 'confirmed', 'dismissed')", name="state"),
    Index(None, "detected_at"),
    *(
        Index(None, name, "id")
        for name in (
            "rule_id",
            "state",
            "sender_id",
            "receiver_id",
            "sender_iban",
            "receiver_iban",
            "sender_bank_id",
            "receiver_bank_id",
            "amount",
            "transaction_date",
        )
    ),
    Index(None, "assignee", "id", postgresql_where=text("assignee IS NOT NULL")),
    comment="Transactions that matched a rule: one row for each transaction and rule, however often it is delivered",
)

conflicts = Table(
    "conflicts",
    metadata,
    _uuid("transaction_id", "trxId that two different contents claim", primary_key=True),
    _text("other_digest", "SHA-256 of the other content: each other content is recorded once", primary_key=True),
    Column("known", JSONB, nullable=False, comment="The content stored first; it stays"),
    Column("other", JSONB, nullable=False, comment="The different content that came under the same trxId"),
    _text("stream_incarnation", "Stream ARN and creation time of the other content's record"),
    _text("shard_id", "Kinesis shard of the other content's record"),
    _sequence_number("sequence_number", "Kinesis sequence number of the other content's record"),
    Column("line", Integer, nullable=False, comment="Line of the other content in its record, from 1"),
    _time("detected_at", "When this row was stored", server_default=func.now()),
    comment="Different content under a known trxId, with both versions; each trxId is also an anomaly of the rule "
    "conflicting-content and so alerted, once: further versions are recorded here and nobody is told",
)

emails = Table(
    "emails",
    metadata,
    _uuid("id", "Digest id: stands in the text and in the header X-Digest-Id", primary_key=True),
    Column("recipients", ARRAY(Text), nullable=False, comment="Recipient list, sorted"),
    _text("state", "pending, sending, sent or failed"),
    _count("alert_count", "Alerts in this e-mail; its members are frozen before it is sent"),
    Column("amount_sum", Numeric, nullable=False, comment="Exact sum of its anomalies' amounts"),
    _time("created_at", "When its members were frozen", server_default=func.now()),
    _time("claimed_until", "While sending: after this moment another notifier may take it over", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="Times that sending was begun"),
    _time("next_attempt_at", "Not sent before this moment", server_default=func.now()),
    _time("sent_at", "When SES accepted it", nullable=True),
    _text("ses_message_id", "What SES calls it", nullable=True),
    _text("last_error", "Why the last attempt did not end as sent", nullable=True),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed')", name="state"),
    Index(
        "emails_one_unfinished_idx",
        "recipients",
        unique=True,
        postgresql_where=text("state IN ('pending', 'sending')"),
    ),
    Index(None, "recipients", "created_at"),
    comment="Alert e-mails, written with their members before they are sent; "
    "at most one a recipient list is unfinished",
)

alerts = Table(
    "alerts",
    metadata,
    Column(
        "anomaly_id",
        BigInteger,
        ForeignKey("anomalies.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        comment="The anomaly to tell about",
    ),
    _text(
        "state", "pending: waits for an e-mail; assigned: part of one; muted: nobody is told", server_default="pending"
    ),
    Column("email_id", Uuid, ForeignKey("emails.id"), nullable=True, comment="The e-mail it is part of"),
    _time("created_at", "When the anomaly was stored", server_default=func.now()),
    CheckConstraint("state IN ('pending', 'assigned', 'muted')", name="state"),
    CheckConstraint("(state = 'assigned') = (email_id IS NOT NULL)", name="assigned"),
    Index("alerts_pending_idx", "anomaly_id", postgresql_where=text("state = 'pending'")),
    Index(None, "email_id"),
    comment="Outbox of alerts: written in the anomaly's own transaction, one for each anomaly",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _text("stream_incarnation", "Stream ARN and creation time that the record came from", primary_key=True),
    _text("shard_id", "Kinesis shard of the record", primary_key=True),
    _sequence_number("sequence_number", "Kinesis sequence number of the record", primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False, comment="Line in the record, from 1"),
    Column("payload", LargeBinary, nullable=False, comment="The line's bytes as they came"),
    _text("reason", "Why it could not be evaluated"),
    _text("state", "open, redriven or discarded", server_default="open"),
    Column(
        "history",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="What was done about it: a list of {at, state, by, note}, oldest first",
    ),
    _time("arrived_at", "When Kinesis took the record"),
    _time("first_seen_at", "When this row was stored", server_default=func.now()),
    CheckConstraint("state IN ('open', 'redriven', 'discarded')", name="state"),
    Index("dead_letters_open_idx", "first_seen_at", postgresql_where=text("state = 'open'")),
    comment="Lines of the stream that could not be evaluated: kept with bytes, position and reason, never skipped",
)

shard_progress = Table(
    "shard_progress",
    metadata,
    _text("application", "KCL application (and name of its lease table)", primary_key=True),
    _text("stream_incarnation", "Stream ARN and creation time", primary_key=True),
    _text("shard_id", "Kinesis shard", primary_key=True),
    _sequence_number("sequence_number", "Everything up to this record is stored; null before the first", nullable=True),
    _time("arrived_at", "When Kinesis took that record", nullable=True),
    _count("transactions", "Transactions evaluated"),
    _count("anomalies", "Anomalies stored for the first time"),
    _count("dead_letters", "Lines that could not be evaluated"),
    _count("late", "Transactions evaluated in no window but their own, for they are dated too far from their receipt"),
    _time("initialized_at", "When a worker last took up the shard", server_default=func.now()),
    _time("ended_at", "When the shard was closed by a reshard and read to its end", nullable=True),
    _time("updated_at", "When this row last moved", server_default=func.now()),
    comment="How far each shard is done; the fence that drops redelivered records. Rows of former incarnations stay",
)

throughput = Table(
    "throughput",
    metadata,
    _time("minute", "Minute in which Kinesis took the records", primary_key=True),
    _text("stream", "Name of the stream", primary_key=True),
    _count("transactions", "Transactions evaluated"),
    _count("anomalies", "Anomalies stored for the first time"),
    _count("dead_letters", "Lines that could not be evaluated"),
    _count("late", "Transactions evaluated in no window but their own, for they are dated too far from their receipt"),
    comment="What went through the stream, minute by minute, for people and checks",
)

breaker = Table(
    "breaker",
    metadata,
    _text("application", "KCL application that it stops", primary_key=True),
    _text("stream_incarnation", "Stream ARN and creation time", primary_key=True),
    _time("tripped_at", "When it stopped the consumer; null while it does not", nullable=True),
    _text("shard_id", "Kinesis shard of the records that last tripped it"),
    _sequence_number("sequence_number", "The first of them that could not be evaluated"),
    Column("records", BigInteger, nullable=False, comment="Records of the window that tripped it"),
    Column(
        "undecodable",
        Numeric,
        nullable=False,
        comment="How many of them could not be evaluated; a packed one counts in part",
    ),
    _text("reasons", "Why, with the number of lines, the most frequent first"),
    _time(
        "passes_until",
        "Records that Kinesis took before this moment do not trip it; null before the first reset",
        nullable=True,
    ),
    Column(
        "history",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="What happened: a list of {at, state, by, note}, oldest first",
    ),
    comment="Stops the consumer before it stores a flood of dead letters: no row, or none tripped, is good",
)

worker_slots = Table(
    "worker_slots",
    metadata,
    _text("application", "KCL application whose workers they are", primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False, comment="From 0; its worker's id is worker-SLOT"),
    _uuid("holder", "The process's life that has it; null once it was given up", nullable=True),
    _time("claimed_at", "Since when that one, or the last one, has it"),
    _time("expires_at", "Whose time is over without a renewal counts as dead; or when it was given up"),
    CheckConstraint("slot >= 0", name="slot"),
    comment="Ids of consumers that outlive them: who takes a dead one's slot has its shards at once",
)

list_entries = Table(
    "list_entries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the entry"),
    _text("list", "The list, as rules name it"),
    _text("value", "Who or what stands in it, letter by letter"),
    _text("reason", "Why"),
    _time("effective_from", "From when on, by the producer's clock as it received a transaction"),
    _time("expires_at", "Before when; null: for ever", nullable=True),
    _text("added_by", "Who has added it"),
    _time("added_at", "When it was added", server_default=func.now()),
    _text("removed_by", "Who has removed it, which set its end; null where nobody has", nullable=True),
    _text("removal_reason", "Why it was removed", nullable=True),
    Column(
        "changed",
        BigInteger,
        Sequence("list_entries_changed_seq"),
        nullable=False,
        server_default=text("nextval('list_entries_changed_seq')"),
        comment="Number of the last change, by which consumers see that there was one",
    ),
    CheckConstraint("expires_at >= effective_from", name="expiry"),
    Index(None, "list", "value"),
    Index(None, "changed"),
    comment="Lists that rules ask for: entries are added and ended, and never deleted",
)

rule_reports = Table(
    "rule_reports",
    metadata,
    _text("application", "KCL application of the consumer", primary_key=True),
    _text("worker", "Id of its worker", primary_key=True),
    _text("tag", "Stands for the published rules that it has taken up"),
    Column("edition", Integer, nullable=False, comment="Number of the last edition of them; 0: those that ship"),
    _text("fault", "Why what is published now cannot be taken up; null where it was", nullable=True),
    _time("reported_at", "When it said so; a consumer that runs does every ten seconds"),
    comment="Which rules each consumer knows",
)

recent_transactions = Table(
    "recent_transactions",
    metadata,
    _uuid("key", "What windows know it by: a hash of fields and their values", primary_key=True),
    _time("transaction_date", "When the payment was made, by the client's clock", primary_key=True),
    _uuid("transaction_id", "trxId of the transaction, in lower case", primary_key=True),
    _time("received_at", "When the producer took it, by the producer's clock; the partition's day", primary_key=True),
    Column("counts", Boolean, nullable=False, comment="Windows count it: it is the first of its trxId"),
    Column("amount", Numeric, nullable=False, comment="Exact amount, as the client sent it"),
    _text("sender_id", "Paying party"),
    _text("receiver_id", "Paid party"),
    _text("sender_iban", "Account paid from; may be masked"),
    _text("receiver_iban", "Account paid to; may be masked"),
    _text("sender_bank_id", "Bank of the paying party"),
    _text("receiver_bank_id", "Bank of the paid party"),
    _time("arrived_at", "When Kinesis took the record"),
    _text("stream_incarnation", "Stream ARN and creation time that the record came from"),
    _text("shard_id", "Kinesis shard of the record"),
    _sequence_number("sequence_number", "Kinesis sequence number of the record"),
    Column("line", Integer, nullable=False, comment="Line of the transaction in its record, from 1"),
    Index(None, "transaction_id"),
    comment="Transactions that windows of rules still reach, once for each key; empty where no rule has a window",
    postgresql_partition_by="RANGE (received_at)",
)

users = Table(
    "users",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the user"),
    _text("name", "Name to log in with, in small letters"),
    _text("role", "viewer looks, analyst decides and publishes, admin also sees to users and keys"),
    _text("password", "Hash by argon2; null: only by single sign-on", nullable=True),
    _time("created_at", "When the user was made", server_default=func.now()),
    _time("disabled_at", "Since when the user may not log in; null: may", nullable=True),
    Column(
        "failures",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Wrong passwords since the last right one",
    ),
    _time("locked_until", "No password is looked at before this moment", nullable=True),
    UniqueConstraint("name"),
    CheckConstraint("role IN ('viewer', 'analyst', 'admin')", name="role"),
    comment="People who may use the console",
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the cookie's token"),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, comment="Whose it is"),
    _time("created_at", "When the user logged in", server_default=func.now()),
    _time("seen_at", "When it was last used, to a minute", server_default=func.now()),
    _time("expires_at", "It ends then at the latest"),
    Index(None, "user_id"),
    comment="Who is logged in to the console; a row that is deleted is a log-out",
)

anomaly_events = Table(
    "anomaly_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the event"),
    Column(
        "anomaly_id",
        BigInteger,
        ForeignKey("anomalies.id", ondelete="CASCADE"),
        nullable=False,
        comment="The anomaly",
    ),
    _time("at", "When", server_default=func.now()),
    _text("by", "Name of the user"),
    _text("kind", "state, assignee or comment"),
    _text("old", "State or assignee before; null for comments", nullable=True),
    _text("new", "State or assignee from then on; null for comments, and for nobody", nullable=True),
    _text("words", "The comment, or the reason", server_default=""),
    CheckConstraint("kind IN ('state', 'assignee', 'comment')", name="kind"),
    Index(None, "anomaly_id", "id"),
    Index("anomaly_events_words_idx", text("to_tsvector('simple'::regconfig, words)"), postgresql_using="gin"),
    comment="What people did about each anomaly: added to, and never changed",
)

console_events = Table(
    "console_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the event"),
    _time("at", "When", server_default=func.now()),
    _text("by", "Name of the user, or what was given as one"),
    _text("action", "What was done, or tried"),
    _text("subject", "To what", server_default=""),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="More about it"),
    Index(None, "at"),
    comment="Who did what in the console, log-ins that failed among it: added to, and never changed",
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the view"),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, comment="Whose it is"),
    _text("name", "What the user calls it"),
    _text("query", "The part of the page's address that holds the view"),
    UniqueConstraint("user_id", "name"),
    comment="Views of the anomalies that users come back to",
)

audits = Table(
    "audits",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the audit"),
    _time("ended_at", "When it ended", server_default=func.now()),
    _text("by", "Who ran it"),
    _text("stream", "Name of the stream"),
    Column(
        "is_clean",
        Boolean,
        nullable=False,
        comment="Whether archive and database agreed, once what was missing was repaired",
    ),
    Column("found", JSONB, nullable=False, comment="What it found, counted, by the names of audit --json"),
    Index(None, "stream", "id"),
    comment="What audits of the archive against the database found",
)

backtests = Table(
    "backtests",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the backtest"),
    _text("by", "Name of the user who began it"),
    _time("begun_at", "When it was asked for", server_default=func.now()),
    _time("seen_at", "When it last said that it runs", server_default=func.now()),
    _time("ended_at", "When it ended; null while it runs", nullable=True),
    _text("text", "The file of rules that is tried"),
    Column("against", Integer, nullable=False, comment="Number of the edition that it is compared with"),
    _time("begin", "Received at this time or later", nullable=True),
    _time("end", "Received before this time", nullable=True),
    _count("done", "Bytes of the archive that are read"),
    _count("total", "Bytes of the archive that there are to read"),
    Column("report", JSONB, nullable=True, comment="What it found, as rules backtest --json prints it"),
    _text("fault", "Why it could not be ended", nullable=True),
    comment="Rules that were tried on the archive from the console",
)
