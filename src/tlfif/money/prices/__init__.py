"""Prices: list prices, the price book in force, and how it is refreshed."""
