"""Stands in for the generated bindings in native tests: the same items, over a small engine in memory.

It keeps to the contract of the interface (claims slots on `execute`, checks lengths and capacity, drops drafts that do not hold), and its
model's choice depends on exactly what a token sees. So a mistake in positions, masks, pages or rollback changes what the tests generate.
A test compares its surface with the `wit/` folder.
"""
