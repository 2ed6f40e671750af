"""Programs as the objects of a gateway provider; each package is one provider."""
