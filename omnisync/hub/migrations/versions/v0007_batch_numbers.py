"""The number of a batch in its set: so that its name is not forgotten by a clock alone."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Number the batches by when they came."""
    op.add_column("export_batch", Column("number", BigInteger, nullable=False, server_default="0"))
    op.execute(
        """
        UPDATE export_batch SET number = numbered.number FROM (
            SELECT set_id, id, row_number() OVER (PARTITION BY set_id ORDER BY received_at, id) AS number
            FROM export_batch
        ) AS numbered WHERE numbered.set_id = export_batch.set_id AND numbered.id = export_batch.id
        """
    )
    op.create_index("export_batch_order", "export_batch", ["set_id", "number", "received_at"])
