"""Ports kept by the European Central Bank."""
