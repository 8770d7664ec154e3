"""Deployment of the home on AWS. Rules: ``deployment``, ``plan``, ``stack_changes``, ``stack_words``. Ports:
``installation``, ``sweeper``, ``journal``, ``owner_profile``. Use cases: ``deploy``, ``difference``, ``destroy``,
``follow_stack``.
"""
