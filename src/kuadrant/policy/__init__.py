"""What rate limit policies mean: one model for both API versions, what they are attached to and how they are merged."""
