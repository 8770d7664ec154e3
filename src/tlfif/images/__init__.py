"""Machine images: built from a commit, booted, tested, approved, promoted, and retired.

Rules: ``image``, ``pipeline`` (what comes next), ``smoke_report``, ``golden_prompts``, ``retention``, ``manifest``.
Ports: ``image_store`` (records and logs), ``image_registry`` (what exists, and which image is launched),
``image_builder``, ``source_repository``. Use cases: ``run_pipeline``, ``decide_on_image``, ``watch_repository``.
"""
