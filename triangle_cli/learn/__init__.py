"""Models that learn from tables and images, with triangle networks in the place of their ReLUs.

tables, images -> splits -> models -> training -> experiment
"""
