"""What the plugin reads of objects, and how it shows them."""
