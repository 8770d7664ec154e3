"""Entrypoints: the main functions of the server, the machine, the engine, the worker on AWS and the functions on
AWS."""
