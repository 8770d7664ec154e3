"""Adapters by technology; a file's name ends in its port's name."""
