"""The Postman collection, made from the OpenAPI document.

``python -m aeon_jobs.ops.postman`` writes it, ``--check`` compares.
"""
