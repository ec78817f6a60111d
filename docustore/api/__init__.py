"""The shared HTTP layer: everything of the API that belongs to no feature.

Contains the application, request bodies, parameters, problem details, health, metrics and the OpenAPI document.
"""
