"""Reasoning: the graph, the models, the journal, autonomy.

The model proposes and explains; code decides. The journal is the truth, LangGraph's checkpoints are a cache.
"""
