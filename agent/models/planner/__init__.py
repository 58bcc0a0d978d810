"""The offline planner's parts: it reads a question, asks tools, and answers from what they said. No language model."""
