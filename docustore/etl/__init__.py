"""The hourly upsert ETL: run -> pages -> batch -> store.

A batch parses and transforms one page. The store classifies its records and writes what changed.
"""
