"""`python -m omnisync` is `omnisync`."""

from omnisync.cli import main

main()
