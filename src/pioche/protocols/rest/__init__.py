"""The Hub's REST API. `routes.TABLE` is its table of contents."""
