"""Dead letters are redriven and discarded, and the breaker stops a flood of them.

Revision ID: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# Of a dead letter what was done about it may change, and nothing else.
RIGHTS = {
    "dead_letters": "UPDATE (state, history)",
    "breaker": "SELECT, INSERT, UPDATE",
}

BREAKER_REPORT = """
SELECT application, stream_incarnation AS stream, tripped_at, shard_id AS shard, sequence_number, records,
       undecodable, reasons, passes_until, history
FROM breaker
"""
RENAMED = {"stream": "stream_incarnation", "shard": "shard_id"}
VIEW_COMMENT = "Whether the consumer has stopped before a flood of dead letters, and what was done about it"


def _column(name: str, kind: Any, comment: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, comment=comment, **options)


COLUMNS = [
    _column("application", sa.Text, "KCL application that it stops"),
    _column("stream_incarnation", sa.Text, "Stream ARN and creation time"),
    _column("tripped_at", TIME, "When it stopped the consumer; null while it does not", nullable=True),
    _column("shard_id", sa.Text, "Kinesis shard of the records that last tripped it"),
    _column("sequence_number", sa.Numeric, "The first of them that could not be evaluated"),
    _column("records", sa.BigInteger, "Records of the window that tripped it"),
    _column("undecodable", sa.Numeric, "How many of them could not be evaluated; a packed one counts in part"),
    _column("reasons", sa.Text, "Why, with the number of lines, the most frequent first"),
    _column(
        "passes_until",
        TIME,
        "Records that Kinesis took before this moment do not trip it; null before the first reset",
        nullable=True,
    ),
    _column(
        "history",
        JSONB,
        "What happened: a list of {at, state, by, note}, oldest first",
        server_default=sa.text("'[]'"),
    ),
]


def upgrade() -> None:
    _create_breaker()
    _create_view()
    for table, rights in RIGHTS.items():
        op.execute(f"GRANT {rights} ON {table} TO consumer")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (state, history) ON dead_letters FROM consumer")
    op.execute("DROP VIEW breaker_report")
    op.drop_table("breaker")


def _create_breaker() -> None:
    op.create_table(
        "breaker",
        *COLUMNS,
        sa.PrimaryKeyConstraint("application", "stream_incarnation", name="breaker_pkey"),
        comment="Stops the consumer before it stores a flood of dead letters: no row, or none tripped, is good",
    )


def _create_view() -> None:
    op.execute(f"CREATE VIEW breaker_report AS {BREAKER_REPORT}")
    op.execute(f"COMMENT ON VIEW breaker_report IS '{VIEW_COMMENT}'")
    words = {column.name: column.comment for column in COLUMNS}
    for name in (*words.keys() - set(RENAMED.values()), *RENAMED):
        op.execute(f"COMMENT ON COLUMN breaker_report.{name} IS '{words[RENAMED.get(name, name)]}'")
    op.execute("GRANT SELECT ON breaker_report TO analyst")
