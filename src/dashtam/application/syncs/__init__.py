"""Syncs. A live one is chosen and claimed in ``claims``, fetched and written in ``sync_run``.

``sync_result`` is the written result, ``schedule`` when the next one is due, ``provider_quota`` the
limit of a running one's requests, ``syncs`` reading and retracting.
"""
