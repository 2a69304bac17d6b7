"""The process that renders: see `bounded` for what holds it back."""

from pioche.render import bounded, diffs, folding, highlighting, markdown, notebooks, tables
from pioche.render.bounded import Fetch
from pioche.render.jobs import CodeJob, CommentJob, DiffJob, FoldJob, Job, MarkdownJob, NotebookJob, TableJob
from pioche.render.results import Code, Diff, Folded, Markdown, Notebook, Table


def perform(job: Job) -> Markdown | Code | Notebook | Table | Folded | Diff:
    """The work itself; `pool` sees to it that it runs in the right process."""
    match job:
        case MarkdownJob():
            return markdown.render(job.source, job.links)
        case CommentJob():
            return markdown.comment(job.source, job.links, job.mentions)
        case CodeJob():
            return highlighting.highlight(job.source, job.name)
        case NotebookJob():
            return notebooks.render(job.source, job.links)
        case TableJob():
            return tables.table(job.source, job.name, is_whole=job.is_whole, rows_max=job.rows_max)
        case FoldJob():
            return folding.tree(job.source)
        case DiffJob():
            return diffs.diff(job.old, job.new, context=job.context, ignores_space=job.ignores_space)


def main() -> None:
    def render(job: Job, _fetch: Fetch) -> object:
        return perform(job)

    bounded.serve(Job, render)


if __name__ == "__main__":
    main()
