"""The agent's settings, connections, secrets and files on this computer."""
