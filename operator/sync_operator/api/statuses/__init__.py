"""``status`` of each kind: conditions, reasons, and what the operator found out."""
