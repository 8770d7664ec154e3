"""Adapters: ports kept by a technology, inside sorted by capability."""
