"""The code map page (De/Para)."""
