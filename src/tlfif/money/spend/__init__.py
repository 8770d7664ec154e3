"""Spend: the ledger of machine time and what is computed from it."""
