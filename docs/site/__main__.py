"""Build the documentation site: ``python -m docs.site --out out/docs``, which `make docs` runs."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from docs.site.layout import ROOT

HERE = Path(__file__).parent


def main() -> int:
    """Build the site and check it; return 1 if it has faults."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "docs", help="folder; the pages are in its html/")
    parser.add_argument(
        "--notebooks", type=Path, default=ROOT / "out" / "notebooks", help="folder with the notebooks after a run"
    )
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    os.environ.setdefault("STAA_CACHE", str(out / "cache"))
    start = time.monotonic()
    for folder in ("source", "html"):
        shutil.rmtree(out / folder, ignore_errors=True)
    stage(out / "source", arguments.notebooks.resolve())
    _report(start, "Sphinx")
    if build(out / "source", out):
        return 1
    from docs.site.check import find_faults, site_size

    faults = find_faults(out / "html")
    print(*faults, sep="\n", file=sys.stderr)
    _report(start, f"{site_size(out / 'html') / 1e6:.1f} MB in {out / 'html'}")
    return 1 if faults else 0


def stage(source: Path, executed: Path) -> None:
    """Write all pages, pictures and players into the folder from which Sphinx builds the site."""
    import staa_widgets as staa
    from docs.site import api, examples, methods, notebooks
    from docs.site.stage import stage_pages

    extra, pictures = source / "extra", source / "pictures"
    stage_pages(source, {methods.source_file(method) for method in staa.METHODS.values()})
    shutil.copytree(HERE / "static", source / "_static")
    shutil.copy(HERE / "conf.py", source)
    api.write_api(source)
    captions = examples.write_method_examples(extra, pictures, lambda name: print(f"method {name}", flush=True))
    examples.write_look_examples(extra)
    kinds = examples.write_kind_examples(extra)
    methods.write_methods(source, staa.load_model().geometry, captions)
    methods.write_gallery(source, captions, kinds)
    notebooks.write_notebooks(executed, source, extra)


def build(source: Path, out: Path) -> int:
    """Run Sphinx, for which a warning is an error; return its exit status."""
    from sphinx.cmd.build import build_main  # pyright: ignore[reportMissingImports]

    html = out / "html"
    status = build_main(["-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees"), str(source), str(html)])
    # The theme leaves templates, and the sources of its JavaScript.
    for pattern in ("*macros.html", "*.js.map", "*.css.map"):
        for file in (html / "_static").rglob(pattern):
            file.unlink()
    return status


def _report(start: float, text: str) -> None:
    print(f"{time.monotonic() - start:4.0f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
