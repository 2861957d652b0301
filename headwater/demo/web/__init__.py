"""The demo as a web page: a shop that uses the browser SDK, with a backend of one route.

page/ is what the browser gets, sdk.py builds the SDK that it loads, backend.py is what its order
button calls, server.py joins them.
"""
