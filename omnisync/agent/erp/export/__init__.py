"""Rows on their way out: streamed from the ERP, cut into chunks, and written as the contract's lines."""
