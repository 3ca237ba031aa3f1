# pyright: reportMissingImports=false, reportMissingModuleSource=false
"""Sphinx extension of the site: players in frames, and formulas as MathML, which need no JavaScript."""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

from docs.site.frames import player_frame
from docs.site.layout import relative


class PlayerDirective(Directive):
    """Show an exported page, ``players/NAME.html``, in a frame."""

    required_arguments = 1
    option_spec: ClassVar = {"title": directives.unchanged_required, "height": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """Return the frame, and a link to the page itself."""
        page = self.state.document.settings.env.docname
        path = relative(f"players/{self.arguments[0]}.html", page)
        return [nodes.raw("", player_frame(path, **self.options), format="html")]


def _write_math(writer: Any, node: nodes.Element) -> None:
    is_block = isinstance(node, nodes.math_block)
    mathml = tex2mathml(node.astext(), as_block=is_block)
    writer.body.append(f'<div class="staa-formula" tabindex="0">{mathml}</div>' if is_block else mathml)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the renderer."""
    app.add_directive("player", PlayerDirective)
    app.add_html_math_renderer("mathml", (_write_math, None), (_write_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
