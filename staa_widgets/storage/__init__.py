"""Files on disk: the safetensors format with a checksum (`format`) and the content-addressed cache (`cache`).

Begin with `format`, then `cache`. `folder` decides whether the folder of the cache may be used, `signing` holds the
secret of its entries, `eviction` chooses what is removed, and `locks` keeps two processes from computing the same.
`staa_widgets.engine.keys` makes the keys of the cache.
"""
