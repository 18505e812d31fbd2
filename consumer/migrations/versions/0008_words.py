"""What people wrote about anomalies is found by its words.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    words = "to_tsvector('simple'::regconfig, words)"  # as it was written: people write in any language
    op.execute(f"CREATE INDEX anomaly_events_words_idx ON anomaly_events USING gin ({words})")


def downgrade() -> None:
    op.drop_index("anomaly_events_words_idx", "anomaly_events")
