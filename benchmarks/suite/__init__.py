"""What `whole.py` measures: workloads declared once, and libraries that enter by one protocol."""
