"""The job store of a home whose owner has a Redis or Valkey server."""
