"""Control: accepts prompts, starts and stops machines, and reconciles what runs with what should run.

Rules: ``scaling``. Ports: ``machine_control``, ``authority``. Use cases: ``submit_job``, ``start_machine``,
``stop_machine``, ``describe_machine``, ``launch_machine``, ``end_machine``, ``reconcile``. The
router runs ``reconcile`` in a loop (``router_loop``) or on a schedule (``scheduled_router``); ``container`` is what the
API and the router are given.
"""
