"""The HTTP API: `http` (what all routes share), `views` and `openapi`. Chalice ships the folder of this name beside
`app.py`."""
