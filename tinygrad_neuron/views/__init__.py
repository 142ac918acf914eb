"""What a graph, a gradient and a descent look like: pictures, pages and tables."""
