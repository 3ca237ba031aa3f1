"""The player: a notebook widget, and the same player as one offline HTML page.

Begin with `player`, the widget, or `page`, the file. Both turn explanations into a payload for the browser by `payload`
and `panes`; `settings` defines the settings. In a notebook a page sends messages (`protocol`) to the `service` of its
player, which runs the operations of `handlers`, `frame_requests` and `file_export` on the threads of `worker`.

The half of the player that runs in the browser, with its controls and keys, is TypeScript in ``js/src``.
"""
