"""The Hub's buckets API (hub-api.md section 8): the REST API's dialect, except that there are no revisions."""
