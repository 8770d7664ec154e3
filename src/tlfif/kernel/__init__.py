"""Kernel: what every capability needs. Rules: ``errors``, ``redacted_traceback``. Port: ``clock`` (time and new ids).
``data_folder``: the folder of all state and the environment variables that every command may read.
"""
