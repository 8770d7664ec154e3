"""The wire shapes of other programs: pure functions between their requests and a submission, and from a job's events to
their answers. No dialect knows a store or a route."""
