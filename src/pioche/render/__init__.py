"""What strangers wrote, made fit to be shown: markdown, notebooks, code, tables, diffs.

Start at `renderer.Renderer`; `results` has what it answers. Promises:

* Nothing of it runs in this process: `bounded` holds a process of its own to little memory, little time, no
  environment and no files to write; a bomb costs one such process, once, and what is shown instead is the plain text.
* HTML leaves the package only through `allowlist.clean`, which is the last step whatever came before.
* Results are kept under `DATA/cache/render` by what they are of, how they were asked for, and the version of this package.
"""
