"""What the use cases share: context, principals, conditions, validation, errors.

May import `api.contract` and `persistence`.
"""
