"""Spend: what machines and standing items cost. Rules: ``spans``, ``span_costs``, ``standing_costs``, ``tariff``,
``forecast``, ``idle_adviser``. Port: ``ledger`` (when machines ran). Use cases: ``meter`` writes the ledger, ``totals``
and ``answer_costs`` compute costs from it, ``last_seen`` tells how long a machine without an end is known to have run.
"""
