"""Events over HTTP in the shape of the Segment specification, for the clients that merchants already have.

``segment-analytics-python``, ``@segment/analytics-node`` and RudderStack's SDKs work unchanged when their host points
here: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
"""
