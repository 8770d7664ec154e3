"""The worker: claims jobs, drives the engine, writes events, and ends the machine when nobody needs it."""
