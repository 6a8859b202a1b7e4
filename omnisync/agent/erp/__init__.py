"""The ERP: the promise of every ERP, and the databases that keep it."""
