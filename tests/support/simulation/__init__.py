"""A company's life in small, in either direction: imports and exports, and all that may happen around them."""
