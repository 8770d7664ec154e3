"""Machines: what is launched to answer prompts and ended afterwards. Rules: ``machine`` (states, records),
``transitions`` (how a record changes), ``policy`` (limits). Ports: ``machine_host`` (launches), ``machine_store``
(remembers). Use case: ``list_machines``.
"""
