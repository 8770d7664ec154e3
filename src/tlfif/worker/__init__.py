"""Worker: claims jobs, drives the engine, writes events, and ends its machine when it is idle. ``lifecycle`` runs one
machine: ``machine_life`` (engine, heartbeats, idle time-out), ``worker`` (jobs) and ``event_writer`` (their events)."""
