"""The only room that asks which device, which rank, which machine; everyone else gets the answer as a value.

`environment` runs before MindSpore is imported, `start` after it.
"""
