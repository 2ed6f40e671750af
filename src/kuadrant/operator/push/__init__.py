"""Pushes modules and configurations to gateways over xDS, and decides who may ask for them."""
