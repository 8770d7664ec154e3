"""Money: amounts and months; each folder below is one subject of it."""
