"""This computer: processes, files, clock."""
