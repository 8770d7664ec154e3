"""The database file: connections, threads, notifications between processes."""
