"""Deployment of the home on AWS. Rules: ``deployment``, ``plan``, ``stack_words``. Ports: ``installation``,
``sweeper``, ``journal``, ``owner_profile``. Use cases: ``deploy``, ``destroy``, ``follow_stack``.
"""
