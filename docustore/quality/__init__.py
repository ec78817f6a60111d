"""Live data quality: rules, the verdict on each user, and the report."""
