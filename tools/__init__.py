"""The world: nouns, analysis, and the clouds behind two protocols.

Imports nothing above it. Reads get a CloudReader; only actuation hands a CloudWriter to the
functions that act, and every verb of a CloudWriter demands a Permit.
"""
