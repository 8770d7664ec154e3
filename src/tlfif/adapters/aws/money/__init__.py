"""Ledger, prices and bills on AWS."""
