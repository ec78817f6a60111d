"""Scheduled reports: saved queries whose answers are sent away."""
