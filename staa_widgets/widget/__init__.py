"""The player: a notebook widget, and the same player as one offline HTML page.

`player` is the widget, `page` the file. Both lay explanations out for the browser by `payload` and `panes`; `settings`
says which settings there are. In a notebook a page sends messages (`protocol`) to the `service` of its player, which
runs the operations of `handlers`, `frame_requests` and `file_export` on the threads of `worker`.
"""
