"""The history page, the search, and the diagnostics package."""
