"""A layout laid beside a database before the first order: `layout check`, and `layout new`'s first draft."""
