"""Ports kept in the memory of one process."""
