"""What the registration engine needs to know about Models, and the preview of their queries."""
