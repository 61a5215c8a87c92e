"""The work queue: deduplication, priorities, retries with backoff, and fair shares."""
