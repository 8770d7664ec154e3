"""Routes, one file a subject. A route parses the request, calls a use case and shapes the answer."""
