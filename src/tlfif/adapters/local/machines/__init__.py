"""A machine on this computer: a group of processes."""
