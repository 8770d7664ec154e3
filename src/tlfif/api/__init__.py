"""The HTTP API: app factory, routes, schemas, problems, the gate."""
