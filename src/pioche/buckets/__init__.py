"""Buckets: files by path, without revisions. A bucket is a row of `repos` of type `bucket` without git, refs or entries.

So opening one, its Xet tokens and the contents it holds are those of every repo. Its files are the rows of
`bucket_files`: a path, and the Xet hash of a content that is linked to the bucket. Start at `batch.apply`.
"""
