"""Engines: llama.cpp and vLLM, both spoken to by OpenAI-style HTTP."""
