"""Machines: their states and records, and the ports that launch and remember them."""
