"""What becomes of a resource that holds what cannot be made anew: tables, buckets, the list of users."""

from aws_cdk import RemovalPolicy

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""It outlives its stack: whoever deletes the stack in the console, or changes the template by mistake, deletes no
prompt and no user. ``tlfif destroy``, which lists and asks, removes it by name and tag. Where a stack cannot even be
created, it goes with the rest."""
