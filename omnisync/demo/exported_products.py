"""The products and prices that the ERP exported to the hub, kept as an app of OmniForce does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import msgspec

from omnisync.agent.hub_api.transport import ExpiredError
from omnisync.contract.batches import ExportPage, Upsert
from omnisync.contract.datasets import Price
from omnisync.contract.datasets import Product as ErpProduct
from omnisync.demo.seed_data import SampleProduct

_Row = TypeVar("_Row", ErpProduct, Price)


class ExportedProducts:
    """A copy of the hub's products and prices. `read` answers the page of a dataset after a cursor, empty at first."""

    def __init__(self, read: Callable[[str, str], ExportPage]) -> None:
        self._read = read
        self._cursors: dict[str, str] = {}
        self._products: dict[str, ErpProduct] = {}
        self._prices: dict[str, Price] = {}

    def read_available(self) -> tuple[SampleProduct, ...]:
        """Read on from where it stopped: what may be sold now, active and with a price in both tables."""
        self._read_dataset("products", self._products, ErpProduct)
        self._read_dataset("prices", self._prices, Price)
        prices = {(price.table_code, price.product_code): price.price for price in self._prices.values()}
        return tuple(
            SampleProduct(
                code=product.code,
                name=product.name,
                gtin=product.gtin,
                ncm=product.ncm or "",
                unit=product.unit,
                price=prices["ATACADO", product.code],
                retail_price=prices["VAREJO", product.code],
                ipi_percent=Decimal(0),
                is_bulk=False,
            )
            for product in self._products.values()
            if product.is_active and {("ATACADO", product.code), ("VAREJO", product.code)} <= prices.keys()
        )

    def _read_dataset(self, dataset: str, rows: dict[str, _Row], kind: type[_Row]) -> None:
        has_more = True
        while has_more:
            try:
                page = self._read(dataset, self._cursors.get(dataset, ""))
            except ExpiredError:  # the hub was restored: what it does not send again is gone
                if not self._cursors.pop(dataset, ""):
                    raise
                rows.clear()
                continue
            for line in page.lines:
                if isinstance(line, Upsert):
                    rows[line.key] = msgspec.json.decode(line.data, type=kind)
                else:
                    rows.pop(line.key, None)
            self._cursors[dataset], has_more = page.cursor, page.has_more
