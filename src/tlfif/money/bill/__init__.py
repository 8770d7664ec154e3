"""Bill: what AWS itself says that the account costs."""
