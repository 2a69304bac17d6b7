"""The pages of reports, appeals and blocks, the log of changes, and what of these administrators decide (`/admin`)."""
