"""Kernel: what every capability needs. Rules: ``errors``, ``redacted_traceback``. Port: ``clock`` (time and new ids).
``home``: the data folder and the environment variables that every command may read.
"""
