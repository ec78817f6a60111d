"""History as a star schema: views in MongoDB, and files of Apache Parquet."""
