"""Files on disk: the safetensors format with a checksum (`format`) and the content-addressed cache (`cache`).

Begin with `format`. What the keys of the cache are made of is in `staa_widgets.engine.keys`.
"""
