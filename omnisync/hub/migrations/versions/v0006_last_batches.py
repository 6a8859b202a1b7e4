"""The table of what each token's name sent last of a dataset."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, with all who have named a row: which batch was their last is not known."""
    op.create_table(
        "export_last_batch",
        Column("set_id", Integer, nullable=False),
        Column("source", String(60), nullable=False),
        Column("batch", String(60), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        PrimaryKeyConstraint("set_id", "source", name="export_last_batch_key"),
        ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_last_batch_set"),
    )
    op.execute(
        "INSERT INTO export_last_batch (set_id, source, batch, sequence)"
        " SELECT DISTINCT r.set_id, r.source, '', 0 FROM export_row r JOIN export_set s ON s.id = r.set_id"
    )
