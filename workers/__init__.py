"""The processes: the arq worker and the change listener.

No business rule is here.
"""
