"""The player: a notebook widget, and the same player as one offline HTML page.

Begin with `player`, the widget, or `page`, the HTML page. For both, `payload` and `panes` turn explanations into a
payload for the browser, and `settings` defines the settings. In a notebook a page sends messages (`protocol`) to the
`service` of its player, which runs the operations of `handlers`, `frame_requests` and `file_export` on the threads of
`worker`.

The part of the player that runs in the browser, with its buttons and keys, is TypeScript in ``js/src``.
"""
