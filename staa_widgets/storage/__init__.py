"""Files on disk: the safetensors format with a checksum (`format`) and the content-addressed cache (`cache`).

Begin with `format`. `staa_widgets.engine.keys` makes the keys of the cache.
"""
