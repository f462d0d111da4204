"""Syncs. A live one is chosen and claimed in ``claims``, fetched and written in ``sync_run``.

``sync_result`` and ``account_results`` hold the written result, ``schedule`` when the next one is
due, ``provider_quota`` and ``lease`` the limits of a running one, ``syncs`` reading and retracting.
"""
