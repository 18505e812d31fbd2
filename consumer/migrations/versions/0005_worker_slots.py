"""Workers' ids belong to slots, so that a consumer that takes a dead one's place is that worker.

Revision ID: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

COLUMNS: list[sa.Column[Any]] = [
    sa.Column("application", sa.Text, nullable=False, comment="KCL application whose workers they are"),
    sa.Column(
        "slot", sa.Integer, nullable=False, autoincrement=False, comment="From 0; its worker's id is worker-SLOT"
    ),
    sa.Column("holder", sa.Uuid, comment="The process's life that has it; null once it was given up"),
    sa.Column("claimed_at", TIME, nullable=False, comment="Since when that one, or the last one, has it"),
    sa.Column(
        "expires_at",
        TIME,
        nullable=False,
        comment="Whose time is over without a renewal counts as dead; or when it was given up",
    ),
]

WORKER_REPORT = """
SELECT application, 'worker-' || slot AS worker,
       CASE WHEN holder IS NULL THEN 'given up' WHEN expires_at > now() THEN 'running' ELSE 'silent' END AS state,
       claimed_at, expires_at
FROM worker_slots
"""
VIEW_COMMENT = "The consumers by their workers' ids, as in KCL's lease table, and whether they run"
VIEW_COLUMNS = {
    "application": "KCL application whose workers they are",
    "worker": "Id of the worker",
    "state": "running; silent: it died, or cannot reach the database; given up: it was stopped",
    "claimed_at": "Since when that process, or the last one, has the id",
    "expires_at": "When it counts as dead without a renewal; or when it was given up",
}


def upgrade() -> None:
    op.create_table(
        "worker_slots",
        *COLUMNS,
        sa.PrimaryKeyConstraint("application", "slot", name="worker_slots_pkey"),
        sa.CheckConstraint("slot >= 0", name="slot"),
        comment="Ids of consumers that outlive them: who takes a dead one's slot has its shards at once",
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON worker_slots TO consumer")
    op.execute(f"CREATE VIEW worker_report AS {WORKER_REPORT}")
    op.execute("COMMENT ON VIEW worker_report IS " + _quoted(VIEW_COMMENT))
    for name, words in VIEW_COLUMNS.items():
        op.execute(f"COMMENT ON COLUMN worker_report.{name} IS " + _quoted(words))
    op.execute("GRANT SELECT ON worker_report TO analyst")


def downgrade() -> None:
    op.execute("DROP VIEW worker_report")
    op.drop_table("worker_slots")


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
