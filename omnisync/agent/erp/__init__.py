"""Where records land: the promise every ERP keeps, and the databases that keep it."""
