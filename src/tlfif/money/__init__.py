"""Money: amounts (``money``) and months (``billing_month``). ``prices``: what things cost. ``spend``: what machines and
standing items have cost. ``budget``: the monthly limit. ``bill``: what AWS itself has billed.
"""
