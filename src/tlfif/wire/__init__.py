"""What goes over HTTP, each shape once: the API answers with it, the client types with it."""
