"""Budget: the owner's monthly limit. Rules: ``budget``, ``budget_limit`` (validation). Port: ``budget_ledger``. Use
case: ``budget_gate`` enforces the limit.
"""
