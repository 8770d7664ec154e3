"""Jobs: accepted prompts, from acceptance to their one end. Rules: ``jobs`` and ``job_record`` (what is known of one),
``transitions`` (every change of one), ``events``, ``endings``, ``limits``, ``policy``, ``refusals``, ``cursors``.
Ports: ``job_store``, ``engine``. Use cases: ``run_job``, ``read_job``, ``delete_jobs``.
"""
