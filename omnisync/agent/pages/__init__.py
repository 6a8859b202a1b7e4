"""The agent's pages, in pt-BR, a folder each; without JavaScript they work, with it they refresh."""
