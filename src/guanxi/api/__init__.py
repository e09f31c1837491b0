"""The HTTP interface: one file per capability, put together by ``guanxi.api.app.create_app``."""
