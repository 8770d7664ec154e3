"""Prices. Rules: ``prices`` (the price book), ``built_in_prices``, ``price_changes``. Ports: ``price_source``,
``price_store``. Use cases: ``refresh_prices``; ``pricing`` reads the prices and the exchange rate in force.
"""
