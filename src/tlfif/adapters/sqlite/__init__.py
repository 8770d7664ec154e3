"""Ports kept in a SQLite file."""
