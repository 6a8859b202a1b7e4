"""The connection page: its form, its test, and the setup wizard."""
