"""The routes of the API, by noun. Chalice ships a folder of this name beside `app.py`."""
