"""Engines: whatever speaks OpenAI-style HTTP."""
