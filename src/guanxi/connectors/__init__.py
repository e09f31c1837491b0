"""What the outside world says, turned into messages: files, the demo merchant, and later the platforms, a folder each.

A connector knows nothing of storage. It hands *messages* (Segment-shaped mappings) to an ``Intake``, which the
composition root provides.
"""
