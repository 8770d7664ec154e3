"""Routes, one file a noun. A route parses, calls a use case, shapes the answer."""
