"""The microTVM Project API, so that TVM 0.8 to 0.18 can use the templates."""
