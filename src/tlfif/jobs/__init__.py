"""Jobs: requests, events, limits, every transition of a job, and the use cases of answering one."""
