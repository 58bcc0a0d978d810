"""The law: documents become decisions, decisions become permits. Pure: no clock, no cloud, no disk but the document.

Absence never allows. deny > ask > allow. `policies.authorize` is the only maker of Permits.
"""
