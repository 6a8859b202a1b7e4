"""Sessions, throttling and the protection of forms."""
