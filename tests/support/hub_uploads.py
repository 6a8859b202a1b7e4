"""Batches put into a hub's store, and the rows read back, without its HTTP face."""

from __future__ import annotations

import gzip
import json
from typing import Any

from omnisync.contract.batches import content_digest
from omnisync.contract.datasets import Dataset
from omnisync.hub import export_feed
from omnisync.hub.store import Store
from omnisync.hub.uploads import Upload
from tests.support.dataset_rows import PRODUCTS


def upload(batch: str, *lines: bytes, dataset: Dataset = PRODUCTS, **more: Any) -> Upload:
    """A batch of these lines as its request announces it, packed."""
    body = gzip.compress(b"\n".join(lines), mtime=0)
    digest = content_digest(body)
    return Upload(dataset=dataset, batch=batch, digest=digest, n_lines=len(lines), body=body, is_gzip=True, **more)


def rows(store: Store, company: str, cursor: str | None = None, limit: int = 1000) -> tuple[list[Any], str]:
    """The products after a cursor, page by page, and the cursor at their end."""
    lines: list[Any] = []
    while True:
        answer = export_feed.page(store, company, PRODUCTS, cursor, limit=limit)
        page = json.loads(answer.body or b"")
        lines, cursor = lines + page["lines"], page["cursor"]
        if not page["has_more"]:
            return lines, page["cursor"]
