"""All that is HTTP and no feature: the application, bodies, parameters, problems, the description."""
