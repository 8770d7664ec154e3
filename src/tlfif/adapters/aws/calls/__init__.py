"""What every call to AWS shares: clients, retries, errors, tables."""
