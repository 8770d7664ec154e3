"""The HTTP API: app factory, routes, request bodies, problems, gates, the embedded server."""
