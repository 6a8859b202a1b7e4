"""The web server that the hub and the agent's pages share."""
