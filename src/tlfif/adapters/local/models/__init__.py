"""Model files on this computer: download, check, read."""
