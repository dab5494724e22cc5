"""mediajobs: a video goes in; renditions, audio, HLS, a thumbnail and a transcript come out.

A package holds one subject: jobs, listing, webhooks, live_progress, and so on. I/O is done by the packages `aws` and
`outbound`, by modules whose name ends in `_store`, `_query`, `_queue`, `_client`, `_service` or `tables`, and by
`settings` (environment variables) and `clock` (time). All other modules are pure.
"""

__version__ = "0.1.0"
