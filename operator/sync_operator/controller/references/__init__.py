"""Who refers to what: Connectors and Models as Syncs and Models refer to them, and what uses them."""
