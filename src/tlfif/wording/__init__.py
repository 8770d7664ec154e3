"""Sentences that the window and the command line both show, each made once."""
