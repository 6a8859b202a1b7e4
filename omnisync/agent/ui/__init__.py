"""The agent's pages, in pt-BR. They work without JavaScript; with it, what changes by itself is refreshed in place."""

from __future__ import annotations

from omnisync.agent.ui.app import create_app
from omnisync.agent.ui.pages import Parts

__all__ = ["Parts", "create_app"]
