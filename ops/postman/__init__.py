"""The Postman collection, made from the OpenAPI document: ``python -m ops.postman`` writes it, ``--check`` compares."""
