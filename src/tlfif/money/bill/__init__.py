"""Bill: what AWS itself says that the account costs. Rules: ``bill``, ``bill_report``. Ports: ``bill_source``,
``bill_store``. Use case: ``query_bill``."""
