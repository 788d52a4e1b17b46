"""The documentation: pages by hand, and `pages`, which generates the others."""
