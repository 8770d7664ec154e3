"""What goes over HTTP, each shape once: the API answers with it, the OpenAPI document shows it, the client types with
it. The docstrings stand in that document, so they say null where Python has None."""
