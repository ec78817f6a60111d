"""The hourly upsert ETL: source -> pages -> parse -> transform -> classify -> load -> run record, watermark."""
